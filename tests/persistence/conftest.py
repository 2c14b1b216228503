from collections.abc import Callable, Iterator

import pytest

from persistence.hot.client import Hot


@pytest.fixture
def archive(settings, tmp_path):
    """The archive in a directory of the test's own; returns the directory."""
    settings.ARCHIVE_URL = f"file://{tmp_path / 'archive'}"
    return tmp_path / "archive"


@pytest.fixture
def hot_at() -> Iterator[Callable[..., Hot]]:
    """Make clients of Redis as hot storage that end with the test; budget and rest in seconds."""
    made: list[Hot] = []

    def make(url: str, *, budget: float = 0.2, rest: float = 0.1) -> Hot:
        made.append(Hot(url, budget=budget, rest=rest))
        return made[-1]

    yield make
    for client in made:
        client.close()
