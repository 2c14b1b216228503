"""A help desk behind a whole Holdfast: workers die, Redis stops and the desk goes away while customers ask for humans."""

import json
import os
import random
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import uuid4

import pytest

from config.services import process
from tests.fakes.desk.base import _handler, _Server
from tests.fakes.desk.webhook import FakeWebhookDesk
from tests.faults import desk_checker
from tests.faults.client import Client
from tests.faults.endpoints import configure
from tests.faults.history import Attempt, content_hash
from tests.faults.house import House, Stack, eventually

SEED, THREADS, CUSTOMERS = 20261121, 3, 30
RECOVERY_SECONDS = 100.0
DESTINATION = "helpdesk:hook"
LEADER, CHILD = 0, 1

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


class Desk(FakeWebhookDesk):
    """A webhook desk that can go away and come back to its address. It takes its time, so that kills find it at work."""

    def __enter__(self) -> "Desk":
        super().__enter__()
        self.fail("slow", times=None, seconds=0.05)
        return self

    def go_down(self) -> None:
        """Answer no more: connections are refused."""
        self._port = self._server.server_address[1]
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._reserved = process.reserve_port(self._port)

    def come_up(self) -> None:
        """Be there again, with every ticket."""
        self._reserved.close()
        self._server = _Server(("127.0.0.1", self._port), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()


@dataclass
class Customers:
    """Customers who ask for a human, and the agents who serve them, over HTTP; a context manager like ``Crowd``."""

    client: Client
    promised: list[str] = field(default_factory=list)
    replies: list[str] = field(default_factory=list)

    def __enter__(self) -> "Customers":
        self._errors: list[BaseException] = []
        self._threads = [
            threading.Thread(target=self._serve, args=(range(number, CUSTOMERS, THREADS),))
            for number in range(THREADS)
        ]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for thread in self._threads:
            thread.join()
        if self._errors:
            raise self._errors[0]

    @property
    def talking(self) -> bool:
        return any(thread.is_alive() for thread in self._threads)

    def _serve(self, numbers: range) -> None:
        try:
            for number in numbers:
                self._one(f"customer-{number}", closes=number % 2 == 0)
        except BaseException as error:  # Raised again where the test waits.
            self._errors.append(error)

    def _one(self, session: str, *, closes: bool) -> None:
        """Ask; claim, reply, ask back, note, and perhaps close."""
        asked = self.client.post(session, f"{session}/1", handoff={"reason_code": "user_request"})
        assert (asked.status, asked.document["handoff_status"]) == (201, "handoff_queued"), asked
        case_id = asked.document["case_id"]
        self.promised.append(case_id)
        self._act(case_id, action="claim", agent="anna")
        self._reply(case_id, session, "What is your order number?")
        answered = self.client.post(
            session, f"{session}/2", messages=[{"role": "user", "content": "It is 4711."}]
        )
        assert answered.status == 201, answered
        self._act(case_id, action="note", agent="anna", text="order 4711, sent again")
        self._reply(case_id, session, "It is on its way again.")
        if closes:
            self._act(case_id, action="close", agent="anna")

    def _reply(self, case_id: str, session: str, text: str) -> None:
        request_id = str(uuid4())
        # The answer names no turn: the checker is told that there may be one.
        said = [{"role": "agent", "content": text, "name": "anna"}]
        self.client.history.add(Attempt(f"reply:{request_id}", session, content_hash(said), "unknown"))
        self._act(case_id, action="reply", agent="anna", text=text, request_id=request_id)

    def _act(self, case_id: str, **step: str) -> None:
        done = self.client.request("POST", f"/api/v1/cases/{case_id}/transitions", json.dumps(step).encode())
        assert done.status == 200, done


@pytest.fixture
def desk() -> Iterator[Desk]:
    with Desk() as started:
        yield started


def worker(stack: Stack) -> list[int]:
    """The process ids of the help desks' worker, its leader first; empty while it is started again."""
    return [pid for pid in stack.pids("worker") if "helpdesk@%h" in process.command_line(pid)]


def hit(stack: Stack, desk: Desk, dice: random.Random, victim: int = CHILD) -> None:
    """Let the desk be asked a few more times, then kill the worker."""
    wanted = len(desk.requests) + dice.randint(1, 4)
    eventually(lambda: len(desk.requests) >= wanted, "the desk is asked", RECOVERY_SECONDS)
    kill(stack, victim)


def kill(stack: Stack, victim: int = CHILD) -> None:
    """Kill the worker's leader or its child as soon as it is there."""
    found: list[int] = []

    def there() -> bool:
        found[:] = worker(stack)
        return len(found) > victim

    eventually(there, "the worker is there", RECOVERY_SECONDS)
    os.kill(found[victim], signal.SIGKILL)


def records(house: House, desk: Desk, customers: Customers) -> desk_checker.Records:
    return desk_checker.read(
        house.database_url,
        DESTINATION,
        acknowledged=customers.promised,
        requests=desk.requests,
        tickets=desk.tickets,
    )


def test_workers_killed_redis_stopped_and_a_desk_that_goes_away_leave_one_ticket_for_each_case(
    house, private_redis, desk
):
    """A dozen kills, most of them in the middle of a send; every reply, note and close arrives once and in order."""
    broker = private_redis()
    house = house(
        redis_url=broker.url,
        FAULTS_SOURCE="tests.faults.sources.HurriedEndpoints",
        FAULTS_LEASE_SECONDS=5,
        OUTBOX_RELAY_BUDGET_SECONDS=2,
        OUTBOUND_ALLOWED_HOSTS="127.0.0.1",
    )
    configure(house, desk, hook="helpdesk")
    stack = house.stack()
    dice = random.Random(SEED)
    with Customers(stack.client) as customers:
        for _ in range(5):
            hit(stack, desk, dice)
        broker.stop()
        served = len(customers.promised)
        eventually(
            lambda: len(customers.promised) > served or not customers.talking, "nobody waits for Redis"
        )
        broker.start()
        hit(stack, desk, dice, LEADER)
        for _ in range(3):
            hit(stack, desk, dice)
        desk.go_down()
        kill(stack)
        found = desk_checker.check(records(house, desk, customers), drained=False)
        assert not found, "\n".join(map(str, found[:20]))
        desk.come_up()
        for _ in range(2):
            hit(stack, desk, dice)
    house.drain(RECOVERY_SECONDS)
    found = desk_checker.check(records(house, desk, customers))
    assert not found, "\n".join(map(str, found[:20]))
    assert len(customers.promised) == len(desk.tickets) == CUSTOMERS
    assert len(desk.requests) > len(desk.seen), "no kill has hit a send"
    house.check()
