"""The demo from the first turn to the verdict, against a stack that runs."""

import json
import math
import secrets
import time
from contextlib import closing
from itertools import islice
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from config.demo import figures
from config.demo.findings import Findings
from config.stack import Stack
from persistence.archive.objects import key_of
from persistence.archive.sinks import Sink
from persistence.archive.store import configured_sink
from persistence.archive.verify import Verification, verify
from persistence.replay.http import HttpSender
from persistence.replay.progress import progress
from persistence.replay.reader import measure, read
from persistence.replay.run import Plan, replay
from persistence.replay.summary import Summary

SAMPLE = Path(settings.BASE_DIR) / "sample" / "dialogues.jsonl"
ENOUGH_TURNS = 2_500
WORKERS = 4
SENT_AGAIN = 12  # conversations
# The relay may take as long as it likes while it gets on; this long without any progress, it is stuck.
STALLED_SECONDS = 30.0
LOOK_SECONDS = 0.1


def demonstrate(stack: Stack, *, turns: int = ENOUGH_TURNS) -> Findings:
    """Replay at least so many turns, follow them to the archive, and look at everything.

    1. replay through the API · 2. wait for the relay · 3. verify the whole archive · 4. send a part again ·
    5. collect the figures. Each demo makes conversations of its own. Raises KeyboardInterrupt, SinkError.
    """
    run = f"demo-{timezone.now():%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    sent = send(stack, run, repeat=max(1, math.ceil(turns / measure([SAMPLE]).exchanges)))
    wait_for_relay()
    with closing(configured_sink()) as sink:
        verified = verify_all(sink)
        again = send_again(stack, run)
        key, example = example_of(sink, run, stack.domain)
        return Findings(
            sent=sent,
            again=again,
            committed=figures.committed(run, stack.domain),
            waiting=figures.waiting(),
            lag=figures.lag(run),
            verified=verified,
            archive=sink.location,
            example_key=key,
            example=example,
        )


def send(stack: Stack, run: str, *, repeat: int) -> Summary:
    """Replay the sample through the API."""
    total = measure([SAMPLE]).exchanges * repeat
    with progress("replaying turns", total) as advance:
        sent = replay(
            lambda: read([SAMPLE]),
            lambda: HttpSender(stack.api, stack.api_key),
            Plan(workers=WORKERS, repeat=repeat, run=run),
            on_exchange=lambda: advance(1),
        )
    if sent.interrupted:
        raise KeyboardInterrupt
    return sent


def send_again(stack: Stack, run: str) -> Summary:
    """Send the first conversations of the run a second time."""
    return replay(
        lambda: islice(read([SAMPLE]), SENT_AGAIN),
        lambda: HttpSender(stack.api, stack.api_key),
        Plan(workers=WORKERS, run=run),
    )


def wait_for_relay(*, stalled: float = STALLED_SECONDS) -> bool:
    """Wait until no delivery is pending; False when the relay has not got on for ``stalled`` seconds."""
    left = figures.waiting().pending
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
