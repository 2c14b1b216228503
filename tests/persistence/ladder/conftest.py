import pytest

from persistence.ladder import measure


@pytest.fixture(autouse=True)
def nothing_measured_before():
    """What tests that came before have measured in this process belongs to nobody."""
    held = measure._meter.held
    measure.take()
    yield
    measure.take()
    measure._meter.held = held
