"""Private addresses are not dialled: real connections to a canary, in a network namespace that this test makes."""

import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from handoff.net.client import NetError, request
from tests.handoff.net.farend import OK, FarEnd, full_listener, says

ROOT = Path(__file__).resolve().parents[3]
UNSHARE = ["unshare", "--map-root-user", "--net"]
Fail = Callable[..., NetError]


@pytest.fixture(scope="session")
def namespaces() -> None:
    if not shutil.which("unshare") or subprocess.run([*UNSHARE, "true"], capture_output=True).returncode:
        pytest.skip("this kernel or container does not let us make network namespaces")


def inside(*attempts: dict[str, Any]) -> list[dict[str, Any]]:
    """Make the attempts in a fresh namespace and return their outcomes."""
    asked = {"outside": str(Path("/proc/self/ns/net").readlink()), "attempts": attempts}
    command = [*UNSHARE, sys.executable, "-m", "tests.handoff.net.namespace"]
    done = subprocess.run(
        command, input=json.dumps(asked), capture_output=True, text=True, cwd=ROOT, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def attempt(
    host: str, *, allowed: tuple[str, ...] = (), answers: tuple[tuple[str, ...], ...] = ()
) -> dict[str, Any]:
    return {"url": f"http://{host}:8080/", "allowed": allowed, "answers": answers}


# Where the namespace's canary really answers, and where it would be noted.
REACHED = {
    "10.9.8.7": "10.9.8.7",
    "169.254.169.254": "169.254.169.254",
    "100.64.0.1": "100.64.0.1",
    "168.63.129.16": "168.63.129.16",
    "192.168.1.1": "192.168.1.1",
    "127.0.0.1": "127.0.0.1",
    "0.0.0.0": "127.0.0.1",
    "[::1]": "::1",
    "[::]": "::1",
    "[::ffff:10.9.8.7]": "10.9.8.7",
    "[64:ff9b::a09:807]": "64:ff9b::a09:807",
    "[2002:a09:807::1]": "2002:a09:807::1",
    "[fd00:ec2::254]": "fd00:ec2::254",
    "[fec0::1]": "fec0::1",
}


@pytest.mark.usefixtures("namespaces")
def test_a_special_address_is_refused_and_hears_nothing() -> None:
    outcomes = inside(*map(attempt, REACHED))
    assert {host: (made["outcome"], made["hits"]) for host, made in zip(REACHED, outcomes, strict=True)} == {
        host: ("blocked_address", []) for host in REACHED
    }


@pytest.mark.usefixtures("namespaces")
def test_the_same_address_is_reached_once_the_operator_allows_it() -> None:
    outcomes = inside(*(attempt(host, allowed=(host.strip("[]"),)) for host in REACHED))
    assert {host: made["hits"][0].split()[0] for host, made in zip(REACHED, outcomes, strict=True)} == REACHED
    assert {made["outcome"] for made in outcomes} == {"200"}


@pytest.mark.usefixtures("namespaces")
def test_a_public_address_needs_no_permission() -> None:
    four, six = inside(attempt("1.2.3.4"), attempt("[2606:4700::1234]"))
    assert four == {"outcome": "200", "lookups": [], "hits": ["1.2.3.4 1.2.3.4:8080"]}
    assert six == {"outcome": "200", "lookups": [], "hits": ["2606:4700::1234 [2606:4700::1234]:8080"]}


@pytest.mark.usefixtures("namespaces")
def test_a_name_is_resolved_once_and_what_was_checked_is_dialled() -> None:
    rebinding = attempt("desk.example", answers=(("1.2.3.4",), ("10.9.8.7",), ("10.9.8.7",)))
    assert inside(rebinding) == [
        {"outcome": "200", "lookups": ["desk.example"], "hits": ["1.2.3.4 desk.example:8080"]}
    ]


@pytest.mark.usefixtures("namespaces")
@pytest.mark.parametrize("answer", [("10.9.8.7",), ("1.2.3.4", "10.9.8.7"), ("fd00:ec2::254", "1.2.3.4")])
def test_a_name_that_leads_to_a_private_address_is_refused_with_all_its_addresses(
    answer: tuple[str, ...],
) -> None:
    refused, allowed = inside(
        attempt("desk.example", answers=(answer,)),
        attempt("desk.example", answers=(answer,), allowed=("desk.example:8080",)),
    )
    assert refused == {"outcome": "blocked_address", "lookups": ["desk.example"], "hits": []}
    assert (allowed["outcome"], allowed["hits"]) == ("200", [f"{answer[0]} desk.example:8080"])


def answering(*addresses: str) -> Callable[..., list[tuple[Any, ...]]]:
    return lambda host, port, **_: [(0, 0, 0, "", (address, port)) for address in addresses]


def test_without_permission_loopback_is_refused_and_the_message_says_what_to_do(
    far_end: Callable[..., FarEnd], failure: Fail, settings: Any
) -> None:
    desk = far_end(says(OK))
    settings.OUTBOUND_ALLOWED_HOSTS = []
    error = failure(desk.url(), content=b"{}")
    assert (error.code, error.sent) == ("blocked_address", False)
    assert "OUTBOUND_ALLOWED_HOSTS" in str(error)
    settings.OUTBOUND_ALLOWED_HOSTS = [f"127.0.0.1:{desk.port}"]  # read at call time
    assert request("GET", desk.url()).status == 200
    assert len(desk.requests) == 1


def test_the_next_address_is_tried_where_one_does_not_answer(far_end: Callable[..., FarEnd]) -> None:
    desk = far_end(says(OK))
    request("GET", desk.url(host="desk.example"), resolver=answering("127.0.0.2", "127.0.0.1"))
    assert f"Host: desk.example:{desk.port}".encode() in desk.requests[0]


def test_an_address_that_swallows_everything_leaves_time_for_the_next(far_end: Callable[..., FarEnd]) -> None:
    desk = far_end(says(OK))
    with full_listener("127.0.0.2", desk.port):
        reply = request(
            "GET", desk.url(host="desk.example"), resolver=answering("127.0.0.2", "127.0.0.1"), deadline=2
        )
    assert (reply.status, len(desk.requests)) == (200, 1)


def _no_such_name(*_: Any, **__: Any) -> Any:
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


def _not_a_label(*_: Any, **__: Any) -> Any:
    return "x".join(["."] * 3).encode("idna")


@pytest.mark.parametrize("resolver", [_no_such_name, _not_a_label, answering(), answering("not an address")])
def test_a_name_without_an_address_is_unresolvable(failure: Fail, resolver: Any) -> None:
    error = failure("http://desk.example/", resolver=resolver)
    assert (error.code, error.sent) == ("unresolvable", False)


def test_the_deadline_holds_while_the_name_server_does_not_answer(failure: Fail) -> None:
    over = Event()

    def slow(host: str, port: int, **_: Any) -> list[tuple[Any, ...]]:
        over.wait(20)
        return answering("127.0.0.1")(host, port)

    error = failure("http://desk.example/", resolver=slow, deadline=0.2)
    over.set()
    assert (error.code, error.sent) == ("timeout", False)


def test_the_machines_own_resolver_is_asked_where_none_is_given(
    far_end: Callable[..., FarEnd], settings: Any
) -> None:
    settings.OUTBOUND_ALLOWED_HOSTS = ["localhost"]
    assert request("GET", far_end(says(OK)).url(host="localhost")).status == 200
