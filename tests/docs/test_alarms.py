"""deploy/alerts.yml against the metrics, and against the page that says what to do."""

import re
from typing import Any

import pytest
import yaml
from django.conf import settings

from handoff.models import Endpoint
from summarization.metrics import OUTCOMES
from tests.docs import documents
from tests.docs.documents import ALERTS, ROOT, anchors, plain, rows, slug, subsections
from tests.docs.test_api_reference import raised_codes

TEXT = documents.operations()
RULES: dict[str, dict[str, Any]] = {
    rule["alert"]: rule
    for group in yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
}
ALARMS = subsections(TEXT, "Alarms")
METRICS = {plain(row["Metric"]): row for row in rows(TEXT, "Metric")}
SELECTOR = re.compile(r"(holdfast_[a-z_]+)(?:\{([^}]*)\})?")


def selected(rule: dict[str, Any]) -> list[tuple[str, str]]:
    """Return (metric, its label matchers) of a rule; a histogram's bucket counts as the histogram."""
    return [(name.removesuffix("_bucket"), labels) for name, labels in SELECTOR.findall(rule["expr"])]


def test_every_alarm_is_explained_and_every_explained_alarm_exists() -> None:
    assert set(ALARMS) == set(RULES)


def test_no_alarm_is_written_twice() -> None:
    assert ALERTS.read_text(encoding="utf-8").count("- alert:") == len(RULES)


@pytest.mark.parametrize("name", sorted(ALARMS))
def test_an_explanation_says_what_it_means_what_is_safe_and_what_to_do(name: str) -> None:
    marks = re.findall(r"\*\*(Means|Safe:|Do:)\*\*", ALARMS[name])
    assert marks == ["Means", "Safe:", "Do:"]


@pytest.mark.parametrize("name", sorted(RULES))
def test_a_rule_leads_to_its_own_entry(name: str) -> None:
    page, _, anchor = RULES[name]["annotations"]["runbook"].partition("#")
    assert (ROOT / page).is_file()
    assert anchor == slug(name)
    assert anchor in anchors(TEXT)


@pytest.mark.parametrize("name", sorted(RULES))
def test_a_rule_looks_only_at_metrics_and_labels_that_exist(name: str) -> None:
    found = selected(RULES[name])
    assert found
    for metric, matchers in found:
        assert metric in METRICS
        labels = set(re.findall(r"(\w+)=~?\"", matchers))
        assert labels <= set(plain(METRICS[metric]["Labels"]).split(", "))


@pytest.mark.parametrize("name", sorted(RULES))
def test_a_rule_groups_and_tells_by_labels_that_its_metrics_have(name: str) -> None:
    rule = RULES[name]
    grouped = {
        label for part in re.findall(r"\bby \(([^)]*)\)", rule["expr"]) for label in part.split(", ")
    } - {"le"}
    told = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
    for metric, _ in selected(rule):
        assert grouped <= set(plain(METRICS[metric]["Labels"]).split(", "))
    assert told <= grouped


def test_the_codes_in_rules_are_codes_that_can_come() -> None:
    known = {plain(row["Error code"]) for row in rows(TEXT, "Error code")}
    outcomes = set(raised_codes()) | {"error"}
    for rule in RULES.values():
        for metric, matchers in selected(rule):
            of_metric = set(OUTCOMES) if metric == "holdfast_summary_night_conversations" else outcomes
            for label, values in re.findall(r"(\w+)=~?\"([^\"]*)\"", matchers):
                if label != "destination":
                    assert set(values.split("|")) <= (known if label == "code" else of_metric)


def test_the_destinations_in_rules_are_those_of_endpoints_for_which_somebody_waits() -> None:
    named = {
        values
        for rule in RULES.values()
        for _, matchers in selected(rule)
        for values in re.findall(r"destination=~\"([^\"]*)\"", matchers)
    }
    [pattern] = named
    for purpose in Endpoint.Purpose:
        found = re.fullmatch(pattern, Endpoint(slug="anything", purpose=purpose).destination)
        assert bool(found) == (purpose != Endpoint.Purpose.SUMMARIES)
    assert not any(re.fullmatch(pattern, name) for name in settings.OUTBOX_DESTINATIONS)


@pytest.mark.parametrize("name", sorted(RULES))
def test_a_rule_has_a_severity_and_balanced_brackets(name: str) -> None:
    rule = RULES[name]
    assert rule["labels"]["severity"] in ("warning", "critical")
    assert all(rule["expr"].count(left) == rule["expr"].count(right) for left, right in ("()", "[]", "{}"))


def test_every_metric_that_must_stay_zero_has_an_alarm() -> None:
    watched = {metric for rule in RULES.values() for metric, _ in selected(rule)}
    must = {name for name, row in METRICS.items() if re.search(r"Must (be|stay) 0", row["What it is"])}
    assert must
    assert must | {"holdfast_postgres_up", "holdfast_outbox_dead", "holdfast_outbox_parked"} <= watched
