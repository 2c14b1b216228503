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
from handoff.cases.opening import PENDING_CONSENT, QUEUED
from handoff.cases.rules import ACTIONS
from handoff.cases.transitions import STEPS, TAKES
from handoff.errors import HandoffUnavailable
from handoff.models import SupportCase
from handoff.requests import MAX_TEXT
from persistence.errors import HoldfastError
from persistence.history import MAX_LIMIT
from persistence.http.problems import RETRY_AFTER_SECONDS
from persistence.jsontext import MAX_DEPTH, MAX_INTEGER_BITS
from persistence.requests import MAX_BODY_BYTES, MAX_CONTENT_BYTES, MAX_MESSAGES
from persistence.session.requests import MAX_DATA_BYTES
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


def raised_codes() -> dict[str, set[str]]:
    """Return code → statuses of every error that a caller can meet. The API is imported for those that it defines.

    ``stale_version`` has two: a case that moved on is a conflict, a session's state that did is a condition not met.
    """
    assert HandoffUnavailable in subclasses(HoldfastError)
    found: dict[str, set[str]] = {}
    for kind in subclasses(HoldfastError):
        if kind.code != HoldfastError.code:
            found.setdefault(kind.code, set()).add(str(kind.status))
    return found


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
        ("POST /api/v1/conversations/{conversation_id}/handoff", "HandoffAnswer"),
        ("GET /api/v1/conversations/{conversation_id}/context", "ContextAnswer"),
        ("GET /api/v1/cases", "CasesAnswer"),
        ("GET /api/v1/cases/{case_id}", "CaseAnswer"),
        ("POST /api/v1/inbound/{connector}", "InboundAnswer"),
        ("GET /api/v1/sessions/{channel}/{session_id}/state", "SessionStateAnswer"),
        ("GET /api/v1/conversations/{conversation_id}/summary", "SummaryAnswer"),
        ("POST /api/v1/conversations/{conversation_id}/summary", "AskedAnswer"),
        ("GET /api/v1/customers/{customer_ref}/recall", "RecallAnswer"),
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


PAGED = [
    route
    for route, operation in OPERATIONS.items()
    if any(found["in"] == "query" for found in operation.get("parameters", []))
]


@pytest.mark.parametrize("route", sorted(PAGED))
def test_the_parameters_of_a_route_are_those_that_it_takes(route: str) -> None:
    taken = {
        found["name"]: found["schema"] for found in OPERATIONS[route]["parameters"] if found["in"] == "query"
    }
    table = {plain(row["Parameter"]): row["Limit"] for row in rows(SECTIONS[route], "Parameter")}
    assert set(table) == set(taken)
    for name, schema in taken.items():
        default = {schema["default"]} if schema.get("default") else set()
        assert numbers(table[name]) == limits(schema) | default


@pytest.mark.parametrize(
    ("column", "schema"),
    [
        ("Handoff field", "HandoffRequest"),
        ("Transition field", "Transition"),
        ("State field", "StateRequest"),
    ],
)
def test_the_fields_and_limits_of_a_wish_and_of_a_step_are_those_of_its_schema(
    column: str, schema: str
) -> None:
    table = {plain(row[column]): row["Type and limit"] for row in rows(TEXT, column)}
    properties = SCHEMAS[schema]["properties"]
    assert set(table) == set(properties)
    for name, found in properties.items():
        assert limits(found) <= numbers(table[name].replace(",", "")), name
        words = flat(found).get("enum") or []
        assert set(words) <= set(codes(table[name])) or name == "action", name
        if isinstance(found.get("default"), str) and found["default"]:
            assert f"default `{found['default']}`" in table[name]


def test_a_later_wish_takes_what_a_wish_takes_and_what_its_own_table_says() -> None:
    more = set(SCHEMAS["LaterHandoffRequest"]["properties"]) - set(SCHEMAS["HandoffRequest"]["properties"])
    [row] = rows(TEXT, "Later field")
    assert {plain(row["Later field"])} == more
    assert numbers(row["Type and limit"]) == limits(
        SCHEMAS["LaterHandoffRequest"]["properties"]["request_id"]
    )


