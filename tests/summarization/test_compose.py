"""From a conversation to a checked draft with a status, whatever the summariser does."""

import re
import threading
from decimal import Decimal

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.db import connection, connections, transaction
from django.test import override_settings

from persistence.models import Conversation
from summarization.compose import NOT_ASKED, Composed, compose, cost_of
from summarization.draft import Draft, Source, Statement
from summarization.hashing import input_hash
from summarization.models import ConversationSummary
from summarization.outside import Outcome
from summarization.store import settle
from summarization.summarizers.port import Answer, BackendUnavailable, BadAnswer
from summarization.summarizers.registry import fallback
from tests.summarization.support import Scripted, claimed, conversation, draft, item, read, say, source, turns

pytestmark = pytest.mark.django_db(transaction=True)
GOOD = draft("My parcel 4711 has not arrived", 1, status="resolved")
INVENTED = draft("Parcel 9999 has not arrived.", 1)


def made(summarizer, of: Source | None = None, **given) -> Composed:
    given = {"previous": None, "outcome": None} | given
    return compose(of or source(), summarizer, **given)


def stored(**given) -> ConversationSummary:
    values = {
        "backend": "openai",
        "model": "scripted-1",
        "prompt_version": "p1",
        "fallback_for": "",
        "redaction_version": 1,
        "problem": "Question 1",
        "to_seq": 30,
        "support": {"problem": [1]},
        "citations": [1],
    }
    return ConversationSummary(**values | given)


def test_a_good_answer_is_the_summary():
    of, summarizer = source(), Scripted([GOOD])
    found = made(summarizer, of)
    assert found.draft == GOOD
    assert (found.backend, found.model, found.prompt_version) == ("openai", "scripted-1", "p1")
    assert (found.failure, found.detail, found.fallback_for, found.unavailable) == ("", "", "", False)
    assert (found.tokens_in, found.tokens_out) == (100, 10)
    assert found.input_hash == input_hash(of, summarizer)


def test_the_default_summariser_says_only_what_was_said():
    of = source()
    found = made(fallback(), of)
    assert (found.failure, found.fallback_for, found.backend) == ("", "", "extractive")
    said = " ".join(part.text for turn in of.turns for part in turn.said)
    told = " ".join(statement.text for statement in found.draft.statements())
    assert set(re.findall(r"\w+", told)) <= set(re.findall(r"\w+", said))
    assert (found.tokens_in, found.cost_usd) == (0, 0)


@pytest.mark.parametrize(
    "reply, failure, unavailable",
    [
        (INVENTED, "ungrounded", False),
        (BadAnswer("not_json", "It is no JSON.", tokens_in=5), "not_json", False),
        (BackendUnavailable("rate_limited", "Too many requests.", tokens_in=5), "rate_limited", True),
        (ValueError("My parcel 4711"), "summarizer_error:ValueError", False),
        (RecursionError(), "summarizer_error:RecursionError", False),
    ],
)
def test_whatever_goes_wrong_is_the_answer_and_the_fallback_stands_in(reply, failure, unavailable, caplog):
    found = made(Scripted([reply]))
    assert (found.failure, found.unavailable) == (failure, unavailable)
    assert (found.backend, found.fallback_for) == ("extractive", "openai")
    assert found.draft.problem is not None
    assert "4711" not in found.detail + caplog.text
    assert "9999" not in found.detail + caplog.text
    assert found.detail


def test_a_fallback_is_not_taken_for_what_the_other_backend_would_have_made():
    of, summarizer = source(), Scripted([BackendUnavailable("out", "Out.")])
    assert made(summarizer, of).input_hash == input_hash(of, fallback()) != input_hash(of, summarizer)


def test_a_backend_that_is_out_is_not_asked():
    summarizer = Scripted([GOOD])
    found = made(summarizer, not_asked=NOT_ASKED)
    assert (found.failure, found.fallback_for, found.unavailable) == ("backend_unavailable", "openai", True)
    assert summarizer.asked == []
    assert found.draft is not None


def test_when_the_fallback_fails_too_there_is_no_draft():
    class Broken(Scripted):
        name = "extractive"

    found = made(Broken([ValueError("no")]))
    assert (found.draft, found.failure, found.fallback_for) == (None, "summarizer_error:ValueError", "")


def test_of_nothing_nothing_is_made():
    summarizer = Scripted([GOOD])
    found = made(summarizer, source(turns=(), to_seq=1))
    assert (found.draft, found.failure, summarizer.asked) == (None, "empty", [])


def test_a_worker_that_is_told_to_stop_stops():
    with pytest.raises(SoftTimeLimitExceeded):
        made(Scripted([SoftTimeLimitExceeded()]))


def test_tries_that_came_to_nothing_are_paid_for():
    with override_settings(SUMMARY_USD_PER_MILLION_IN=2.5, SUMMARY_USD_PER_MILLION_OUT=10):
        found = made(Scripted([Answer(INVENTED, 1_000, 100)]))
        assert (found.tokens_in, found.tokens_out) == (2_000, 200)
        assert found.cost_usd == Decimal("0.007000")
        assert cost_of(1, 0) == Decimal("0.000003")
        assert cost_of(0, 0) == 0


