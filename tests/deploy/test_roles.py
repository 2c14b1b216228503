"""Web, workers, beat and Flower run with the same commands everywhere, and no queue is left alone."""

import re

import pytest
from django.conf import settings

from config.stack.processes import QUEUES
from handoff.connectors.judge import SEND_DEADLINE
from handoff.endpoints import entry
from handoff.models import Endpoint
from tests.deploy.files import (
    COMMON,
    UNITS,
    compose,
    filled,
    seconds,
    services,
    services_of_ours,
    unit,
    variables,
)

WORKERS = sorted(name for name in compose()["services"] if name.startswith("worker-"))
ROLES = sorted(path.stem.removeprefix("worker-") for path in UNITS.glob("worker-*.env"))
LONG_RUNNING = [name for name in services() if name != "holdfast-migrate.service"]


def queues_in_use() -> set[str]:
    """Every queue that a destination, the schedule or an unrouted task can put a message into."""
    scheduled = {entry["options"]["queue"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    relayed = {destination["queue"] for destination in settings.OUTBOX_DESTINATIONS.values()}
    return scheduled | relayed | {entry(Endpoint())["queue"], settings.CELERY_TASK_DEFAULT_QUEUE}


def option(command: list[str], name: str) -> str:
    return next(filled(word).partition("=")[2] for word in command if word.startswith(f"--{name}="))


def compose_queues() -> dict[str, str]:
    return {name: option(compose()["services"][name]["command"], "queues") for name in WORKERS}


def unit_queues() -> dict[str, str]:
    return {role: variables(UNITS / f"worker-{role}.env")["QUEUES"] for role in ROLES}


def test_compose_the_units_and_the_local_stack_agree_on_roles_and_queues() -> None:
    by_compose = {name.removeprefix("worker-"): queues for name, queues in compose_queues().items()}

    assert by_compose == unit_queues() == QUEUES


def test_every_queue_in_use_has_exactly_one_role_that_empties_it() -> None:
    consumed = [queue for queues in unit_queues().values() for queue in queues.split(",")]

    assert queues_in_use() <= set(consumed)
    assert len(consumed) == len(set(consumed))


def test_the_target_wants_every_role() -> None:
    target = (UNITS / "holdfast.target").read_text()
    wanted = set(re.findall(r"holdfast-[\w@-]+\.service", target))

    workers = {f"holdfast-worker@{role}.service" for role in ROLES}
    assert wanted == workers | {"holdfast-web.service", "holdfast-beat.service", "holdfast-flower.service"}


@pytest.mark.parametrize("name", WORKERS)
def test_a_container_worker_starts_as_its_unit_does(name: str) -> None:
    role = name.removeprefix("worker-")
    container = [filled(word) for word in compose()["services"][name]["command"]]
    [line] = unit("holdfast-worker@.service")["ExecStart"]
    environment = variables(UNITS / f"worker-{role}.env")
    for variable, value in environment.items():
        line = line.replace(f"${{{variable}}}", value)

    program, *words = line.replace("%i", role).replace("%H", "%h").split()
    assert program == "/opt/holdfast/.venv/bin/celery"
    assert ["celery", *words] == container


@pytest.mark.parametrize(("service", "name"), [("beat", "holdfast-beat"), ("flower", "holdfast-flower")])
def test_a_container_starts_as_its_unit_does(service: str, name: str) -> None:
    [line] = unit(f"{name}.service")["ExecStart"]

    assert ["celery", *line.split()[1:]] == compose()["services"][service]["command"]


def test_there_is_one_beat() -> None:
    assert compose()["services"]["beat"]["deploy"]["replicas"] == 1
    assert "holdfast-beat.service" in services()


def test_a_stopping_worker_has_time_to_finish_its_relay() -> None:
    needed = (
        settings.OUTBOX_RELAY_BUDGET_SECONDS
        + max(settings.ARCHIVE_CALL_DEADLINE_SECONDS, SEND_DEADLINE)
        + settings.CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT
    )

    for name in WORKERS:
        assert seconds(compose()["services"][name]["stop_grace_period"]) > needed
    assert int(unit("holdfast-worker@.service")["TimeoutStopSec"][0]) > needed


def test_a_stopping_web_has_time_to_answer_what_it_has_begun() -> None:
    text = (UNITS.parent / "gunicorn.conf.py").read_text()
    graceful = int(re.search(r'"WEB_GRACEFUL_SECONDS", (\d+)', text)[1])

    assert graceful > settings.REQUEST_DEADLINE_SECONDS
    assert seconds(compose()["services"]["web"]["stop_grace_period"]) > graceful
    assert int(unit("holdfast-web.service")["TimeoutStopSec"][0]) > graceful


@pytest.mark.parametrize("name", LONG_RUNNING)
def test_what_dies_is_started_again(name: str) -> None:
    assert unit(name)["Restart"] == ["always"]
    assert unit(name)["StartLimitIntervalSec"] == ["0"]


@pytest.mark.parametrize("name", sorted(compose()["services"]))
def test_a_container_that_dies_is_started_again(name: str) -> None:
    once = name in ("migrate", "s3-bucket")

    assert compose()["services"][name]["restart"].partition(":")[0] == (
        "on-failure" if once else "unless-stopped"
    )


@pytest.mark.parametrize("name", sorted(services_of_ours()))
def test_containers_of_ours_can_write_nothing_and_gain_nothing(name: str) -> None:
    service = services_of_ours()[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    # Celery does not start without a directory for temporary files.
    assert any(mount.startswith("/tmp") for mount in service["tmpfs"])


def test_nothing_is_published_beyond_the_machine() -> None:
    for name, service in compose()["services"].items():
        for port in service.get("ports", []):
            assert filled(port).startswith("127.0.0.1:"), name
    assert compose()["networks"]["data"]["internal"] is True


def test_turns_wait_for_postgres_and_for_nothing_else() -> None:
    assert set(compose()["services"]["web"]["depends_on"]) == {"migrate"}
    assert set(compose()["services"]["migrate"]["depends_on"]) == {"postgres"}


def test_postgres_flushes_what_it_acknowledges_and_redis_never_drops_a_message() -> None:
    postgres = compose()["services"]["postgres"]["command"]
    redis = compose()["services"]["redis"]["command"]

    assert {"-cfsync=on", "-csynchronous_commit=on", "-cfull_page_writes=on"} <= set(postgres)
    assert redis[redis.index("--maxmemory-policy") + 1] == "noeviction"


def test_units_never_run_as_root_and_cannot_write_to_the_system() -> None:
    for name in services():
        assert unit(name)["User"] == ["holdfast"]
        assert unit(name)["NoNewPrivileges"] == ["yes"]
        assert unit(name)["ProtectSystem"] == ["strict"]


def test_no_unit_says_what_the_shared_part_would_silently_overrule() -> None:
    lines = COMMON.read_text().splitlines()
    shared = {line.partition("=")[0] for line in lines if "=" in line and not line.startswith("#")}
    additive = {"Environment", "EnvironmentFile", "LoadCredential"}

    for name in services():
        own = {line.partition("=")[0] for line in (UNITS / name).read_text().splitlines() if "=" in line}
        assert not own & (shared - additive), name
