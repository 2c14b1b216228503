"""Who is calling: ``Authorization: Bearer <key>``. The key fixes the domain."""

from typing import NoReturn

from django.http import HttpRequest
from ninja.security import HttpBearer

from persistence import apikeys
from persistence.apikeys import KeyOwner
from persistence.database import translated
from persistence.errors import KeyRevoked, PersistenceUnavailable, Unauthenticated


class ApiKeyAuth(HttpBearer):
    """Return the key's owner as ``request.auth``. Raises Unauthenticated, KeyRevoked, PersistenceUnavailable."""

    def authenticate(self, request: HttpRequest, token: str) -> KeyOwner:
        with translated():
            return apikeys.verify(token) or refuse(token)


class LastingKeyAuth(ApiKeyAuth):
    """The same for what must go on without Postgres: a key that was good lately is good while nobody can be asked."""

    def authenticate(self, request: HttpRequest, token: str) -> KeyOwner:
        found = apikeys.verify_with_grace(token)
        with translated():
            return found or refuse(token)


def may_go_on(token: str) -> bool:
    """Say whether a key that was let in would be let in now; for answers that go on for minutes."""
    try:
        return apikeys.verify_with_grace(token) is not None
    except PersistenceUnavailable:
        return False


def refuse(token: str) -> NoReturn:
    raise KeyRevoked if apikeys.was_revoked(token) else Unauthenticated
