"""An agent takes over while the assistant answers, many times, on two real connections."""

import random
import threading
import time

import pytest
from django.db import connection, connections

from handoff.cases import actions
from handoff.gate import record_turn
from persistence.errors import StaleControl
from persistence.models import Turn
from tests.handoff.support import ANNA, ask

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
RACES = 1_000
SEED = 20_261_121


def race(number: int, lead: float) -> tuple[bool, int]:
    """Run one race, in which the assistant starts ``lead`` seconds before the agent. Returns whether the assistant's answer was stored, and
    its conversation.
    """
    found = ask(session_id=f"s{number}")
    stored: list[bool] = []
    barrier = threading.Barrier(2)

    def assistant() -> None:
        try:
            connection.ensure_connection()
            barrier.wait()
            time.sleep(max(-lead, 0))
            record_turn(
                domain="demo",
                channel="web",
                session_id=f"s{number}",
                request_id=f"late-{number}",
                messages=[{"role": "user", "content": "?"}, {"role": "assistant", "content": "!"}],
                control_epoch=number % 2 or None,  # half of the assistants do not even know of epochs
            )
            stored.append(True)
        except StaleControl:
            stored.append(False)
        finally:
            connections.close_all()

    answering = threading.Thread(target=assistant)
    answering.start()
    barrier.wait()
    time.sleep(max(lead, 0))
    actions.reply(found.case_id, text="A human here.", actor=ANNA)
    answering.join()
    return stored[0], found.turn.conversation_id


def test_in_a_thousand_races_no_assistants_turn_comes_after_the_takeover():
    delays = random.Random(SEED)
    answered = 0
    for number in range(RACES):
        won, conversation = race(number, delays.uniform(-0.002, 0.010))
        answered += won
        spoke = list(
            Turn.objects.filter(conversation__public_id=conversation)
            .order_by("seq")
            .values_list("messages", flat=True)
        )
        roles = [messages[-1]["role"] for messages in spoke]
        assert roles == (["assistant", "assistant", "agent"] if won else ["assistant", "agent"]), number
    # Races that always end the same way would prove nothing.
    assert 0 < answered < RACES
