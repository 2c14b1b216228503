import pytest

from tests.outbox.support import SCRIPTED, ScriptedHandler


@pytest.fixture(autouse=True)
def scripted_destination(settings):
    settings.OUTBOX_DESTINATIONS = SCRIPTED
    ScriptedHandler.reset()
    yield
    ScriptedHandler.reset()
