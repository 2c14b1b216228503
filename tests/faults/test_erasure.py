"""The drill: erase a customer of a Holdfast at work, and search every copy for a word that only they have said."""

import http.client
import itertools
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from handoff.delivery.erased import TEXT
from handoff.search import BEHIND, KEPT_AFTER_CLOSE
from tests.fakes.desk.base import Reply, Request, Told
from tests.fakes.desk.webhook import FakeWebhookDesk
from tests.faults.client import Client
from tests.faults.copies import files, holding, keys, rows, rows_of
from tests.faults.endpoints import configure
from tests.faults.house import ROOT, House, eventually

# One word, as the search takes it; it stands in all that a customer or an agent can write.
CANARY, CONTROL = "zebrafinch", "kingfisher"
LONG = 40  # turns of a conversation that is too long for an event's body
READ = """
INSERT INTO persistence_transcript_reading (conversation_id, username, page, from_seq, to_seq)
SELECT id, 'olga', 'conversation', 1, last_seq FROM persistence_conversation
"""
# Whoever was putting an object when it was asked for has ended long ago.
LATER = """
UPDATE persistence_erasure_record SET last_pass_after = now() - interval '1 s', next_pass_at = now()
"""
UNFINISHED = "SELECT count(*) FROM persistence_erasure_record WHERE finished_at IS NULL"
# What the word must have been in for the search to mean something.
KEPT_IN = {
    "persistence_conversation",
    "persistence_turn",
    "handoff_case",
    "handoff_case_event",
    "handoff_case_text",
    "handoff_handoff",
    "outbox_event",
    "outbox_delivery_attempt",
    "summarization_summary",
}
_numbers = itertools.count(1)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


class Desk(FakeWebhookDesk):
    """Answers as real desks do: with what it has of the ticket, so that the log of sends holds the customer's words."""

    def serve(self, request: Request) -> Reply:
        event = request.json()
        if event["type"] in ("reply.created", "control.changed"):
            return Reply(200, {"seen": event["data"]})  # by the app
        reply = super().serve(request)
        ticket = next(one for one in self.tickets if one.case_id == event["data"]["case_id"])
        return Reply(reply.status, reply.content | {"ticket": ticket.fields["data"]["trigger"]})


@dataclass
class Life:
    """Everything that one customer and their agents can say, over HTTP."""

    client: Client
    desk: Desk
    word: str
    conversations: set[str] = field(default_factory=set)
    case_ids: list[str] = field(default_factory=list)

    @property
    def ref(self) -> str:
        return f"cust-{self.word}-4711"

    def live(self) -> None:
        """Talk at length, ask for a human, be served here and from the desk; talk elsewhere; ask again, in vain."""
        for number in range(LONG):
            self.say("long", f"{self.word} {number} " + "on and on " * 70)
        told = self.ask("long", customer_ref=self.ref)
        case_id = told["case_id"]
        self.act(case_id, action="claim", agent="anna")
        self.act(case_id, action="note", agent="anna", text=f"a {self.word}, she says")
        self.act(case_id, action="reply", agent="anna", text=f"Which {self.word} do you mean?")
        self.say("long", f"the blue {self.word}", answered=False)
        eventually(
            lambda: any(one.case_id == case_id for one in self.desk.tickets), "the desk has the ticket"
        )
        self.desk_says("reply", case_id)
        self.desk_says("note", case_id)
        self.act(case_id, action="set_priority", agent="anna", priority="urgent")
        self.act(case_id, action="close", agent="anna", note=f"the {self.word} is found")
        self.summarize(told["conversation_id"])
        self.say("short", f"my {self.word} again", customer_ref=self.ref)
        waiting = self.ask("waiting", customer_ref=self.ref, consent_required=True)
        self.act(waiting["case_id"], action="cancel", agent="anna", note=f"no {self.word} after all")

    def say(self, session: str, text: str, *, answered: bool = True, **more: Any) -> dict[str, Any]:
        """Send one turn in which every field that takes text has the word in it."""
        messages: list[dict[str, Any]] = [{"role": "user", "content": text, "name": self.word}]
        if answered:
            call = {"id": self.word, "type": "function", "function": {"name": "find", "arguments": self.word}}
            messages += [
                {"role": "assistant", "content": "", "tool_calls": [call]},
                {"role": "tool", "content": f"found {self.word}", "tool_call_id": self.word},
                {"role": "assistant", "content": f"You said: {text}"},
            ]
        facts = {
            "messages": messages,
            "reason_codes": [self.word],
            "references": [{"document": self.word}],
            "metadata": {self.word: self.word},
            "model": self.word,
            "error_code": self.word,
        }
        request_id = f"{self.word}/{next(_numbers)}"
        answer = self.client.post(f"{session}-{self.word}", request_id, **facts | more)
        assert answer.status == 201, answer
        self.conversations.add(answer.document["conversation_id"])
        return answer.document

    def ask(self, session: str, *, customer_ref: str, **wish: Any) -> dict[str, Any]:
        """Ask for a human."""
        wish |= {"reason": f"about the {self.word}", "customer": {"locale": self.word}}
        told = self.say(session, f"a human for my {self.word}?", customer_ref=customer_ref, handoff=wish)
        self.case_ids.append(told["case_id"])
        return told

    def act(self, case_id: str, **step: str) -> None:
        done = self.client.request("POST", f"/api/v1/cases/{case_id}/transitions", json.dumps(step).encode())
        assert done.status == 200, done

    def summarize(self, conversation_id: str) -> None:
        done = self.client.request("POST", f"/api/v1/conversations/{conversation_id}/summary", b"{}")
        assert done.status == 200, done

    def desk_says(self, kind: str, case_id: str) -> None:
        """Let an agent of the desk write, as the desk posts it."""
        told = Told(
            kind=kind,
            case_id=UUID(case_id),
            text=f"the desk's {self.word}",
            author=f"Ana of {self.word}",
            delivery_id=f"{kind}-{case_id}",
        )
        headers, body = self.desk.says(told, datetime.now(UTC))
        connection = http.client.HTTPConnection(self.client.url.removeprefix("http://"), timeout=30)
        try:
            connection.request(
                "POST", "/api/v1/inbound/hook", body, headers | {"content-type": "application/json"}
            )
            answer = connection.getresponse()
            assert (answer.status, json.loads(answer.read())["outcomes"]) == (200, ["applied"])
        finally:
            connection.close()


