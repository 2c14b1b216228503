"""The demo's verdict: what it takes to say that every promise held, and what breaks each."""

import io
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from rich.console import Console

from config.demo import Findings, figures
from config.demo.demonstrate import wait_for_relay
from config.demo.figures import Lag, Waiting
from config.demo.findings import Phase
from config.demo.handoffs import HANDED_OFF, Handoffs
from config.demo.night import Night
from config.demo.report import report
from config.stack import Stack
from persistence.archive.chain import ChainBreak
from persistence.archive.verify import Verification
from persistence.replay.summary import Failure, Summary
from tests.persistence.support import relay_archive, say

ACK = {"p50": 6.1, "p95": 9.0, "p99": 12.0}
STACK = Stack(
    api="http://127.0.0.1:4",
    api_docs="http://127.0.0.1:4/api/docs",
    api_key="hf_key",
    domain="demo",
    admin="http://127.0.0.1:4/admin/",
    admin_user="admin",
    admin_password="the-password",
    flower="http://127.0.0.1:5",
    flower_user="admin",
    flower_password="the-password",
    database_url="",
    redis_url="",
    archive="file:///kept/archive",
    logs="/kept/log",
)


def summary(turns: int, **more: Any) -> Summary:
    known: dict[str, Any] = {
        "turns": turns,
        "created": turns,
        "replayed": 0,
        "failed": 0,
        "retries": 0,
        "seconds": 2.0,
        "turns_per_second": turns / 2,
        "ack_ms": ACK,
        "failures": [],
    }
    return Summary(**known | more)


def verified(**more: Any) -> Verification:
    return Verification(**{"turns": 90, "objects": 90, "compared": 90} | more)


HANDOFFS = Handoffs(*[HANDED_OFF] * 6, duplicates=0, refused=0, left_open=4, turns=180)
NIGHT = Night(
    state="finished",
    eligible=70,
    summarized=70,
    skipped=5,
    failed=0,
    remaining=0,
    left=0,
    cited=70,
    archived=70,
    reasons={"too_short": 5},
    seconds=1.5,
    example={
        "conversation_id": "0190",
        "turns": 4,
        "status": "resolved",
        "because": "case closed",
        "problem": ("My parcel is late…", [1]),
        "solution": ("It comes on Monday.", [4]),
        "topics": [("parcel", [1, 2]), ("address", [3])],
        "open_questions": [],
    },
)
GOOD = Findings(
    full=Phase(summary(60), Lag(60, 20.0, 80.0)),
    steady=Phase(summary(20), Lag(20, 15.0, 30.0)),
    again=summary(10, created=0, replayed=10),
    handoffs=HANDOFFS,
    night=NIGHT,
    committed=80,
    waiting=Waiting(pending=0, dead=0, parked=0, asleep=0),
    verified=verified(),
    archive="file:///kept/archive",
    example_key="turns/v1/01/1.json",
    example='{\n  "seq": 1\n}',
)


def broken(findings: Findings) -> list[str]:
    return [promise.text for promise in findings.promises() if not promise.kept]


def test_when_everything_is_as_it_should_be_every_promise_held() -> None:
    assert broken(GOOD) == []
    assert GOOD.ok
    assert GOOD.as_json()["ok"] is True


@pytest.mark.parametrize(
    ("change", "promise"),
    [
        ({"committed": 79}, "Acknowledged means committed"),
        ({"full": Phase(summary(60, failed=1), Lag(60, 1, 1))}, "Acknowledged means committed"),
        ({"steady": Phase(summary(20, created=19), Lag(20, 1, 1))}, "Acknowledged means committed"),
        ({"waiting": Waiting(1, 0, 0, 0)}, "Everything is carried off-box"),
        ({"waiting": Waiting(0, 1, 0, 0)}, "Everything is carried off-box"),
        ({"waiting": Waiting(0, 0, 1, 0)}, "Everything is carried off-box"),
        ({"waiting": Waiting(0, 0, 0, 1)}, "Everything is carried off-box"),
        ({"full": Phase(summary(60), Lag(59, 1, 1))}, "Everything is carried off-box"),
        ({"verified": verified(missing=["a"])}, "Every turn has its copy"),
        ({"verified": verified(pending=1)}, "Every turn has its copy"),
        ({"verified": verified(objects=89)}, "Every turn has its copy"),
        ({"verified": Verification()}, "Every turn has its copy"),
        ({"verified": verified(altered=["a"])}, "No copy differs"),
        ({"verified": verified(foreign=["a"])}, "No copy differs"),
        ({"verified": verified(compared=89)}, "No copy differs"),
        ({"verified": verified(chain_breaks=["x"])}, "No copy differs"),
        ({"again": summary(10, created=1, replayed=9)}, "A retry is safe"),
        ({"again": summary(9, created=0, failed=1)}, "A retry is safe"),
        ({"again": summary(0)}, "A retry is safe"),
        *(
            ({"handoffs": replace(HANDOFFS, **{name: HANDED_OFF - 1})}, "Whoever was promised a human")
            for name in ("promised", "opened", "tickets", "in_order", "came_back", "closed")
        ),
        ({"handoffs": replace(HANDOFFS, refused=1)}, "Whoever was promised a human"),
        *(
            ({"night": replace(NIGHT, **{name: value})}, "Every finished conversation has its summary")
            for name, value in (
                ("state", "stopped"),
                ("eligible", 71),
                ("summarized", 69),
                ("failed", 1),
                ("remaining", 1),
                ("left", 1),
                ("cited", 69),
                ("archived", 69),
            )
        ),
    ],
)
def test_one_wrong_figure_breaks_the_promise_it_belongs_to(change: dict[str, Any], promise: str) -> None:
    findings = replace(GOOD, **change)

    assert any(text.startswith(promise) for text in broken(findings))
    assert not findings.ok
    assert findings.as_json()["ok"] is False


