"""Cases that stand in the way of an erasure, as links on the page about a customer's data."""

from typing import Any
from uuid import UUID

from django.urls import reverse

from handoff.models import SupportCase
from persistence.access import may_see
from persistence.admin.places import add_place


def case_address(user: Any, case_id: UUID) -> str | None:
    """Return the address of a case's page for a user who may open it, or None."""
    if not user.has_perm("handoff.view_supportcase"):
        return None
    case = SupportCase.objects.filter(case_id=case_id).only("domain").first()
    if case is None or not may_see(user, case.domain):
        return None
    return reverse("admin:handoff_supportcase_change", args=(case.pk,))


add_place(case_address)
