"""docs/summaries.md against the code: the record, its event, reasons, figures; sampling as the console has it; examples run."""

import ast
import re
import shutil
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from outbox.models import OutboxEvent
from persistence.apikeys import create_key
from persistence.archive.documents import key_of
from persistence.history import find_conversation
from persistence.turns import record_turn
from summarization import claims, fold, one, store, tasks, worth
from summarization.admin.sampling import LOW
from summarization.asked import summarize_now
from summarization.compose import NOT_ASKED, TOO_COSTLY
from summarization.event import EVENT_TYPE, MOST_BYTES
from summarization.language import FUNCTION_WORDS
from summarization.models import ConversationSummary, DomainPolicy
from summarization.night import breaker, candidates, run, tend
from summarization.now import MOST_CHARACTERS, TURNS
from summarization.recall import SECONDS, STATEMENT_MS
from summarization.sampling import AMONG, DAYS
from summarization.summarizers import extractive, openai, openai_refusals, openai_wire
from summarization.text import topics
from summarization.untrusted import CLOSE, OPEN
from tests.docs import documents
from tests.docs.documents import ROOT, codes, fences, plain, rows, section
from tests.docs.environment import variables
from tests.docs.test_api_examples import shell

TEXT = documents.summaries()
FLAT = re.sub(r"\s+", " ", TEXT)
CONSOLE = re.sub(r"\s+", " ", section(documents.console(), "Sampling"))
SUMMARIZATION = ROOT / "summarization"
# Who names a code, and whom it concerns: everybody whom this backend should serve, or one conversation.
GIVERS = {"BackendUnavailable": "all", "WireError": "all", "BadAnswer": "one"}
LANGUAGES = "English, Portuguese, Spanish, French, German, Italian, Dutch"


def table(column: str, text: str = TEXT) -> dict[str, dict[str, str]]:
    """Return name → row for every name in the first column of the tables so titled."""
    return {name: row for row in rows(text, column) for name in codes(row[column])}


@pytest.fixture
def summarized(transactional_db: None) -> ConversationSummary:
    """A conversation that was said to the end and summarised; the last conversation of ``customer-1001``."""
    turn = record_turn(
        domain="demo",
        channel="web",
        session_id="docs",
        request_id="docs",
        customer_ref="customer-1001",
        messages=[
            {"role": "user", "content": "Where is my order 20417?"},
            {"role": "assistant", "content": "It left our warehouse this morning."},
        ],
    )
    conversation = find_conversation("demo", turn.conversation_id)
    assert conversation is not None
    made = summarize_now(conversation.pk, by="docs").summary
    assert made is not None
    return made


def test_the_fields_of_a_summary_are_those_of_its_record() -> None:
    kept = {field.name for field in ConversationSummary._meta.concrete_fields}
    # What it covers is told in words; whose it is, is known to whoever reads it.
    assert set(table("Field")) == kept - {"id", "conversation", "domain", "from_seq", "to_seq"}
    assert set(codes(table("Field")["status"]["What it is"])) == set(ConversationSummary.Status.values)


def test_the_fields_of_the_event_are_those_that_are_told(summarized: ConversationSummary) -> None:
    event = OutboxEvent.objects.get(event_type=EVENT_TYPE)
    assert set(table("Event field")) == set(event.payload)
    assert f"`{EVENT_TYPE}`, schema {event.schema_version}, is written" in FLAT
    assert event.ordering_key == str(summarized.conversation.public_id)
    assert event.ordering_seq == summarized.to_seq
    assert f"in less than {MOST_BYTES // 1024} KiB" in FLAT


def test_the_place_in_the_archive_is_where_it_lies() -> None:
    conversation, event = UUID(int=1), UUID(int=2)
    shown = key_of(EVENT_TYPE, str(conversation), 7, event)
    shown = shown.replace(f"/{str(conversation)[:8]}/", "/<first 8 digits>/").replace(
        str(conversation), "<conversation>"
    )
    assert (
        f"`{shown.replace('0000000007', '<last turn, 10 digits>').replace(str(event), '<event id>')}`" in TEXT
    )


def test_the_reasons_for_skipping_are_those_that_are_given() -> None:
    assert set(table("Skipped")) == {
        *(worth.EMPTY, worth.TOO_SHORT, worth.TRIVIAL),
        *(one.UNCHANGED, one.EMPTY, one.GONE),
    }
    assert worth.LEAST_EXCHANGES == 2


def test_the_reasons_for_stopping_are_those_that_are_given() -> None:
    source = (SUMMARIZATION / "night" / "budget.py").read_text(encoding="utf-8")
    assert set(table("Stopped")) == set(re.findall(r'"(budget_\w+)"', source)) | {
        run.INTERRUPTED,
        run.OPERATOR,
    }
    assert tend.ABANDONED_SECONDS == 15 * 60


def given_codes() -> Iterator[tuple[str, str]]:
    """Yield each code that a summariser's failure has in the code, and whom it concerns."""
    for path in SUMMARIZATION.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and node.args and getattr(node.func, "id", "") in GIVERS:
                concerns = GIVERS[getattr(node.func, "id", "")]
                given = node.args[0]
                if isinstance(given, ast.Constant):
                    yield given.value, concerns
                elif isinstance(given, ast.Name):
                    yield getattr(fold, given.id), concerns
                else:  # another's code, passed on
                    assert ast.unparse(given) in ("error.code", "bad.code")


