"""The files of deploy/, read the way their programs read them."""

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
UNITS = DEPLOY / "systemd"
COMMON = UNITS / "holdfast-.service.d" / "10-common.conf"
READERS = ("config/settings.py", "deploy/gunicorn.conf.py", "deploy/flower.conf.py")


def compose() -> dict[str, Any]:
    """Return compose.yaml with its merges carried out and its variables as they stand."""
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())


def filled(text: str) -> str:
    """Return a string of compose.yaml as it is when every variable has its default."""
    return re.sub(r"\$\{\w+(?::?-([^}]*))?[^}]*\}", lambda match: match[1] or "", text).replace("$$", "$")


def services_of_ours() -> dict[str, dict[str, Any]]:
    """Return the services that run the image built here."""
    return {name: service for name, service in compose()["services"].items() if "build" in service}


def unit(name: str) -> dict[str, list[str]]:
    """Return a unit's settings, with those that every unit shares in front. Continued lines are joined."""
    found: dict[str, list[str]] = {}
    for path in (COMMON, UNITS / name):
        text = re.sub(r"\\\n\s*", "", path.read_text())
        for line in text.splitlines():
            key, equals, value = line.partition("=")
            if equals and not line.startswith("#"):
                found.setdefault(key, []).append(value)
    return found


def services() -> list[str]:
    """Return the names of the service units."""
    return sorted(path.name for path in UNITS.glob("*.service"))


def variables(path: Path) -> dict[str, str]:
    """Return the NAME=value lines of an environment file, commented examples not counted."""
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def names_read(kind: str = r"\w+") -> set[str]:
    """Return the environment variables that settings and the two server configurations ask for."""
    text = "".join((ROOT / path).read_text() for path in READERS)
    return set(re.findall(rf'\benv\.{kind}\(\s*"([A-Z][A-Z0-9_]+)"', text))


def seconds(period: str) -> int:
    """Return compose's ``60s`` as 60."""
    return int(period.removesuffix("s"))
