"""holdfast.env.example shows every setting, and none that nobody reads."""

import re

import pytest

from config.env import FALSE
from tests.deploy.files import DEPLOY, names_read, variables

EXAMPLE = DEPLOY / "holdfast.env.example"
# Read by libraries or through os.environ, and by compose itself.
BESIDES = {"PROMETHEUS_MULTIPROC_DIR", "AWS_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR", "COMPOSE_PROFILES"}


def shown() -> set[str]:
    return set(re.findall(r"^#?([A-Z][A-Z0-9_]+)=", EXAMPLE.read_text(), re.M))


def test_every_setting_is_in_the_example_and_secrets_only_as_files() -> None:
    secrets = names_read("secret")
    expected = (names_read() - secrets) | {f"{name}_FILE" for name in secrets}

    assert expected <= shown(), f"Add to deploy/holdfast.env.example: {sorted(expected - shown())}"
    assert not secrets & shown()


def test_the_example_shows_nothing_that_nobody_reads() -> None:
    by_compose = set(re.findall(r"\$\{(\w+)", (DEPLOY / "compose.yaml").read_text()))
    known = names_read() | {f"{name}_FILE" for name in names_read("secret")} | by_compose | BESIDES

    assert not shown() - known


def test_every_line_of_the_example_is_explained() -> None:
    previous = ""
    for line in EXAMPLE.read_text().splitlines():
        if re.match(r"#?[A-Z][A-Z0-9_]+=", line):
            assert previous, f"{line} stands without a comment or a neighbour"
        previous = line


@pytest.mark.parametrize("name", ["DEBUG", "HOLDFAST_DEVELOPMENT"])
def test_the_example_turns_no_development_on(name: str) -> None:
    assert variables(EXAMPLE).get(name, "0") in FALSE