def test_every_failure_is_documented_with_whom_it_concerns_and_none_that_nobody_gives() -> None:
    of_models = dict(given_codes())
    # A conversation in which nobody said anything is skipped before anybody is asked.
    assert of_models.pop(worth.EMPTY) == "one"
    ours = {
        NOT_ASKED,
        TOO_COSTLY,
        claims.WORKER_LOST,
        one.STORAGE_ERROR,
        "not_storable",
        "database_busy",
        "defect",
    }
    assert set(table("Failure")) == set(of_models) | ours | {"summarizer_error:…"}
    assert {code: table("Failure")[code]["Concerns"] for code in of_models} == of_models
    stored = (SUMMARIZATION / "store.py").read_text(encoding="utf-8")
    assert '"not_storable"' in stored and '"database_busy"' in stored
    assert 'f"summarizer_error:{' in (SUMMARIZATION / "compose.py").read_text(encoding="utf-8")
    assert 'else "defect"' in (SUMMARIZATION / "one.py").read_text(encoding="utf-8")


def test_what_is_asked_again_is_what_the_table_says() -> None:
    again = {
        code: table("Failure")[code]["Asked again at once?"] for code, _ in given_codes() if code != "empty"
    }
    bad_answers = {code for code, concerns in given_codes() if concerns == "one"} - {"empty"}
    assert {code for code in bad_answers if again[code].startswith("no")} == fold.NO_USE_ASKING
    assert all(again[code] == "with the reason, once" for code in bad_answers - fold.NO_USE_ASKING)
    assert {429, 503} == openai_refusals.AGAIN and openai._RETRIES == 2
    assert {code for code, said in again.items() if said.startswith("twice")} == {
        *("rate_limited", "overloaded", "unreachable"),
    }


def test_the_defaults_named_are_those_that_are_set() -> None:
    shown = {
        name: value
        for name, value in re.findall(r"`((?:SUMMARY|OPENAI|RECALL)_[A-Z_]+)` \(([^);]+)[);]", FLAT)
    }
    assert {"SUMMARY_SILENCE_HOURS", "SUMMARY_CHUNK_SIZE", "SUMMARY_PART_TOKENS", "RECALL_SAMPLE"} <= set(
        shown
    )
    assert shown == {name: variables()[name].default for name in shown}
    assert (variables()["SUMMARY_TIME"].default, variables()["SUMMARY_TIME_ZONE"].default) == ("03:00", "UTC")


def test_the_figures_of_the_night_are_those_that_are_set() -> None:
    assert f"until when ({one.LEASE_SECONDS:g} s, by the database's clock)" in FLAT
    assert f"After {tasks.CHUNK_SECONDS:g} s a chunk steps back" in FLAT
    assert f"Pages of {candidates.PAGE:,} turns" in FLAT
    assert f"for more than {fold.MOST_SECONDS:g} s." in FLAT
    assert (breaker.STRIKES, breaker.REST_SECONDS, claims.MOST_RESCUES, store.TRIES) == (3, 300, 2, 3)
    assert candidates.MOST_FAILURES == 2
    assert f"More than {openai_wire.MOST_BYTES:,} bytes" in FLAT
    assert f"from the newest {TURNS} turns ({MOST_CHARACTERS // 1024} Ki characters at most)" in FLAT
    assert f"A statement gets {STATEMENT_MS} ms, all of them one second" in FLAT and SECONDS == 1
    assert f"`{OPEN}` and `{CLOSE}`" in FLAT


def test_the_extractive_summariser_is_as_described() -> None:
    assert (topics.STRETCH, topics.MOST_TOPICS, extractive.MOST_QUESTIONS) == (6, 8, 3)
    assert f"({LANGUAGES}; else `und`)" in FLAT
    assert len(FUNCTION_WORDS) == len(LANGUAGES.split(", "))


def test_sampling_is_as_the_console_has_it() -> None:
    page = (SUMMARIZATION / "templates/summarization/admin/sample.html").read_text(encoding="utf-8")
    keys = set(re.findall(r'data-key="(\w)"', page))
    shown = {plain(row["Key"]) for row in rows(documents.console(), "Key") if "While judging" in row}
    assert shown == keys | {"1 … 9", "Ctrl Enter", "Esc"}
    assert f"those of the last {DAYS} days (the newest {AMONG:,} at most)" in CONSOLE
    assert f"The latest {AMONG:,} summaries of a domain, of {DAYS} days" in FLAT
    assert f"`RECALL_SAMPLE` ({variables()['RECALL_SAMPLE'].default})" in CONSOLE
    assert f"fewer than {LOW:.0%}".replace("%", " %") in CONSOLE


def test_the_python_examples_run_one_after_the_other(transactional_db: None) -> None:
    namespace: dict[str, Any] = {}
    blocks = [fence for fence in fences(TEXT) if fence.language.startswith("python")]
    assert {block.language for block in blocks} == {"python in-process"}
    for block in blocks:
        exec(compile(block.body, "docs/summaries.md", "exec"), namespace)


def test_the_curl_examples_run(live_server: Any, summarized: ConversationSummary) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    key = create_key("demo").key
    ask, recall = [fence.body for fence in fences(TEXT, "bash")]
    conversation_id = str(summarized.conversation.public_id)
    asked = shell(ask, live_server.url, key, CONVERSATION_ID=conversation_id)
    assert asked["summary"]["problem"] == "Where is my order 20417?"
    off = shell(recall, live_server.url, key)
    assert (off["recall"], off["text"]) == ("off", "")
    DomainPolicy.objects.create(domain="demo", recall=True)
    on = shell(recall, live_server.url, key)
    assert [found["conversation_id"] for found in on["summaries"]] == [conversation_id]
