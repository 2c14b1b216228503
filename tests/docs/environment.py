"""The environment variables that the code reads: by their syntax, and by what a reader is asked for when it runs."""

import ast
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tests.docs.documents import ROOT

READERS = ("text", "flag", "number", "integer", "words", "secret", "time_zone", "time_of_day")
CONFIGURATIONS = ("config/settings.py", "deploy/gunicorn.conf.py", "deploy/flower.conf.py")
PACKAGES = ("config", "handoff", "summarization", "persistence", "outbox", "deploy")
# config.stack sets it for itself, between one exec and the next.
INTERNAL = {"HOLDFAST_BEGUN_AGAIN", "DJANGO_SETTINGS_MODULE"}
# A default may be made of another setting; these values show which one.
MARKS = {"HOLDFAST_LOCAL_DIR": "/HOLDFAST_LOCAL_DIR", "REDIS_URL": "redis://REDIS_URL"}

RECORD = """
import json, runpy, sys
from config import env
calls = []
def recorded(kind, reader):
    def read(name, default=None, **more):
        calls.append([name, kind, default, more])
        return reader(name, **({} if default is None else {"default": default}), **more)
    return read
for kind in sys.argv[1].split(","):
    setattr(env, kind, recorded(kind, getattr(env, kind)))
for path in sys.argv[2:]:
    runpy.run_path(path)
print(json.dumps(calls))
"""


@dataclass(frozen=True)
class Variable:
    """One variable: how it is read, and its default in production and in development, as the page writes them."""

    name: str
    kind: str
    values: str
    default: str


def names_in(path: Path) -> set[str]:
    """Return the first arguments of ``env.<reader>("NAME", …)`` in a file."""
    return {
        node.args[0].value
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in READERS
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "env"
        and isinstance(node.args[0], ast.Constant)
    }


def names_from_the_process(path: Path) -> set[str]:
    """Return the literal names in ``os.environ[…]``, ``os.environ.get(…)`` and ``"…" in os.environ`` of a file."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Subscript) and _is_environ(node.value):
            found |= _constants([node.slice])
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and _is_environ(node.func.value)
        ):
            found |= _constants(node.args[:1])
        if isinstance(node, ast.Compare) and any(_is_environ(right) for right in node.comparators):
            found |= _constants([node.left])
    return found


def read_elsewhere() -> set[str]:
    """Return what is read past ``config.env``: by the stack, the metrics and the deployment's own files."""
    files = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    return set().union(*(names_from_the_process(path) for path in files)) - INTERNAL


@cache
def variables() -> dict[str, Variable]:
    """Return every variable that the three configurations ask for, with the defaults that they really use."""
    production = _recorded(
        {"DATABASE_URL": "postgresql://127.0.0.1:1/none", "FLOWER_BASIC_AUTH": "user:password"}
    )
    development = _recorded({"FLOWER_BASIC_AUTH": "user:password"})
    found = {}
    for name, (kind, default, more) in production.items():
        there, here = _shown(kind, default), _shown(kind, development[name][1])
        both = there if there == here else f"{there}; development: {here}"
        found[name] = Variable(name, kind, _values(kind, more), both)
    return found


def _recorded(environ: dict[str, str]) -> dict[str, tuple[str, Any, dict[str, Any]]]:
    """Run the configurations under this environment and return, by name, the first call that asked for it."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "LANG") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-c", RECORD, ",".join(READERS), *CONFIGURATIONS],
        cwd=ROOT,
        env=kept | MARKS | environ | {"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, tuple[str, Any, dict[str, Any]]] = {}
    for name, kind, default, more in json.loads(done.stdout):
        # secret() and words() ask text() in turn, after their own call; a name that is a secret anywhere is one.
        if name not in found or kind == "secret" != found[name][0]:
            found[name] = (kind, default, more)
    return found


def _shown(kind: str, default: Any) -> str:
    if kind == "flag":
        return "1" if default else "0"
    if kind in ("number", "integer"):
        return _number(default)
    text = str(default or "")
    if text.startswith("development-only"):
        return "made up"
    for name, mark in MARKS.items():
        text = text.replace(mark, name)
    return text.replace(f"{ROOT}/", "") or "empty"


def _values(kind: str, more: dict[str, Any]) -> str:
    if kind in ("number", "integer"):
        return f"{_number(more['at_least'])}–{_number(more['at_most'])}"
    if more.get("choices"):
        return ", ".join(more["choices"])
    shown = {"flag": "0 or 1", "words": "list", "time_zone": "IANA name", "time_of_day": "HH:MM"}
    return shown.get(kind, kind)


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else f"{value:g}"


def _is_environ(node: ast.expr) -> bool:
    return (isinstance(node, ast.Attribute) and node.attr == "environ") or (
        isinstance(node, ast.Name) and node.id == "environ"
    )


def _constants(nodes: list[ast.expr]) -> set[str]:
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
