"""What the contract of help desks is held with: the desks, an event, and one delivery as the outbox does it."""

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from handoff.connectors.port import Answer, Connector, Desk, DeskTrouble, Message
from outbox.outcomes import Delivered
from tests.fakes.desk.base import FakeDesk
from tests.fakes.desk.chatwoot import FakeChatwoot
from tests.fakes.desk.smtp import FakeMailbox
from tests.fakes.desk.webhook import FakeWebhookDesk
from tests.fakes.desk.zammad import FakeZammad
from tests.fakes.desk.zendesk import FakeZendesk

Fake = FakeDesk | FakeMailbox

HTTP_DESKS: dict[str, type[FakeDesk]] = {
    "webhook": FakeWebhookDesk,
    "zendesk": FakeZendesk,
    "zammad": FakeZammad,
    "chatwoot": FakeChatwoot,
}
DESKS: dict[str, type[FakeDesk] | type[FakeMailbox]] = HTTP_DESKS | {"email": FakeMailbox}

CASE = UUID("01900000-0000-7000-8000-00000000c0de")
OTHER_CASE = UUID("01900000-0000-7000-8000-0000000007e4")
WRONG_SECRET = "whsec_" + "d3Jvbmctd3Jvbmctd3Jvbmctd3Jvbmctd3Jvbmc="
NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)

HANDOFF: dict[str, Any] = {
    "handoff_id": "01900000-0000-7000-8000-00000000a77e",
    "case_id": str(CASE),
    "conversation_id": "01900000-0000-7000-8000-00000000cafe",
    "domain": "demo",
    "channel": "web",
    "reason_code": "user_request",
    "reason_text": "asked twice for a person",
    "trigger": {"seq": 3, "text": "let me speak to a human"},
    "priority": "high",
    "queue": "billing",
    "sla": {"first_due": "2026-11-21T11:00:00+00:00", "resolution_due": None},
    "customer": {"ref": "customer@example.com", "locale": "en", "verified": True},
    "summary": {
        "problem": "charged twice",
        "tried": "explained the invoice",
        "open_questions": ["When is it refunded?"],
        "covers": [1, 3],
        "stale": False,
    },
    "transcript": {
        "inline": [
            {"seq": 1, "role": "user", "text": "I was charged twice"},
            {"seq": 1, "role": "assistant", "text": "Sorry to hear that."},
            {"seq": 3, "role": "user", "text": "let me speak to a human"},
        ],
        "count": 3,
    },
    "references": [],
    "links": {"case_url": "https://holdfast.example/admin/case/1"},
    "redaction_version": 1,
    "created_at": NOW.isoformat(),
}


def event(
    event_type: str = "handoff.requested", number: int = 1, case_id: UUID = CASE, **payload: Any
) -> Message:
    """Return an event of the case; ``number`` makes its id and its time."""
    about = {
        "case_id": str(case_id),
        "conversation_id": HANDOFF["conversation_id"],
        "domain": "demo",
        "channel": "web",
    }
    given = HANDOFF | about if event_type == "handoff.requested" else about | {"seq": number}
    return Message(
        event_id=UUID(int=case_id.int + (number << 64)),
        event_type=event_type,
        schema_version=1,
        created_at=NOW + timedelta(seconds=number),
        case_id=case_id,
        payload=given | payload,
    )


def said(number: int, text: str, speaker: str = "customer") -> Message:
    """Return ``case.message``."""
    facts = {"from": speaker, "author": "", "text": text, "turn_seq": number}
    return event("case.message", number, created_at=NOW.isoformat(), **facts)


def noted(number: int, text: str) -> Message:
    """Return ``case.note``."""
    return event("case.note", number, author="Ben", text=text, created_at=NOW.isoformat())


def moved(number: int, status: str, previous: str = "open") -> Message:
    """Return ``case.status``."""
    facts = {
        "status": status,
        "previous": previous,
        "priority": "high",
        "queue": "billing",
        "assignee": "ben",
    }
    facts |= {"reason": status, "actor": "agent:ben", "created_at": NOW.isoformat()}
    return event("case.status", number, **facts)


def deliver(connector: Connector, desk: Desk, message: Message) -> Answer:
    """Do what the outbox does with one event: look up where that is needed, then create or update."""
    try:
        if message.event_type != "handoff.requested":
            return connector.update(desk, message)
        found = connector.find(desk, CASE) if message.tries and connector.correlates else None
        return found or connector.create(desk, message)
    except DeskTrouble as trouble:
        return trouble.answer


def again(message: Message, external_id: str = "") -> Message:
    """Return the event on its next try, or with the desk's id of the case."""
    return replace(
        message, tries=message.tries + (not external_id), external_id=external_id or message.external_id
    )


def hostile_texts() -> list[str]:
    """Return the shared set of bad inputs where it is there, the repository's own sample where it is not."""
    here = Path(__file__).resolve()
    shared = here.parents[3] / "shared" / "data" / "bad_inputs.jsonl"
    path = shared if shared.exists() else here.parents[1] / "persistence" / "hostile.jsonl"
    return [_text(json.loads(line)) for line in path.read_text("utf-8").splitlines()]


def _text(line: dict[str, Any]) -> str:
    if line["form"] == "bytes_b64":
        return base64.b64decode(line["b64"]).decode("utf-8", "replace")
    if line["form"] == "text":
        return str(line["text"])
    made = line["gen"]
    return made["repeat"] * made["count"] if "repeat" in made else json.dumps(made)


def opened(adapter: Connector, fake: Fake) -> str:
    """Open the case at the desk and return the desk's id of it."""
    answer = deliver(adapter, fake.desk(), event())
    assert isinstance(answer.outcome, Delivered), answer
    return answer.external_id


def lose_an_answer(fake: Fake, method: str) -> None:
    """Let the desk keep the next thing that it is given, and hang up."""
    if isinstance(fake, FakeDesk):
        fake.fail("lose_answer", method=method)
    else:
        fake.fail("data", lose=True)