def told(findings: Findings, encoding: str = "utf-8") -> str:
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding=encoding)
    report(Console(file=out, width=100), findings, STACK, Path("/kept"))
    out.flush()
    return raw.getvalue().decode(encoding)


def test_the_report_says_in_words_what_held_and_where_to_look() -> None:
    text = told(GOOD)

    assert "Holdfast kept every promise." in text
    assert text.count("✓") == 7
    assert "✗" not in text
    for words in (
        "80 turns acknowledged",
        "6.1 ms",
        "80.0 ms",
        "missing 0",
        "make up",
        "admin / the-password",
        "70 summarised in 1.5 s",
        "5 skipped (5 too_short)",
        "problem:        My parcel is late… [turn 1]",
        "topics:         parcel [turn 1, 2]",
    ):
        assert words in text
    assert "file:///kept/archive" in text
    assert '"seq": 1' in text


def test_the_report_names_what_went_wrong() -> None:
    findings = replace(
        GOOD,
        full=Phase(summary(60, failed=1, failures=[Failure("file:7", "[too large]")]), Lag(60, 1, 1)),
        verified=verified(missing=["turns/gone.json"], altered=["turns/changed.json"]),
    )

    text = told(findings)

    assert "Holdfast broke 3 of its promises." in text
    assert text.count("✗") == 3
    for words in ("file:7: [too large]", "missing: turns/gone.json", "altered: turns/changed.json"):
        assert words in text


def test_a_terminal_that_knows_no_check_marks_gets_words() -> None:
    text = told(GOOD, "ascii")

    assert text.count("  yes ") == 7


@pytest.mark.django_db(transaction=True)
class TestTheRelay:
    """Waiting for it, and its figures, against the real outbox."""

    def test_waiting_ends_when_everything_is_carried(self, settings, local_dir: Path) -> None:
        settings.ARCHIVE_URL = f"file://{local_dir / 'archive'}"
        for number in range(5):
            say(request_id=f"replay:demo-x-full:1:a:{number}")
        relaying = threading.Thread(target=relay_and_disconnect)
        relaying.start()
        try:
            assert wait_for_relay(stalled=60)
        finally:
            relaying.join()

        assert figures.waiting() == Waiting(0, 0, 0, 0)
        assert figures.committed("demo-x", "demo") == 5
        found = figures.lag("demo-x-full")
        assert found.delivered == 5
        assert found.p50_ms is not None
        assert found.p99_ms is not None
        assert 0 < found.p50_ms <= found.p99_ms

    def test_a_relay_that_does_not_get_on_is_not_waited_for_for_ever(self) -> None:
        say()

        assert not wait_for_relay(stalled=0.2)
        assert figures.waiting().pending == 1

    def test_other_turns_are_not_counted(self) -> None:
        say(request_id="replay:demo-other-full:1:a:1")

        assert figures.committed("demo-x", "demo") == 0
        assert figures.lag("demo-x-full") == Lag(0, None, None)
        assert figures.first_turn("demo-x", "demo") is None
        assert figures.first_turn("demo-other", "demo") is not None


def relay_and_disconnect() -> None:
    """Relay in a thread, and leave no connection of it behind."""
    try:
        relay_archive()
    finally:
        connection.close()


def test_a_chain_break_is_told_as_what_it_is() -> None:
    fields = {name: "x" for name in ChainBreak.__dataclass_fields__}

    assert "chain:" in told(replace(GOOD, verified=verified(chain_breaks=[ChainBreak(**fields)])))
