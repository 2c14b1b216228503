"""Whole lines, as customers write them: a sample of our own, and the shared set where it is there."""

import json
from pathlib import Path
from typing import Any

import pytest

from persistence.privacy.redaction import redact_text

SAMPLES = Path(__file__).with_name("samples.jsonl")
SHARED = Path(__file__).resolve().parents[4] / "shared" / "data" / "pii.jsonl"
DETECTED = {"CARD", "EMAIL"}


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []


def expected(row: dict[str, Any]) -> str:
    """Return the text with only the spans replaced that this version detects."""
    text = row["text"]
    for span in sorted(row["spans"], key=lambda span: span["start"], reverse=True):
        if span["type"] in DETECTED:
            text = f"{text[: span['start']]}[{span['type']}]{text[span['end'] :]}"
    return text


@pytest.mark.parametrize("row", rows(SAMPLES), ids=lambda row: row["text"][:30])
def test_a_line_of_our_sample_comes_out_as_written_beside_it(row: dict[str, Any]) -> None:
    assert redact_text(row["text"]) == row["redacted"]


@pytest.mark.skipif(not SHARED.exists(), reason="the shared data is not beside this repository")
@pytest.mark.parametrize("row", rows(SHARED), ids=lambda row: row["id"])
def test_a_line_of_the_shared_set_loses_its_cards_and_addresses_and_nothing_else(row: dict[str, Any]) -> None:
    if row["category"] == "password" and "://" in row["text"]:  # user:password@host.tld reads as an address
        assert "s3cr3t" not in redact_text(row["text"])
    else:
        assert redact_text(row["text"]) == expected(row)
