import pytest


@pytest.fixture
def archive(settings, tmp_path):
    """The archive in a directory of the test's own; returns the directory."""
    settings.ARCHIVE_URL = f"file://{tmp_path / 'archive'}"
    return tmp_path / "archive"
