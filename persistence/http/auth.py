"""Who is calling: ``Authorization: Bearer <key>``. The key fixes the domain."""

from typing import NoReturn

from django.http import HttpRequest
from ninja.security import HttpBearer

from persistence import apikeys
from persistence.apikeys import KeyOwner
from persistence.database import translated
from persistence.errors import KeyRevoked, Unauthenticated


class ApiKeyAuth(HttpBearer):
    """Return the key's owner as ``request.auth``. Raises Unauthenticated, KeyRevoked, PersistenceUnavailable."""

    def authenticate(self, request: HttpRequest, token: str) -> KeyOwner:
        with translated():
            return apikeys.verify(token) or refuse(token)


def refuse(token: str) -> NoReturn:
    raise KeyRevoked if apikeys.was_revoked(token) else Unauthenticated
