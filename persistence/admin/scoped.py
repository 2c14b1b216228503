"""Admin pages that show a user only the domains that are theirs."""

from typing import Any

from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from persistence.access import EVERY_DOMAIN, domains_of

NO_DOMAIN = (
    "Nothing to show: no domain has been given to you yet. Somebody who looks after users can name your domains on "
    "your user's page."
)


def own_domains(user: Any, field: str = "domain") -> Q:
    """Return the condition for rows that this user may see; ``field`` leads to the row's domain."""
    domains = domains_of(user)
    return Q() if domains is EVERY_DOMAIN else Q(**{f"{field}__in": domains})


class OwnDomains:
    """Put in front of a ModelAdmin: every list, page and action sees the user's own domains alone."""

    domain_field = "domain"

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        if domains_of(request.user) == []:
            messages.warning(request, NO_DOMAIN)
        return super().changelist_view(request, extra_context)  # type: ignore[misc]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        every: QuerySet[Any] = super().get_queryset(request)  # type: ignore[misc]
        return every.filter(own_domains(request.user, self.domain_field))
