"""System checks of the settings that the desk stands on."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.core.exceptions import ImproperlyConfigured

from handoff.net.addresses import parse_allowed


@register
def check_allowed_hosts(**_: Any) -> list[CheckMessage]:
    """A host that is allowed must be written so that it is understood; a guess would open the wrong door."""
    try:
        parse_allowed(settings.OUTBOUND_ALLOWED_HOSTS)
    except ImproperlyConfigured as error:
        hint = (
            "Name hosts, host:port pairs or networks, separated by commas, such as desk.internal,10.1.0.0/16."
        )
        return [Error(f"OUTBOUND_ALLOWED_HOSTS: {error}", hint=hint, id="handoff.E001")]
    return []
