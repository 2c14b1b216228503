"""Turns straight into ``record_turn``: no web server in between, the same database transaction."""

from django.db import connection

from persistence.errors import Conflict, InvalidTurn, PersistenceUnavailable
from persistence.replay.answers import Acknowledged, Answer, Refused, Unavailable
from persistence.replay.dialogues import Exchange
from persistence.turns import record_turn


class InProcessSender:
    """Records into one domain. Each thread that uses one has a database connection of its own."""

    def __init__(self, domain: str) -> None:
        self._domain = domain

    def send(self, exchange: Exchange) -> Answer:
        """Record the exchange once."""
        try:
            turn = record_turn(
                domain=self._domain,
                channel=exchange.channel,
                session_id=exchange.session_id,
                request_id=exchange.request_id,
                messages=exchange.messages,
            )
        except InvalidTurn as error:
            return Refused(str(error))
        except Conflict as error:
            return Refused(str(error), final=True)
        except PersistenceUnavailable as error:
            return Unavailable(str(error.__cause__ or error).strip())
        return Acknowledged(replayed=turn.replayed)

    def close(self) -> None:
        """Close this thread's database connection."""
        connection.close()
