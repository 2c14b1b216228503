"""Short words for what the tests of all admin pages do: sign in, act, and count what the database had to do."""

import json
from collections.abc import Sequence
from typing import Any

from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from persistence.models import DomainAccess

NAUGHTY = (
    "<script>alert(1)</script>",
    "\u202egnp.exe \u2066isolated\u2069 \u200fright",
    "'); DROP TABLE outbox_lane; -- %s %(x)s {{ 7|add:7 }} {% now 'Y' %}",
    '"onmouseover=\'x\' &lt;b&gt; \\ / ? # ["1"]',
    "👩‍👩‍👧‍👦 ｆｕｌｌ Ｗｉｄｔｈ مرحبا שלום \ufeff",
    "line one\r\nline two\ttab \x1b[31m\x7f",
    "x" * 190,
)


def signed_in(*permissions: str, staff: bool = True, domains: Sequence[str] = ()) -> Client:
    """Return a client signed in as a user with exactly these permissions (``app.codename``), in these domains."""
    user = User.objects.create_user(f"user{User.objects.count()}", password="a-long-password", is_staff=staff)
    for name in permissions:
        app, codename = name.split(".")
        user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
    DomainAccess.objects.bulk_create(DomainAccess(user=user, domain=domain) for domain in domains)
    client = Client()
    client.force_login(user)
    return client


def run_action(client: Client, address: str, action: str, ids: list[Any]) -> str:
    """Tick these rows, run the action, and return what the next page says about it."""
    document = {"action": action, "_selected_action": [str(found) for found in ids], "index": "0"}
    response = client.post(address, document, follow=True)
    assert response.status_code == 200
    return " ".join(str(message) for message in response.context["messages"])


def statements(client: Client, address: str) -> list[str]:
    """Open a page and return the statements that it ran, without those that fill a cache of the process."""
    client.get(address)
    with CaptureQueriesContext(connection) as captured:
        response = client.get(address)
    assert response.status_code == 200, address
    return [
        query["sql"] for query in captured.captured_queries if query["sql"].startswith(("SELECT", "\nWITH"))
    ]


def most_rows_read(client: Client, address: str) -> int:
    """Return how many rows the hungriest statement of a page read from tables and indexes, kept or thrown away."""
    return max(_rows_read(sql) for sql in statements(client, address))


def _rows_read(sql: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN (ANALYZE, FORMAT JSON) " + sql)
        (plan,) = cursor.fetchone()
    return _rows_of((json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"])


def _rows_of(node: dict[str, Any]) -> int:
    below = sum(_rows_of(child) for child in node.get("Plans", []))
    if "Relation Name" not in node:
        return below
    thrown_away = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
    return below + int((node["Actual Rows"] + thrown_away) * node["Actual Loops"])
