"""What a desk tells may arrive in any order, and more than once: the case ends where the desk has its ticket."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from handoff.connectors.port import Heard
from handoff.inbound.apply import hear
from handoff.models import CaseEvent, Endpoint
from persistence.models import Turn
from tests.handoff.inbound.support import desk_endpoint, fresh, heard, in_a, ticket
from tests.handoff.support import control_of

pytestmark = pytest.mark.django_db(transaction=True)

Event = tuple[str, str, int]  # kind, what, second
STATUSES = ("open", "in_progress", "waiting_customer", "closed")
events = st.one_of(
    st.tuples(st.just("status"), st.sampled_from(STATUSES), st.integers(1, 4)),
    st.tuples(st.just("assigned"), st.sampled_from(["Ana", "Bea"]), st.integers(1, 4)),
    st.tuples(st.just("reply"), st.sampled_from(["Hello", "Goodbye"]), st.integers(1, 4)),
    st.tuples(st.just("note"), st.just("for colleagues"), st.integers(1, 4)),
)


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Event], list[int]]:
    """Return what the desk tells, and an order in which it arrives, some of it twice."""
    told = draw(st.lists(events, min_size=2, max_size=5))
    order = draw(st.permutations(range(len(told))))
    return told, [*order, *draw(st.lists(st.sampled_from(order), max_size=2))]


def end(endpoint: Endpoint, told: list[Event], order: list[int]) -> dict[str, Any]:
    """Let all of it arrive in that order at a case of its own, and return where that ends."""
    found, _ = ticket(endpoint, session_id=f"s-{in_a(0).timestamp()}")
    start = in_a(1)
    tellings = [spoken(event, found.case_id, start) for event in told]
    for index in order:
        hear(endpoint, tellings[index])
    case = fresh(found)
    said = Turn.objects.filter(conversation_id=case.conversation_id, seq__gt=1).values_list(
        "messages", flat=True
    )
    assigned = any(kind == "assigned" for kind, _, _ in told)
    return {
        "status": case.status,
        "control": control_of(found)[0],
        "replies": sorted(message["content"] for messages in said for message in messages),
        "notes": CaseEvent.objects.filter(case=case, kind="noted").count(),
        "assignee": case.assignee if assigned and case.status != "open" else "",
    }


def spoken(event: Event, case_id: Any, start: Any) -> Heard:
    kind, what, second = event
    found = heard(kind, case_id, at=start + timedelta(seconds=second))
    if kind == "status":
        return replace(found, status=what)  # type: ignore[arg-type]
    return replace(found, author=what) if kind == "assigned" else replace(found, text=what)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(histories())
@example(([("reply", "Hello", 1), ("status", "closed", 1)], [1, 0]))
@example(([("status", "waiting_customer", 1), ("reply", "Hello", 2)], [1, 0]))
@example(([("status", "open", 1), ("reply", "Hello", 2)], [1, 0]))
@example(([("status", "closed", 1), ("assigned", "Bea", 2), ("status", "open", 3)], [1, 2, 0]))
@example(([("status", "open", 2), ("status", "closed", 1)], [1, 0]))
@example(([("status", "closed", 2), ("status", "open", 2)], [1, 0, 1]))
@example(([("assigned", "Ana", 1), ("assigned", "Bea", 2), ("status", "open", 3)], [2, 1, 0]))
def test_every_order_of_arrival_ends_in_the_same_state(history):
    told, order = history
    endpoint = Endpoint.objects.filter(slug="hook").first() or desk_endpoint()
    assert end(endpoint, told, order) == end(endpoint, told, list(range(len(told))))


def test_the_newest_status_is_the_one_that_holds():
    endpoint = desk_endpoint()
    told: list[Event] = [("status", name, number) for number, name in enumerate(STATUSES)]
    for order in ([0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2]):
        assert end(endpoint, told, order)["status"] == "closed"
