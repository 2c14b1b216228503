"""The house's endpoints, with leases and rests short enough for a test to wait for."""

from typing import Any

from django.conf import settings

from handoff.endpoints import Endpoints


class HurriedEndpoints(Endpoints):
    """``handoff.endpoints.Endpoints`` but for its times; a dozen deaths are the experiment's doing, not poison."""

    def all(self) -> dict[str, dict[str, Any]]:
        return {name: entry | settings.FAULTS_HURRIED for name, entry in super().all().items()}

    def one(self, name: str) -> dict[str, Any] | None:
        found = super().one(name)
        return None if found is None else found | settings.FAULTS_HURRIED
