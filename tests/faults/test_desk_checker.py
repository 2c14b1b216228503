"""The checker of help desks itself: it accepts a world in order, and finds each violation that is planted in it."""

import dataclasses
from collections.abc import Callable

import pytest

from tests.fakes.desk.base import Ticket
from tests.faults.desk_checker import Records, Sent, Told, check

ONE, TWO = "case-1", "case-2"


@pytest.fixture
def world() -> Records:
    """Two cases of three events each, told and heard."""
    made = Records(acknowledged=[ONE, TWO], cases={ONE: "closed", TWO: "open"})
    for case_id, status in made.cases.items():
        made.tickets.append(Ticket(id=f"T-{case_id}", case_id=case_id, status=status))
        for seq in (2, 3, 5):
            event_id = f"{case_id}/{seq}"
            made.told.append(Told(event_id, case_id, seq, "delivered"))
            made.sent.append(Sent(event_id, case_id, f"body of {event_id}"))
    return made


def violated(world: Records, *, drained: bool = True) -> set[str]:
    return {found.invariant for found in check(world, drained=drained)}


def told(world: Records, index: int, **values: object) -> None:
    world.told[index] = dataclasses.replace(world.told[index], **values)


def send(world: Records, index: int, **values: object) -> None:
    """Let the desk be sent something again, last of all."""
    world.sent.append(dataclasses.replace(world.sent[index], **values))


PLANTED: dict[str, tuple[str, Callable[[Records], object]]] = {
    "a promised case is gone": ("I1", lambda w: w.acknowledged.append("case-3")),
    "a case has no ticket": ("I1", lambda w: w.tickets.pop()),
    "a case has two tickets": ("I1", lambda w: w.tickets.append(w.tickets[0])),
    "an event is dead": ("I1", lambda w: told(w, 5, status="dead")),
    "an event is still on its way": ("I1", lambda w: told(w, 5, status="pending")),
    "a ticket has another status": ("I1", lambda w: setattr(w.tickets[0], "status", "open")),
    "the desk was sent an event of no case": ("I2", lambda w: w.sent.append(Sent("x", ONE, ""))),
    "the desk was sent an event of another case": ("I2", lambda w: send(w, 0, case_id=TWO)),
    "the desk holds a stranger's ticket": ("I2", lambda w: w.tickets.append(Ticket("T-9", "case-9"))),
    "two events arrived the wrong way round": ("I3", lambda w: w.sent.insert(0, w.sent.pop(1))),
    "an event was left out": ("I3", lambda w: w.sent.pop(1)),
    "an event was sent after a newer one": ("I4", lambda w: send(w, 1)),
    "a duplicate has another body": ("I4", lambda w: send(w, 5, sha256="other")),
    "a lane is leased after the drain": ("I8", lambda w: w.leased.update({ONE: -1.0})),
}  # fmt: skip


def test_a_world_in_order_has_no_violation(world):
    assert violated(world) == set()


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_violation_is_found(world, name):
    invariant, plant = PLANTED[name]
    plant(world)
    assert invariant in violated(world)


def test_the_same_event_sent_twice_with_the_same_body_is_no_violation(world):
    send(world, 5)
    assert violated(world) == set()


def test_before_the_drain_only_what_is_stale_is_a_violation(world):
    told(world, 5, status="pending")
    world.sent.pop()
    world.tickets[1].status = "in_progress"
    world.leased[TWO] = -1.0
    assert violated(world, drained=False) == set()
    world.leased[TWO] = 60.0
    assert violated(world, drained=False) == {"I8"}