def test_what_is_known_of_the_customer_is_what_the_schema_takes() -> None:
    [row] = [row for row in rows(TEXT, "Handoff field") if plain(row["Handoff field"]) == "customer"]
    assert set(codes(row["Type and limit"])) == set(SCHEMAS["Customer"]["properties"])
    assert numbers(row["Type and limit"]) == limits(SCHEMAS["Customer"]["properties"]["locale"])


def test_the_length_of_what_a_person_writes_is_the_one_that_is_enforced() -> None:
    table = {plain(row["Transition field"]): row["Type and limit"] for row in rows(TEXT, "Transition field")}
    assert table["text"] == table["note"] == f"text, at most {MAX_TEXT:,} characters"


def test_the_actions_are_those_that_there_are_with_what_they_take_and_from_where() -> None:
    table = {plain(row["Action"]): row for row in rows(TEXT, "Action")}
    assert set(table) == set(SCHEMAS["Transition"]["properties"]["action"]["enum"]) == set(STEPS)
    for action, row in table.items():
        assert set(codes(row["Takes"])) == {name.rstrip("!") for name in TAKES.get(action, ())}
        states = set(SupportCase.Status.values) if row["From"] == "any" else set(codes(row["From"]))
        assert states == set(ACTIONS[action])


def test_what_becomes_of_a_post_is_what_the_schema_says() -> None:
    told = SCHEMAS["InboundAnswer"]["properties"]["outcomes"]["description"]
    named = set(re.findall(r"[a-z_]+", told.partition(":")[2])) - {"or"}
    assert {plain(row["Outcome"]) for row in rows(TEXT, "Outcome")} == named


def test_the_statuses_of_a_handoff_are_those_that_are_answered() -> None:
    documented = {plain(row["`handoff_status`"]) for row in rows(TEXT, "`handoff_status`")}
    assert documented == {gate.NOT_REQUIRED, QUEUED, PENDING_CONSENT, HandoffUnavailable.code}


@pytest.mark.parametrize("route", ["GET /api/v1/cases", "GET /api/v1/cases/{case_id}"])
def test_the_states_of_a_case_are_all_named(route: str) -> None:
    [row] = [
        row
        for column in ("Parameter", "Answer field")
        for row in rows(SECTIONS[route], column)
        if plain(row[column]) == "status"
    ]
    assert set(codes(row.get("What it does") or row["What it is"])) == set(SupportCase.Status.values)


def test_every_code_is_documented_with_its_status_and_none_that_does_not_exist() -> None:
    table = [(plain(row["Code"]), row["Status"]) for row in rows(TEXT, "Code")]
    assert len(table) == len(set(table))
    assert {pair for pair in table if pair[1].isdigit()} == {
        (code, status) for code, statuses in raised_codes().items() for status in statuses
    }
    assert {code for code, status in table if not status.isdigit()} == answered_codes()


def test_the_sizes_named_are_those_that_are_enforced() -> None:
    assert f"at most {MAX_BODY_BYTES // 1024} KiB" in section(TEXT, "`POST /api/v1/turns`")
    assert f"at most {MAX_CONTENT_BYTES // 1024} KiB of UTF-8" in TEXT
    assert f"list of 1 to {MAX_MESSAGES} messages" in TEXT
    assert f"`history` returns 1 to {MAX_LIMIT} turns" in TEXT
    assert f"nesting deeper than {MAX_DEPTH} levels" in re.sub(r"\s+", " ", TEXT)
    assert f"whole numbers of more than {MAX_INTEGER_BITS} bits" in re.sub(r"\s+", " ", TEXT)
    sizes = {int(size) for size in re.findall(r"(\d+) KiB", TEXT)}
    assert sizes == {MAX_BODY_BYTES // 1024, MAX_CONTENT_BYTES // 1024, MAX_DATA_BYTES // 1024}


def test_the_waits_named_are_those_that_are_set(settings: Any) -> None:
    assert f"`Retry-After` ({RETRY_AFTER_SECONDS} seconds)" in TEXT
    assert f"`REQUEST_DEADLINE_SECONDS` ({settings.REQUEST_DEADLINE_SECONDS:g})" in TEXT
    assert f"`API_KEY_CACHE_SECONDS` ({settings.API_KEY_CACHE_SECONDS:g})" in TEXT
    assert f"`API_KEY_GRACE_SECONDS` ({settings.API_KEY_GRACE_SECONDS:g})" in TEXT
