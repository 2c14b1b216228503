"""Some of the replayed conversations ask for a human: a help desk hears of them, answers, and closes the cases."""

import base64
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from config.demo.desk import HELP, DemoDesk, demo_desk
from config.demo.figures import waiting
from config.stack import Stack
from handoff.models import Endpoint, SupportCase
from handoff.secrets import seal
from persistence import apikeys
from persistence.replay.dialogues import Dialogue, exchanges

DOMAIN = (
    "helpdesk-demo"  # apart from the domain that `make up` offers: nobody answers there once the demo is over
)
HANDED_OFF = 24
LEFT_OPEN = 4
STALLED_SECONDS = 30.0
LOOK_SECONDS = 0.1
DESK, APP = "demo-desk", "demo-app"


@dataclass(frozen=True, slots=True)
class Handoffs:
    """What became of the conversations that asked for a human.

    ``promised`` were answered with handoff_queued. ``tickets`` is how many cases the desk heard of, ``in_order`` how
    many of them without a gap in the order, ``came_back`` how many replies reached the customer's app, ``closed`` how
    many cases the desk closed. ``left_open`` wait in the console for whoever looks around. ``turns`` were stored.
    """

    promised: int
    opened: int
    tickets: int
    in_order: int
    came_back: int
    closed: int
    duplicates: int
    refused: int
    left_open: int
    turns: int

    @property
    def ok(self) -> bool:
        """Say whether every promise was kept, once."""
        counts = {self.promised, self.opened, self.tickets, self.in_order, self.came_back, self.closed}
        return counts == {HANDED_OFF} and self.refused == 0


def hand_off(stack: Stack, conversations: Sequence[Any], run: str) -> Handoffs:
    """Hand conversations off to a scripted desk, through the whole stack, and follow each to its end.

    1. a desk and an app, as endpoints · 2. conversations that end in a wish for a human · 3. the desk's replies reach
    the customers, who say thank you · 4. the desk closes the cases.
    """
    dialogues = [found for found in conversations if isinstance(found, Dialogue)][: HANDED_OFF + LEFT_OPEN]
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    key = apikeys.create_key(DOMAIN, "made by manage.py demo")
    try:
        with demo_desk(f"{stack.api}/api/v1/inbound/{DESK}", secret) as desk:
            configure(desk, secret)
            return follow(stack, desk, key.key, dialogues, run)
    finally:
        Endpoint.objects.filter(domain=DOMAIN).update(active=False)
        apikeys.revoke(key.id)


def configure(desk: DemoDesk, secret: str) -> None:
    """Make the desk and the app known, as an operator does in the admin."""
    for slug, purpose in ((DESK, "helpdesk"), (APP, "replies")):
        values = {
            "purpose": purpose,
            "domain": DOMAIN,
            "connector": "webhook",
            "url": desk.url,
            "sealed_secrets": seal({"signing": [secret]}),
            "active": True,
        }
        Endpoint.objects.update_or_create(slug=slug, defaults=values)


def follow(stack: Stack, desk: DemoDesk, key: str, dialogues: Sequence[Dialogue], run: str) -> Handoffs:
    """Ask, wait for each reply, thank, wait for each close; then count."""
    with Customers(stack.api, key, run) as customers, Customers(stack.api, stack.api_key, run) as console:
        for dialogue in dialogues[:HANDED_OFF]:
            customers.ask(dialogue)
        for dialogue in dialogues[HANDED_OFF:]:
            console.ask(dialogue)
        wait_for(lambda: len(desk.replies), HANDED_OFF)
        customers.thank()
        cases = SupportCase.objects.filter(case_id__in=customers.cases)
        wait_for(lambda: cases.filter(status="closed").count(), HANDED_OFF)
        wait_for(
            lambda: -waiting().pending, 0
        )  # the desk and the app listen until they have heard everything
        mine = {str(case_id) for case_id in customers.cases}
        return Handoffs(
            promised=len(customers.cases),
            opened=cases.count(),
            tickets=len(mine & desk.heard.keys()),
            in_order=sum(in_order(desk.heard[case_id]) for case_id in mine & desk.heard.keys()),
            came_back=sum(said == [HELP] for said in replies_by_conversation(desk, customers)),
            closed=cases.filter(status="closed").count(),
            duplicates=desk.duplicates,
            refused=desk.refused,
            left_open=len(console.cases),
            turns=customers.turns + console.turns + len(desk.replies),
        )


def replies_by_conversation(desk: DemoDesk, customers: "Customers") -> list[list[str]]:
    """Return what reached each customer's app, in the order of arrival."""
    return [[text for _, text in desk.replies.get(one, [])] for one in customers.conversations]


def in_order(heard: Sequence[tuple[str, int]]) -> bool:
    """Say whether the desk heard of the case first, and then of its events in their order, each once."""
    numbers = [seq for _, seq in heard]
    return heard[0][0] == "handoff.requested" and numbers == sorted(set(numbers))


def wait_for(count: Callable[[], int], wanted: int) -> None:
    """Wait until so many are there, or nothing has moved for a while."""
    found, moved = count(), time.monotonic()
    while found < wanted and time.monotonic() - moved < STALLED_SECONDS:
        time.sleep(LOOK_SECONDS)
        if (now := count()) > found:
            found, moved = now, time.monotonic()


class Customers:
    """The assistant's app: it stores what is said and asks for humans."""

    def __init__(self, api: str, key: str, run: str) -> None:
        self._client = httpx.Client(
            base_url=f"{api}/api/v1", headers={"Authorization": f"Bearer {key}"}, trust_env=False, timeout=30
        )
        self._run = run
        self._sessions: list[tuple[str, str]] = []
        self.cases: list[str] = []
        self.conversations: list[str] = []
        self.turns = 0

    def __enter__(self) -> "Customers":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def ask(self, dialogue: Dialogue) -> None:
        """Send a conversation whose last turn asks for a human."""
        turns = exchanges(dialogue, run=f"handoff-{self._run}")
        for turn in turns:
            body: dict[str, Any] = {
                "channel": turn.channel,
                "session_id": turn.session_id,
                "request_id": turn.request_id,
                "messages": [
                    message | {"role": "assistant"} if message["role"] == "agent" else message
                    for message in turn.messages
                ],
            }
            if turn is turns[-1]:
                body["handoff"] = {
                    "reason_code": "user_request",
                    "reason": "The customer asked for a person.",
                }
            answer = self._send(body)
        self._sessions.append((turn.session_id, turn.channel))
        self.conversations.append(answer["conversation_id"])
        if answer["handoff_status"] == "handoff_queued":
            self.cases.append(answer["case_id"])

    def thank(self) -> None:
        """Let each customer answer the human who helped."""
        for session_id, channel in self._sessions:
            said = {"role": "user", "content": "Thank you, that is all."}
            self._send(
                {
                    "channel": channel,
                    "session_id": session_id,
                    "request_id": f"{session_id}:thanks",
                    "messages": [said],
                }
            )

    def _send(self, body: dict[str, Any]) -> dict[str, Any]:
        response = self._client.post("/turns", json=body)
        response.raise_for_status()
        self.turns += 1
        found: dict[str, Any] = response.json()
        return found
