"""The settings of the desk are refused before the first process starts."""

import pytest

from handoff.checks import check_allowed_hosts


@pytest.mark.parametrize("hosts", [[], ["127.0.0.1"], ["desk.internal:8443", "10.0.0.0/8", "::1"]])
def test_hosts_that_can_be_understood_are_taken(settings, hosts):
    settings.OUTBOUND_ALLOWED_HOSTS = hosts
    assert check_allowed_hosts() == []


@pytest.mark.parametrize("host", ["10.0.0.0/99", "http://desk", "two words", ""])
def test_a_host_that_cannot_be_understood_is_refused_with_a_hint(settings, host):
    settings.OUTBOUND_ALLOWED_HOSTS = [host]
    (found,) = check_allowed_hosts()
    assert found.id == "handoff.E001"
    assert "OUTBOUND_ALLOWED_HOSTS" in found.msg
