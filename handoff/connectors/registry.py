"""Which kinds of help desk there are. One line each."""

import functools

from django.utils.module_loading import import_string

from handoff.connectors.port import Connector

CONNECTORS: dict[str, str] = {
    "webhook": "handoff.connectors.webhook.Webhook",
    "email": "handoff.connectors.email.Email",
    "zendesk": "handoff.connectors.zendesk.Zendesk",
    "zammad": "handoff.connectors.zammad.Zammad",
    "chatwoot": "handoff.connectors.chatwoot.Chatwoot",
}


class UnknownConnector(LookupError):
    """No adapter of that name is part of this release."""

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no connector {name!r}; there are {', '.join(sorted(CONNECTORS))}.")


@functools.cache
def connector(name: str) -> Connector:
    """Return the adapter of that name; one instance serves every thread. Raises UnknownConnector."""
    if name not in CONNECTORS:
        raise UnknownConnector(name)
    made: Connector = import_string(CONNECTORS[name])()
    return made
