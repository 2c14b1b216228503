"""What is counted and exported of a customer's cases."""

import pytest

from handoff import search
from handoff import subject as module
from handoff.models import CaseEvent, ExternalLink
from persistence.subject.port import Subject
from tests.handoff.delivery.support import carry, endpoint_for
from tests.handoff.subject.kit import PART, closed, files, subject_of

pytestmark = pytest.mark.django_db(transaction=True)


def test_what_there_is_is_counted_by_kind_and_only_the_customers(desk):
    endpoint = endpoint_for(desk)
    first, second = closed("a"), closed("b")
    closed("other", customer_ref="bob")
    carry(endpoint)
    search.refresh()
    events = CaseEvent.objects.filter(case__in=[first, second]).count()
    assert PART.count(subject_of(first, second)) == {
        "cases": 2,
        "case events": events,
        "handoffs": 2,
        "tickets": 2,
        "search entries": 2,
    }
    assert events > 8
    assert set(PART.count(Subject("demo", "nobody", ())).values()) == {0}


def test_an_export_tells_cases_histories_handoffs_and_tickets_and_nothing_of_others(desk):
    endpoint = endpoint_for(desk)
    case = closed()
    closed("other", customer_ref="bob", note="about Bob")
    carry(endpoint)
    found = files(subject_of(case))
    assert list(found) == ["cases.jsonl", "case_events.jsonl", "handoffs.jsonl", "tickets.jsonl"]
    (told,) = found["cases.jsonl"]
    assert (told["case_id"], told["customer_ref"], told["reason"]) == (
        str(case.case_id),
        "ann",
        "the card is gone",
    )
    assert told["context"]["summary"]["problem"] == "my card was swallowed"
    events = found["case_events.jsonl"]
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert {"she called before", "Hello, this is Anna."} <= {event["text"] for event in events}
    assert [attempt["state"] for attempt in found["handoffs.jsonl"]] == ["resolved"]
    link = ExternalLink.objects.get(case=case)
    assert [(row["desk"], row["ticket"], row["url"]) for row in found["tickets.jsonl"]] == [
        ("helpdesk:hook", link.external_id, link.external_url)
    ]
    assert "Bob" not in str(found)
    assert "bob" not in str(found)


def test_a_long_history_is_exported_page_by_page_without_a_gap(monkeypatch):
    cases = [closed(f"s{number}") for number in range(3)]
    subject = subject_of(*cases)
    whole = files(subject)
    monkeypatch.setattr(module, "EVENTS_AT_ONCE", 2)
    monkeypatch.setattr(module, "AT_ONCE", 1)
    assert files(subject) == whole
    assert len(whole["case_events.jsonl"]) == CaseEvent.objects.count()
