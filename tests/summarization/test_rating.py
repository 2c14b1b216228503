"""How sure one may be of a share, and the bounds of a draw."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from persistence.subject import erase as module
from persistence.subject.erase import erase
from persistence.subject.find import parts, subject_of
from summarization import sampling
from summarization.models import SummaryRating
from summarization.rating import SummaryHasChanged, in_force, rate, verdicts, wilson
from summarization.sampling import draw
from tests.persistence.subject.support import in_thread, wait_until_blocked
from tests.summarization.admin.kit import judge, multiply, summary


# By scipy.stats.binomtest(good, judged).proportion_ci(method="wilson"), rounded.
@pytest.mark.parametrize(
    ("good", "judged", "low", "high"),
    [(0, 0, 0, 1), (0, 20, 0, 0.161), (20, 20, 0.839, 1), (15, 20, 0.531, 0.888), (180, 200, 0.851, 0.934)],
)
def test_the_interval_is_wilsons(good, judged, low, high):
    assert wilson(good, judged) == pytest.approx((low, high), abs=0.0006)


@pytest.mark.django_db(transaction=True)
def test_an_erasure_takes_the_judgements_with_it_and_a_late_one_is_refused():
    found, other = summary(customer_ref="Marta"), summary()
    user = judge()
    rate(found.pk, found.input_hash, good=True, reason="", user=user)
    erase(subject_of("demo", "Marta"), by="user:eve")
    assert verdicts("demo") == []
    with pytest.raises(SummaryHasChanged):
        rate(found.pk, found.input_hash, good=True, reason="", user=user)
    rate(other.pk, other.input_hash, good=True, reason="", user=user)
    assert [one.judged for one in verdicts("demo")] == [1]


@pytest.mark.django_db(transaction=True)
def test_a_judgement_that_meets_an_erasure_waits_and_is_then_refused():
    found, user = summary(customer_ref="Marta"), judge()
    subject = subject_of("demo", "Marta")
    with transaction.atomic():
        module.locked(subject)
        rating = in_thread(lambda: rate(found.pk, found.input_hash, good=True, reason="", user=user))
        wait_until_blocked()
        for part in parts():
            part.erase(subject)
    assert isinstance(rating(), SummaryHasChanged)
    assert not SummaryRating.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_an_erasure_that_meets_a_judgement_waits_and_takes_it_along(monkeypatch):
    found, user = summary(customer_ref="Marta"), judge()
    begun: list[Callable[[], Any]] = []

    def meanwhile() -> str:
        begun.append(in_thread(lambda: erase(subject_of("demo", "Marta"), by="user:eve")))
        wait_until_blocked()
        return "judge"

    monkeypatch.setattr(user, "get_username", meanwhile)
    rate(found.pk, found.input_hash, good=True, reason="", user=user)
    assert begun[0]().reached["summaries"] == 1
    assert not SummaryRating.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_draw_reads_the_newest_alone_whatever_the_size_of_the_domain(monkeypatch):
    monkeypatch.setattr(sampling, "AMONG", 3)
    every = [summary() for _ in range(8)]
    assert {draw("demo", in_force()) for _ in range(60)} == {one.pk for one in every[-3:]}


@pytest.mark.django_db(transaction=True)
def test_a_draw_begins_at_the_newest_by_index():
    found = summary()
    multiply(found, 2_000)
    with connection.cursor() as cursor:
        place = {"domain": "demo", "since": timedelta(days=30), "among": 50, "but": 0}
        cursor.execute("EXPLAIN " + sampling.DRAW, place | in_force()._asdict())
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "summarization_summary_domain" in plan and "Seq Scan on summarization_summary" not in plan
