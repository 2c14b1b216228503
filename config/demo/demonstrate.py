"""The demo from the first turn to the verdict, against a stack that runs."""

import json
import math
import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from config.demo import figures
from config.demo.findings import Findings, Phase
from config.demo.handoffs import hand_off
from config.demo.night import hold_night, look_at
from config.stack import Stack
from persistence.archive.objects import key_of
from persistence.archive.sinks import Sink
from persistence.archive.store import configured_sink
from persistence.archive.verify import Verification, verify
from persistence.replay.dialogues import Dialogue, Unreadable, exchanges
from persistence.replay.http import HttpSender
from persistence.replay.progress import progress
from persistence.replay.reader import read
from persistence.replay.run import Plan, replay
from persistence.replay.summary import Summary

SAMPLE = Path(settings.BASE_DIR) / "sample" / "dialogues.jsonl"
ENOUGH_TURNS = 2_500
WORKERS = 4
STEADY_CONVERSATIONS = 45
STEADY_RATE = 100.0  # turns a second
SENT_AGAIN = 12  # conversations
# The relay may take as long as it likes while it gets on; this long without any progress, it is stuck.
STALLED_SECONDS = 30.0
LOOK_SECONDS = 0.1

Found = Dialogue | Unreadable


def demonstrate(stack: Stack, *, turns: int = ENOUGH_TURNS) -> Findings:
    """Replay at least so many turns, follow them to the archive, and look at everything.

    1. replay as fast as it goes · 2. replay some at a steady pace, at which the lag means something · 3. hand some
    off to a help desk · 4. hold the night that would come · 5. verify the whole archive · 6. send a part again ·
    7. collect what else there is to know.
    Each demo makes conversations of its own. Raises KeyboardInterrupt, SinkError, httpx.HTTPError.
    """
    run = f"demo-{timezone.now():%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    conversations = list(read([SAMPLE]))
    some = conversations[:STEADY_CONVERSATIONS]
    full = Plan(WORKERS, repeat=max(1, math.ceil(turns / turns_in(conversations))), run=f"{run}-full")
    steady = Plan(WORKERS, rate=STEADY_RATE, run=f"{run}-steady")
    phases = [
        phase("replaying turns", stack, conversations, full),
        phase(f"replaying {STEADY_RATE:g} turns a second", stack, some, steady),
    ]
    with progress("handing conversations off", 1) as advance:
        handoffs = hand_off(stack, conversations, run)
        advance(1)
    wait_for_relay()
    night = hold_night(stack.domain, progress)
    wait_for_relay()
    with closing(configured_sink()) as sink:
        verified = verify_all(sink)
        again = send(stack, conversations[:SENT_AGAIN], replace(full, repeat=1))
        key, example = example_of(sink, run, stack.domain)
        return Findings(
            full=phases[0],
            steady=phases[1],
            again=again,
            handoffs=handoffs,
            night=look_at(night, stack.domain, sink),
            committed=figures.committed(run, stack.domain),
            waiting=figures.waiting(),
            verified=verified,
            archive=sink.location,
            example_key=key,
            example=example,
        )


def phase(label: str, stack: Stack, conversations: Sequence[Found], plan: Plan) -> Phase:
    """Replay, wait until the relay has carried everything, and see how long it took."""
    with progress(label, turns_in(conversations) * plan.repeat) as advance:
        sent = send(stack, conversations, plan, on_exchange=lambda: advance(1))
    wait_for_relay()
    return Phase(sent, figures.lag(plan.run))


def send(
    stack: Stack,
    conversations: Sequence[Found],
    plan: Plan,
    *,
    on_exchange: Callable[[], None] = lambda: None,
) -> Summary:
    """Replay conversations through the stack's API. Raises KeyboardInterrupt."""
    sender = partial(HttpSender, stack.api, stack.api_key)
    sent = replay(lambda: conversations, sender, plan, on_exchange=on_exchange)
    if sent.interrupted:
        raise KeyboardInterrupt
    return sent


def turns_in(conversations: Sequence[Found]) -> int:
    """Return how many turns they make."""
    return sum(len(exchanges(found)) for found in conversations if isinstance(found, Dialogue))


def wait_for_relay(*, stalled: float = STALLED_SECONDS) -> bool:
    """Wait until no delivery is pending; False when the relay has not got on for ``stalled`` seconds."""
    left = figures.waiting().pending
    if not left:
        return True
    with progress("carrying off-box", left) as advance:
        moved = time.monotonic()
        while left and time.monotonic() - moved < stalled:
            time.sleep(LOOK_SECONDS)
            now = figures.waiting().pending
            if now < left:
                moved = time.monotonic()
                advance(left - now)
                left = now
    return left == 0


def verify_all(sink: Sink) -> Verification:
    """Compare every turn of the database with its object."""
    done = 0
    with progress("verifying objects", figures.all_turns()) as advance:

        def forward(turns: int) -> None:
            nonlocal done
            advance(turns - done)
            done = turns

        return verify(sink, progress=forward)


def example_of(sink: Sink, run: str, domain: str) -> tuple[str, str]:
    """Return one of the run's objects, key and readable text; empty where there is none."""
    found = figures.first_turn(run, domain)
    if found is None:
        return "", ""
    key = key_of(*found)
    return key, json.dumps(json.loads(sink.get(key)), indent=2, ensure_ascii=False)
