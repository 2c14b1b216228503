"""``POST /inbound/{connector}``: what help desks post, proven by its signature in place of a key."""

import re
from datetime import UTC, datetime

from django.http import HttpRequest, HttpResponse
from ninja import Router, Schema
from pydantic import Field

from handoff.connectors.port import Connector, Desk, Heard, NotAuthentic, Unreadable
from handoff.connectors.registry import UnknownConnector, connector
from handoff.endpoints import as_desk
from handoff.inbound.apply import hear
from handoff.inbound.errors import NOT_VERIFIED, EndpointOff, InboundUnavailable
from handoff.models import Endpoint
from handoff.secrets import SecretsUnreadable
from persistence.database import translated
from persistence.errors import NotFound, PersistenceUnavailable
from persistence.http.answers import Problem, answer
from persistence.jsontext import refuse

router = Router(tags=["inbound"])

_NAME = re.compile(r"[A-Za-z0-9_-]{1,63}")


class InboundAnswer(Schema):
    """It is committed, or was before."""

    duplicate: bool = Field(description="All of it was told before; nothing changed.")
    outcomes: list[str] = Field(
        description="One for each thing told: applied, kept_as_note, stale, ended, refused, ignored, not_ours or "
        "duplicate."
    )


@router.post(
    "/inbound/{connector}",
    auth=None,
    response={200: InboundAnswer} | dict.fromkeys((401, 404, 413, 422, 503), Problem),
    summary="Take what a help desk posts",
)
def post_inbound(request: HttpRequest, connector: str) -> HttpResponse:
    """Apply what a help desk tells: replies to the customer, internal notes, statuses, assignments.

    ``connector`` is the slug of the endpoint, or the kind of connector where one active endpoint has it. The signature
    is verified over the raw bytes. 200: committed, now or before. 503, or no answer: post the same again.
    """
    body = request.body
    headers = {name.lower(): value for name, value in request.headers.items()}
    try:
        endpoint = endpoint_named(connector)
        found = [hear(endpoint, heard) for heard in told(endpoint, headers, body)]
    except PersistenceUnavailable as error:
        raise InboundUnavailable from error
    return answer(
        200,
        {
            "duplicate": bool(found) and all(one.duplicate for one in found),
            "outcomes": ["duplicate" if one.duplicate else one.outcome for one in found],
        },
    )


def endpoint_named(name: str) -> Endpoint:
    """Return the help desk of that slug, or the only active one of that kind. Raises NotFound, EndpointOff."""
    if not _NAME.fullmatch(name):
        raise NotFound("help desk")
    desks = Endpoint.objects.filter(purpose=Endpoint.Purpose.HELPDESK)
    with translated():
        found = desks.filter(slug=name).first()
        of_kind = [] if found else list(desks.filter(connector=name, active=True)[:2])
    if found is None and len(of_kind) == 1:
        found = of_kind[0]
    if found is None:
        raise NotFound("help desk")
    if not found.active:
        raise EndpointOff
    return found


def told(endpoint: Endpoint, headers: dict[str, str], body: bytes) -> list[Heard]:
    """Verify and read a post. Raises NotVerified, InvalidTurn, EndpointOff."""
    adapter, desk = opened(endpoint)
    try:
        return adapter.receive(desk, headers, body, datetime.now(UTC))
    except NotAuthentic as error:
        raise NOT_VERIFIED[error.code] from None
    except Unreadable as error:
        raise refuse(error.field, error.message) from error


def opened(endpoint: Endpoint) -> tuple[Connector, Desk]:
    """Return the endpoint's adapter and its desk with the secrets in clear. Raises EndpointOff."""
    try:
        return connector(endpoint.connector), as_desk(endpoint)
    except (SecretsUnreadable, UnknownConnector) as error:
        raise EndpointOff from error
