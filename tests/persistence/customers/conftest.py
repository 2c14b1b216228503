"""Fixtures of these tests."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def copies(archive: Path) -> Path:
    """Every test has an archive of its own: an erasure looks for copies in it."""
    return archive