def test_the_case_says_how_it_stands_before_control_and_words_do():
    resolved, closed = Outcome("resolved", "case closed as resolved"), Outcome("open", "case is waiting")
    for outcome, control, reading, expected in (
        (resolved, "human", "open", ("resolved", "case closed as resolved")),
        (closed, "bot", "resolved", ("open", "case is waiting")),
        (None, "human", "resolved", ("escalated", "control is human")),
        (None, "queued", "resolved", ("escalated", "control is queued")),
        (None, "bot", "resolved", ("resolved", "the conversation's words")),
        (None, "closed", "escalated", ("escalated", "the conversation's words")),
        (None, "bot", None, ("open", "nothing says otherwise")),
    ):
        answer = draft("My parcel 4711 has not arrived", 1, status=reading)
        found = made(Scripted([answer]), source(control=control), outcome=outcome)
        assert (found.status, found.status_because) == expected


def test_the_language_is_that_of_the_customers_words_whatever_is_claimed():
    said = turns(
        ("Meu pedido não chegou e eu preciso do dinheiro", "Lamento."), ("Quando vem o reembolso?", "Amanhã.")
    )
    answer = draft("Meu pedido não chegou", 1, language="en")
    assert made(Scripted([answer]), source(turns=said)).draft.language == "pt"


LONG = turns(*[(f"Question {number} about parcel {number}", f"Answer {number}") for number in range(1, 41)])


def asked_for(summarizer: Scripted) -> list[int]:
    return [turn.seq for part in summarizer.asked for turn in part.turns]


def carrying() -> Scripted:
    return Scripted(lambda part: part.previous or draft("Question 1 about parcel 1", 1), part_tokens=300)


def test_only_what_is_new_is_paid_for_where_the_whole_is_too_long():
    summarizer = carrying()
    found = made(summarizer, source(turns=LONG, to_seq=40), previous=stored())
    assert asked_for(summarizer) == list(range(31, 41))
    assert summarizer.asked[0].previous.problem == Statement("Question 1", (1,))
    assert found.draft.problem.text == "Question 1"


@pytest.mark.parametrize(
    "other",
    [
        {"backend": "extractive"},
        {"model": "older"},
        {"prompt_version": "p0"},
        {"fallback_for": "openai"},
        {"redaction_version": 0},
        {"to_seq": 40},
        {"to_seq": 41},
    ],
)
def test_what_was_made_in_another_way_or_covers_it_all_is_not_carried_on(other):
    summarizer = carrying()
    made(summarizer, source(turns=LONG, to_seq=40), previous=stored(**other))
    assert asked_for(summarizer) == list(range(1, 41))


def test_what_fits_or_costs_nothing_is_read_whole():
    short = Scripted([draft("Question 1 about parcel 1", 1)])
    made(short, source(turns=LONG, to_seq=40), previous=stored())
    assert asked_for(short) == list(range(1, 41))
    free = carrying()
    free.most_tokens_out = 0
    made(free, source(turns=LONG, to_seq=40), previous=stored())
    assert asked_for(free) == list(range(1, 41))


def test_no_transaction_is_open_while_a_summariser_thinks():
    """The check is made on a connection of its own, so that it sees what the server sees."""
    seen: list[list[tuple[str, bool]]] = []

    def look(_: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            [mine] = cursor.fetchone()
        atomic = connection.in_atomic_block

        def from_outside() -> None:
            with connections["default"].cursor() as cursor:
                cursor.execute(
                    "SELECT state, xact_start IS NULL FROM pg_stat_activity WHERE pid = %s", [mine]
                )
                seen.append([*cursor.fetchall(), ("atomic" if atomic else "autocommit", True)])
            connections["default"].close()

        thread = threading.Thread(target=from_outside)
        thread.start()
        thread.join()

    pk = conversation()
    claim, of = claimed(pk), read(pk)
    found = made(Scripted([GOOD], before=look), of)
    assert settle(claim, of, found) is not None
    assert seen == [[("idle", True), ("autocommit", True)]]


def test_it_refuses_to_run_inside_a_transaction():
    with transaction.atomic(), pytest.raises(RuntimeError, match="transaction"):
        made(Scripted([GOOD]))


def test_what_is_said_while_a_summariser_thinks_makes_the_summary_stale_and_waits_for_nothing():
    pk = conversation(session_id="s")
    claim, of = claimed(pk), read(pk)
    summarizer = Scripted([GOOD], before=lambda _: say("And the money?", "Soon.", session_id="s"))
    summary = settle(claim, of, made(summarizer, of))
    assert (summary.to_seq, Conversation.objects.get(pk=pk).last_seq) == (2, 3)
    assert item(pk).to_seq == 2


def test_the_same_text_has_the_same_hash_and_any_other_has_another():
    of, summarizer = source(), Scripted([GOOD])
    first = input_hash(of, summarizer)
    assert first == input_hash(source(), summarizer)
    others = [
        source(turns=of.turns[:1]),
        source(turns=turns(("My parcel 4711 has not arrived, it was due on 3 November.I", "am sorry."))),
        source(turns=of.turns, redaction_version=2),
    ]
    later = Scripted([GOOD])
    later.prompt_version = "p2"
    hashes = {first, input_hash(of, later), *(input_hash(other, summarizer) for other in others)}
    assert len(hashes) == 5
    assert all(len(digest) == 32 for digest in hashes)


def test_a_conversation_of_nothing_but_signs_breaks_nothing():
    for text in ("👋", "\u202e\u200d", "?" * 60_000, "x" * 60_000, "[CARD] [EMAIL]"):
        found = made(fallback(), source((text, text), (text, text)))
        assert found.failure in ("", "ungrounded")
        assert found.draft is None or isinstance(found.draft, Draft)
