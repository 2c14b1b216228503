"""No secret stands in a file of deploy/, and none is missing without a word."""

import stat
import subprocess
from pathlib import Path

import pytest

from tests.deploy.files import DEPLOY, compose, names_read, services, services_of_ours, unit

SECRETS = names_read("secret") | {"POSTGRES_PASSWORD"}


def make_secrets(directory: Path) -> dict[str, str]:
    subprocess.run([DEPLOY / "make-secrets", directory], check=True, capture_output=True)
    return {path.name: path.read_text().strip() for path in directory.iterdir()}


@pytest.mark.parametrize("name", sorted(compose()["services"]))
def test_compose_hands_over_secrets_as_files_only(name: str) -> None:
    service = compose()["services"][name]
    environment = service.get("environment", {})

    assert not SECRETS & set(environment)
    for variable, path in environment.items():
        if variable.endswith("_FILE"):
            assert Path(path).parent == Path("/run/secrets"), variable
            assert Path(path).name in service["secrets"], variable


@pytest.mark.parametrize("name", services())
def test_units_hand_over_secrets_as_credentials_only(name: str) -> None:
    settings = unit(name)
    pairs = dict(pair.split("=", 1) for line in settings["Environment"] for pair in line.split())
    credentials = {line.partition(":")[0] for line in settings["LoadCredential"]}
    files = {variable: path for variable, path in pairs.items() if variable.endswith("_FILE")}

    assert not SECRETS & set(pairs)
    assert set(files.values()) == {f"%d/{credential}" for credential in credentials}


def test_every_service_of_ours_gets_what_the_settings_must_have() -> None:
    for name, service in services_of_ours().items():
        for required in ("SECRET_KEY", "HASH_SECRET", "DATABASE_URL", "REDIS_URL"):
            assert f"{required}_FILE" in service["environment"], (name, required)
        assert service["environment"]["HOLDFAST_DEVELOPMENT"] == "0", name


def test_compose_stops_with_a_sentence_when_secrets_or_hosts_are_not_there() -> None:
    definitions = compose()["secrets"]

    assert all(secret["file"].startswith("${HOLDFAST_SECRETS:?") for secret in definitions.values())
    assert "make-secrets" in definitions["secret_key"]["file"]
    assert services_of_ours()["web"]["environment"]["ALLOWED_HOSTS"].startswith("${ALLOWED_HOSTS:?name")


def test_make_secrets_makes_every_file_that_compose_and_the_units_name(tmp_path: Path) -> None:
    made = set(make_secrets(tmp_path / "secrets"))

    by_compose = {Path(secret["file"]).name for secret in compose()["secrets"].values()}
    by_units = {Path(line).name for name in services() for line in unit(name)["LoadCredential"]}
    assert made == by_compose | by_units


def test_make_secrets_keeps_what_is_there_and_completes_the_rest(tmp_path: Path) -> None:
    first = make_secrets(tmp_path)
    (tmp_path / "flower_basic_auth").unlink()
    second = make_secrets(tmp_path)

    assert second.pop("flower_basic_auth") != first.pop("flower_basic_auth")
    assert second == first


def test_the_secrets_directory_is_closed_and_its_files_cannot_be_changed(tmp_path: Path) -> None:
    make_secrets(tmp_path / "secrets")

    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "secrets").iterdir()} == {0o444}


def test_two_installations_have_no_secret_in_common(tmp_path: Path) -> None:
    one, other = make_secrets(tmp_path / "one"), make_secrets(tmp_path / "other")

    # What only somebody else can hand out is made empty, to be filled in.
    assert {name for name, value in one.items() if not value} == {"openai_api_key"}
    assert not (set(one.values()) & set(other.values())) - {""}
    assert all(len(one[name]) >= 48 for name in ("secret_key", "hash_secret", "postgres_password"))


def test_the_addresses_carry_the_passwords_that_the_servers_are_given(tmp_path: Path) -> None:
    made = make_secrets(tmp_path)

    assert f":{made['postgres_password']}@postgres:" in made["database_url"]
    assert f":{made['redis_conf'].split()[1]}@redis:" in made["redis_url"]
    assert made["archive_s3_secret_access_key"] in made["s3_identities"]
