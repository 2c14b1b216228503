"""The relay of a help desk is killed at random moments and stopped past its lease: one ticket for each case."""

import json
import random
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.fakes.desk.base import FakeDesk
from tests.fakes.desk.webhook import FakeWebhookDesk
from tests.fakes.desk.zammad import FakeZammad
from tests.faults.ground import Build
from tests.faults.house import ROOT, House, eventually
from tests.faults.program import Program

CASES, NOTES, KILLS, SEED = 12, 3, 8, 20261121
DESKS: dict[str, type[FakeDesk]] = {"webhook": FakeWebhookDesk, "zammad": FakeZammad}
# Run in the house: an endpoint as an operator configures it, and cases as the gate opens them, with notes on them.
PREPARE = """
import json, os
from handoff.cases import actions
from handoff.cases.actor import Actor
from handoff.gate import record_turn
from handoff.models import Endpoint
from handoff.secrets import seal
given = json.loads(os.environ["FAULTS_GIVEN"])
Endpoint.objects.create(
    slug="hook", domain="demo", connector=given["connector"], url=given["url"], options=given["options"],
    sealed_secrets=seal(given["secrets"]),
)
for number in range(given["cases"]):
    found = record_turn(
        domain="demo", channel="web", session_id=f"s-{number}", request_id=f"r-{number}",
        messages=[{"role": "user", "content": f"I need a person, number {number}"}], handoff={},
    )
    for note in range(given["notes"]):
        actions.note(found.case_id, actor=Actor("anna"), text=f"note {note}")
"""
# A lease is over: what a worker held when it died is anybody's.
EXPIRE = "UPDATE outbox_lane SET leased_until = now() - interval '1 second' WHERE leased_until IS NOT NULL"
DUE = "UPDATE outbox_lane SET due_at = now() WHERE due_at < 'infinity' AND leased_until IS NULL"
NEXT = "UPDATE outbox_delivery SET next_at = now() WHERE status = 'pending'"
ON_THE_WAY = """
SELECT count(*) FROM outbox_delivery AS d JOIN outbox_lane AS l ON l.id = d.lane_id
WHERE destination = 'helpdesk:hook' AND (status <> 'delivered' OR leased_until IS NOT NULL)
"""
FORGIVE = "UPDATE outbox_lane SET rescues = 0"  # eight deaths are the experiment's doing, not poison


@pytest.fixture(params=DESKS)
def desk(request: pytest.FixtureRequest) -> Iterator[tuple[str, FakeDesk]]:
    with DESKS[request.param]() as started:
        yield request.param, started


def prepared(house: Build, connector: str, desk: FakeDesk, *, cases: int = CASES) -> House:
    """Build a house with an endpoint for that desk, and cases that wait for it."""
    built = house(OUTBOUND_ALLOWED_HOSTS="127.0.0.1")
    configured = desk.desk(slug="hook")
    given = {
        "connector": connector,
        "url": configured.url,
        "options": dict(configured.options),
        "secrets": {name: list(values) for name, values in configured.secrets.items()},
        "cases": cases,
        "notes": NOTES,
    }
    environ = built.environ | {"FAULTS_GIVEN": json.dumps(given)}
    command = House.command("manage.py", "shell", "--no-imports", "-c", PREPARE)
    subprocess.run(command, cwd=ROOT, env=environ, check=True, timeout=60)
    return built


def relay(house: House) -> Program:
    return house.start("relay", "manage.py", "outbox", "relay", "helpdesk:hook", "--loop")


def pass_time(house: House) -> None:
    for statement in (EXPIRE, NEXT, DUE, FORGIVE):
        house.query(statement)


def finish(house: House) -> None:
    """Let one relay that is left in peace carry the rest."""
    pass_time(house)
    relay(house)
    eventually(lambda: house.value(ON_THE_WAY) == 0, "everything has arrived at the desk")


def check(house: House, desk: FakeDesk, *, cases: int = CASES) -> None:
    """Hold the desk's tickets against the house's cases: one each, linked by its id, its notes once and in order."""
    ids = {str(case_id) for (case_id,) in house.query("SELECT case_id FROM handoff_case")}
    assert len(ids) == cases
    assert sorted(ticket.case_id for ticket in desk.tickets) == sorted(ids)
    links: list[Any] = house.query(
        "SELECT c.case_id::text, l.external_id FROM handoff_external_link AS l JOIN handoff_case AS c ON c.id = l.case_id"
    )
    assert sorted(links) == sorted((ticket.case_id, ticket.id) for ticket in desk.tickets)
    for ticket in desk.tickets:
        text = "\n".join(comment.text for comment in ticket.comments)
        notes = [text.count(f"note {number}") for number in range(NOTES)]
        assert notes == [1] * NOTES, text
        assert [text.index(f"note {number}") for number in range(NOTES)] == sorted(
            text.index(f"note {number}") for number in range(NOTES)
        )


@pytest.mark.slow
def test_relays_killed_at_random_moments_leave_one_ticket_for_each_case_and_each_note_once(house, desk):
    connector, fake = desk
    built = prepared(house, connector, fake)
    dice = random.Random(SEED)
    fake.fail("slow", times=None, seconds=0.05)  # so that a kill finds it between "stored" and "answered"
    for _ in range(KILLS):
        seen = len(fake.requests)
        victim = relay(built)
        eventually(lambda seen=seen: len(fake.requests) > seen + dice.randrange(3), "the desk is asked")
        time.sleep(dice.uniform(0, 0.08))
        victim.kill()
        pass_time(built)
    fake.heal()
    finish(built)
    check(built, fake)


def test_a_relay_stopped_in_a_send_past_its_lease_opens_no_second_ticket(house, desk):
    connector, fake = desk
    built = prepared(house, connector, fake, cases=1)
    fake.fail("slow", seconds=1.0)
    stopped = relay(built)
    eventually(lambda: fake.tickets, "the desk has the ticket")
    stopped.freeze()
    finish(built)
    stopped.resume()
    eventually(lambda: built.counted("fenced") == 1, "the late relay is fenced")
    check(built, fake, cases=1)
