"""Settling while others are at it: other workers, an erasure, whoever holds the rows."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, transaction

from persistence.models import Conversation
from persistence.subject.erase import erase
from persistence.subject.find import subject_of_conversation
from summarization.claims import take, take_one
from summarization.models import ConversationSummary, SummaryItem
from summarization.store import settle
from tests.summarization.support import claimed, composed, conversation, item, plan, read, run, told

pytestmark = pytest.mark.django_db(transaction=True)


def erase_it(pk: int) -> None:
    erase(subject_of_conversation("demo", Conversation.objects.get(pk=pk).public_id), by="test")


def test_a_late_worker_stores_nothing():
    of = run()
    pk = conversation()
    plan(pk, of)
    [late] = take(of.pk, 0, 1, -1)
    [now] = take(of.pk, 0, 1, 60)
    assert settle(late, read(pk), composed()) is None
    assert not ConversationSummary.objects.exists()
    assert told() == []
    assert item(pk).claimed_by == now.token
    assert settle(now, read(pk), composed()).number == 1


def test_two_workers_who_believe_in_the_same_claim_store_one_summary():
    pk = conversation()
    claim, source = claimed(pk), read(pk)
    barrier = threading.Barrier(4)

    def work(_: int) -> ConversationSummary | None:
        barrier.wait()
        try:
            return settle(claim, source, composed())
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(work, range(4)))
    assert found.count(None) == 3
    assert (ConversationSummary.objects.get().number, len(told())) == (1, 1)


def test_a_conversation_that_is_erased_while_it_is_summarised_leaves_nothing():
    pk = conversation()
    claim, source = claimed(pk), read(pk)
    erase_it(pk)
    assert settle(claim, source, composed()) is None
    assert not ConversationSummary.objects.exists()
    assert not SummaryItem.objects.exists()
    assert told() == []
    assert take_one(pk, 60) is None


def test_settling_waits_for_an_erasure_and_then_stores_nothing():
    pk = conversation()
    claim, source = claimed(pk), read(pk)
    subject = subject_of_conversation("demo", source.conversation_id)
    held, settled = threading.Event(), []

    def work() -> None:
        held.wait()
        try:
            settled.append(settle(claim, source, composed()))
        finally:
            connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM persistence_conversation WHERE id = %s FOR UPDATE", [pk])
        held.set()
        wait_for_a_lock()
        for table in ("summarization_item", "persistence_turn"):
            cursor.execute(f"DELETE FROM {table} WHERE conversation_id = %s", [pk])
        cursor.execute("DELETE FROM persistence_conversation WHERE id = %s", [pk])
    thread.join()
    assert settled == [None]
    assert subject.pks == [pk]
    assert not ConversationSummary.objects.exists()


def wait_for_a_lock() -> None:
    with connection.cursor() as cursor:
        while True:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone()[0]:
                return


def test_an_erasure_and_settling_at_once_never_lock_each_other_out():
    for _ in range(8):
        pk = conversation()
        claim, source = claimed(pk), read(pk)
        barrier = threading.Barrier(2)

        def at_once(act: Any, barrier: threading.Barrier = barrier) -> Any:
            barrier.wait()
            try:
                return act()
            finally:
                connection.close()

        with ThreadPoolExecutor(2) as pool:
            both = [
                pool.submit(at_once, lambda pk=pk: erase_it(pk)),
                pool.submit(at_once, lambda c=claim, s=source: settle(c, s, composed())),
            ]
            for one in both:
                one.result()
        assert not ConversationSummary.objects.exists()
        assert not Conversation.objects.filter(pk=pk).exists()


def test_what_somebody_else_holds_for_too_long_fails_and_the_work_is_counted():
    pk = conversation()
    claim, source = claimed(pk), read(pk)
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '100ms'")
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SELECT 1 FROM persistence_conversation WHERE id = %s FOR UPDATE", [pk])
                held.set()
                done.wait()
        finally:
            connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    try:
        assert settle(claim, source, composed()) is None
    finally:
        done.set()
        thread.join()
    assert (item(pk).state, item(pk).reason, item(pk).tokens_in) == ("failed", "database_busy", 900)
