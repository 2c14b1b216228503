"""Short words for what the tests of all admin pages do: sign in, count and explain queries."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext


def signed_in(*permissions: str, staff: bool = True) -> Client:
    """Return a client signed in as a user with exactly these permissions (``app.codename``)."""
    user = User.objects.create_user(f"user{User.objects.count()}", password="a-long-password", is_staff=staff)
    for name in permissions:
        app, codename = name.split(".")
        user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
    client = Client()
    client.force_login(user)
    return client


def words_of(response: Any) -> str:
    """Return what Django's messages said on the page that a POST led to."""
    return " ".join(str(message) for message in response.context["messages"])


def statements(client: Client, address: str) -> list[str]:
    """Open a page and return the statements that it ran."""
    with CaptureQueriesContext(connection, ) as captured:
        response = client.get(address)
        response.render() if hasattr(response, "render") else None
    assert response.status_code == 200, address
    return [query["sql"] for query in captured.captured_queries]


def full_scans(sql: Iterator[str] | list[str], tables: set[str]) -> list[str]:
    """Return the statements whose plan reads all of a large table, or sorts what an index should have ordered."""
    found = []
    for statement in sql:
        if not any(table in statement for table in tables) or "pg_class" in statement:
            continue
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN (FORMAT JSON) {statement.replace('%', '%%')}" if False else f"EXPLAIN (FORMAT JSON) {statement}")
            plan = cursor.fetchone()[0]
        plan = json.loads(plan) if isinstance(plan, str) else plan
        found += [f"{node}: {statement}" for node in _large(plan[0]["Plan"], tables)]
    return found


def _large(node: dict[str, Any], tables: set[str]) -> list[str]:
    scans = node["Node Type"] == "Seq Scan" and node.get("Relation Name") in tables
    own = [f"Seq Scan on {node['Relation Name']}"] if scans else []
    return own + [found for child in node.get("Plans", []) for found in _large(child, tables)]