@pytest.fixture
def desk() -> Iterator[Desk]:
    with Desk() as started:
        yield started


def at_rest(house: House) -> None:
    """Wait until all copies are made: off-box, at the desk, in the search, which follows a few seconds behind."""
    house.drain()
    eventually(lambda: not house.query(BEHIND, KEPT_AFTER_CLOSE, 1), "everything written can be searched")


def test_a_customer_who_is_erased_is_in_no_copy_and_nobody_else_has_changed(
    house, ground, private_redis, desk, local_dir
):
    broker = private_redis()
    copies = (local_dir / "archive", local_dir / "claims")
    house = house(
        redis_url=broker.url,
        ARCHIVE_URL=f"file://{copies[0]}",
        CLAIM_CHECK_URL=f"file://{copies[1]}",
        PUBLIC_URL="http://127.0.0.1:8000",
        OUTBOUND_ALLOWED_HOSTS="127.0.0.1",
    )
    configure(house, desk, hook="helpdesk", app="replies")
    stack = house.stack()
    gone, kept = Life(stack.client, desk, CANARY), Life(stack.client, desk, CONTROL)
    for life in (gone, kept):
        life.live()
    at_rest(house)
    house.query(READ)
    for word in (CANARY, CONTROL):
        assert holding(word, rows(house)) >= KEPT_IN
        assert {Path(path).is_relative_to(copies[1]) for path in holding(word, files(*copies))} == {
            False,
            True,
        }
    rows_before, files_before = rows_of(house, kept.ref), files(*copies)
    assert all(rows_before.values()), "the other customer has a row of every kind"
    theirs = holding(CANARY, files_before)

    status, told = house.manage("subject", "erase", "--customer", gone.ref, "--confirm", gone.ref)

    assert (status, told["ok"]) == (1, False), "a copy is in other hands, and says so"
    assert told["reached"]["cases"] == 2
    assert told["reached"]["conversations"] == len(gone.conversations) == 3
    assert list(told["unreachable"]) == ["helpdesk:hook"]
    house.drain()
    house.query(LATER)
    eventually(lambda: house.value(UNFINISHED) == 0, "the last pass over what is off-box went through", 100)

    searched = rows(house)
    for word in (CANARY, gone.ref):
        assert holding(word, searched) == set()
        assert holding(word, files(*copies)) == set()
        assert holding(word, keys(broker.url)) == set()
        assert holding(word, files(house.directory)) == set(), (
            "neither logs nor anything else of the processes"
        )
    assert rows_of(house, kept.ref) == rows_before
    assert files(*copies) == {path: held for path, held in files_before.items() if path not in theirs}
    assert theirs

    asked = {one.case_id: [comment.text for comment in one.comments].count(TEXT) for one in desk.tickets}
    assert asked == {gone.case_ids[0]: 1, kept.case_ids[0]: 0}
    status, verified = house.manage("archive", "verify")
    assert (status, verified["ok"], verified["foreign"], verified["missing"]) == (0, True, [], [])
    restored_brings_only(kept, house, ground.copy())


def restored_brings_only(kept: Life, house: House, database_url: str) -> None:
    """Rebuild an empty database from the archive, and look who comes back."""
    environ = house.environ | {"DATABASE_URL": database_url}
    command = House.command("manage.py", "archive", "restore", "--json")
    done = subprocess.run(
        command, cwd=ROOT, env=environ, capture_output=True, text=True, check=True, timeout=120
    )
    assert json.loads(done.stdout.splitlines()[-1])["conversations"] == len(kept.conversations)
    house.database_url = database_url
    restored = rows(house)
    assert holding(CANARY, restored) == set()
    assert holding(CONTROL, restored) == {"persistence_conversation", "persistence_turn"}
    ids = {str(found) for (found,) in house.query("SELECT public_id FROM persistence_conversation")}
    assert ids == kept.conversations
