"""Helpers of the tests of the embedded services."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import psycopg2
from redis import Redis

from config.services import state

ROOT = Path(__file__).resolve().parents[2]


def query(url: str, sql: str) -> str:
    connection = psycopg2.connect(url)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchone()[0] if cursor.description else ""
    finally:
        connection.close()


def redis_client(url: str) -> Redis:
    return Redis.from_url(url, socket_timeout=5)


def pid_of(local_dir: Path, name: str) -> int:
    return state.read(local_dir)[name].pid


def python(code: str, *arguments: str, **options) -> subprocess.Popen:
    """Another process with this repository on its path and no servers named in its environment."""
    environ = {name: value for name, value in os.environ.items() if not name.endswith("_URL")}
    command = [sys.executable, "-c", textwrap.dedent(code), *arguments]
    return subprocess.Popen(
        command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )
