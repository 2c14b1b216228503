"""docs/api.md against the API: routes, statuses, fields, limits and codes, each in both directions."""

import ast
import re
from typing import Any

import pytest
from django.urls import resolve
from django.urls.exceptions import Resolver404

from config.api import api
from config.urls import urlpatterns
from handoff import gate
from persistence.errors import HoldfastError
from persistence.history import MAX_LIMIT
from persistence.http.problems import RETRY_AFTER_SECONDS
from persistence.jsontext import MAX_DEPTH, MAX_INTEGER_BITS
from persistence.requests import MAX_BODY_BYTES, MAX_CONTENT_BYTES, MAX_MESSAGES
from tests.docs import documents
from tests.docs.documents import ROOT, codes, plain, rows, section, subsections

TEXT = documents.api()
SCHEMA = api.get_openapi_schema()
SCHEMAS = SCHEMA["components"]["schemas"]
OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, methods in SCHEMA["paths"].items()
    for method, operation in methods.items()
}
SECTIONS = {plain(title): body for title, body in subsections(TEXT, "Routes").items()}


def names(text: str, column: str) -> set[str]:
    """Return every name in backticks in the first column of the tables so titled."""
    return {name for row in rows(text, column) for name in codes(row[column])}


def subclasses(kind: type[HoldfastError]) -> set[type[HoldfastError]]:
    found = set(kind.__subclasses__())
    return found.union(*(subclasses(one) for one in found))


def raised_codes() -> dict[str, str]:
    """Return code → status of every error that a caller can meet. ``gate`` is imported for the one it defines."""
    assert gate.HandoffUnavailable in subclasses(HoldfastError)
    return {
        kind.code: str(kind.status) for kind in subclasses(HoldfastError) if kind.code != HoldfastError.code
    }


def answered_codes() -> set[str]:
    """Return the codes that config/api.py gives to ``problem()`` by itself."""
    tree = ast.parse((ROOT / "config" / "api.py").read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return {
        call.args[1].value
        for call in calls
        if getattr(call.func, "id", "") == "problem" and isinstance(call.args[1], ast.Constant)
    }


def flat(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a field without its "or null"."""
    return next((one for one in schema.get("anyOf", []) if one.get("type") != "null"), {}) | schema


def limits(schema: dict[str, Any]) -> set[int]:
    """Return the bounds of a field, but for a lower bound of 0, which only says that nothing is negative."""
    named = ("minLength", "maxLength", "minItems", "maxItems", "minimum", "maximum")
    return {int(flat(schema)[name]) for name in named if flat(schema).get(name)}


def numbers(text: str) -> set[int]:
    return {int(found) for found in re.findall(r"\d+", text)} - {0}


def test_every_route_is_documented_and_every_documented_route_exists() -> None:
    assert {title for title in SECTIONS if title != "Without a key"} == set(OPERATIONS)


@pytest.mark.parametrize("address", sorted(names(SECTIONS["Without a key"], "Address")))
def test_every_address_without_a_key_exists(address: str) -> None:
    method, path = address.split() if " " in address else ("GET", address)
    assert method == "GET"
    assert resolve(path)


def test_every_address_outside_the_api_is_documented() -> None:
    documented = " ".join(names(SECTIONS["Without a key"], "Address"))
    assert {str(pattern.pattern) for pattern in urlpatterns} - {"", "api/v1/"} <= {
        address.lstrip("/") for address in documented.split()
    }
    with pytest.raises(Resolver404):
        resolve("/nowhere")


@pytest.mark.parametrize("route", sorted(OPERATIONS))
def test_the_statuses_of_a_route_are_those_that_it_declares(route: str) -> None:
    assert {row["Status"] for row in rows(SECTIONS[route], "Status")} == {
        str(status) for status in OPERATIONS[route]["responses"]
    }


def test_the_fields_of_a_turn_are_those_of_its_schema() -> None:
    assert names(SECTIONS["POST /api/v1/turns"], "Field") == set(SCHEMAS["GatedTurnRequest"]["properties"])


def test_what_a_turn_requires_is_what_its_schema_requires() -> None:
    documented = {
        plain(row["Field"])
        for row in rows(SECTIONS["POST /api/v1/turns"], "Field")
        if row["Required"] == "yes"
    }
    assert documented == set(SCHEMAS["GatedTurnRequest"]["required"])


@pytest.mark.parametrize("field", sorted(SCHEMAS["GatedTurnRequest"]["properties"]))
def test_the_limits_of_a_field_are_those_of_its_schema(field: str) -> None:
    [row] = [row for row in rows(SECTIONS["POST /api/v1/turns"], "Field") if plain(row["Field"]) == field]
    assert numbers(row["Type and limit"]) == limits(SCHEMAS["GatedTurnRequest"]["properties"][field])


def test_the_fields_and_roles_of_a_message_are_those_of_its_schema() -> None:
    table = {plain(row["Message field"]): row for row in rows(TEXT, "Message field")}
    assert set(table) - {"any other"} == set(SCHEMAS["Message"]["properties"])
    assert SCHEMAS["Message"]["additionalProperties"] is True
    assert set(codes(table["role"]["Type and limit"])) == set(
        SCHEMAS["Message"]["properties"]["role"]["enum"]
    )


@pytest.mark.parametrize(
    ("route", "schema"),
    [
        ("POST /api/v1/turns", "TurnAnswer"),
        ("GET /api/v1/conversations/{conversation_id}", "ConversationAnswer"),
        ("GET /api/v1/conversations/{conversation_id}/turns", "TurnsAnswer"),
    ],
)
def test_the_fields_of_an_answer_are_those_of_its_schema(route: str, schema: str) -> None:
    assert names(SECTIONS[route], "Answer field") == set(SCHEMAS[schema]["properties"])


def test_a_stored_turn_has_the_fields_of_its_schema_beside_what_was_sent() -> None:
    stored = set(SCHEMAS["StoredTurn"]["properties"])
    sent = set(SCHEMAS["GatedTurnRequest"]["properties"])
    route = SECTIONS["GET /api/v1/conversations/{conversation_id}/turns"]
    assert names(route, "Turn field") | (stored & sent) == stored
    assert names(route, "Turn field") <= stored


def test_the_parameters_of_a_page_are_those_that_it_takes() -> None:
    route = "GET /api/v1/conversations/{conversation_id}/turns"
    taken = {
        found["name"]: found["schema"] for found in OPERATIONS[route]["parameters"] if found["in"] == "query"
    }
    table = {plain(row["Parameter"]): row["Limit"] for row in rows(SECTIONS[route], "Parameter")}
    assert set(table) == set(taken)
    for name, schema in taken.items():
        default = {schema["default"]} if schema.get("default") else set()
        assert numbers(table[name]) == limits(schema) | default


def test_every_code_is_documented_with_its_status_and_none_that_does_not_exist() -> None:
    table = {plain(row["Code"]): row["Status"] for row in rows(TEXT, "Code")}
    assert {code: status for code, status in table.items() if status.isdigit()} == raised_codes()
    assert {code for code, status in table.items() if not status.isdigit()} == answered_codes()


def test_the_sizes_named_are_those_that_are_enforced() -> None:
    assert f"at most {MAX_BODY_BYTES // 1024} KiB" in section(TEXT, "`POST /api/v1/turns`")
    assert f"at most {MAX_CONTENT_BYTES // 1024} KiB of UTF-8" in TEXT
    assert f"list of 1 to {MAX_MESSAGES} messages" in TEXT
    assert f"`history` returns 1 to {MAX_LIMIT} turns" in TEXT
    assert f"nesting deeper than {MAX_DEPTH} levels" in re.sub(r"\s+", " ", TEXT)
    assert f"whole numbers of more than {MAX_INTEGER_BITS} bits" in re.sub(r"\s+", " ", TEXT)
    sizes = {int(size) for size in re.findall(r"(\d+) KiB", TEXT)}
    assert sizes == {MAX_BODY_BYTES // 1024, MAX_CONTENT_BYTES // 1024}


def test_the_waits_named_are_those_that_are_set(settings: Any) -> None:
    assert f"`Retry-After` ({RETRY_AFTER_SECONDS} seconds)" in TEXT
    assert f"`REQUEST_DEADLINE_SECONDS` ({settings.REQUEST_DEADLINE_SECONDS:g})" in TEXT
    assert f"`API_KEY_CACHE_SECONDS` ({settings.API_KEY_CACHE_SECONDS:g})" in TEXT
