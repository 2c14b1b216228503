"""Whether a turn costs the same in a long conversation, and in a full table, as in a short one."""

from contextlib import ExitStack
from functools import partial

from bench.harness.clients import clients, together
from bench.harness.load import long_past_conversations
from bench.harness.measure import in_turns, paired
from bench.harness.private import empty_tables, second_database
from bench.harness.result import Figure, near_limit
from bench.harness.sizes import Size

OF_SHORT = 1.1
SHORT = 10
WORDS = "The rows of the full table are shorter than a usual turn: what counts is how many there are."
WORK = "bench.contenders.ours.Ours"


def measure(size: Size) -> list[Figure]:
    """Add turns to conversations of 10 and of 1,000 turns, and to ones of 10 in a table with a million, in turn.

    And into a database that was empty when its connection began.
    """
    empty_tables()
    with ExitStack() as stack:
        full_url = stack.enter_context(second_database("bench_full"))
        conversations = size.table_turns // SHORT
        fresh_url = stack.enter_context(second_database("bench_fresh"))
        crowd = long_past_conversations(conversations, SHORT, url=full_url, words=WORDS)
        sessions = {
            "short": long_past_conversations(size.conversations, SHORT),
            "long": long_past_conversations(size.conversations, size.long_conversation),
            # From all over the table.
            "full": crowd[:: conversations // size.conversations][: size.conversations],
            "fresh": [],
        }
        urls = {"full": {"DATABASE_URL": full_url}, "fresh": {"DATABASE_URL": fresh_url}}
        groups = {
            name: stack.enter_context(clients(WORK, [{"sessions": found}], urls.get(name, {})))
            for name, found in sessions.items()
        }
        samples = in_turns(
            {name: partial(together, group, turns=size.turns) for name, group in groups.items()},
            size.rounds,
        )
    short_is = f"in a conversation of {SHORT} turns"
    return [
        near_limit(
            f"turn in a conversation of {size.long_conversation:,}, p50", *_line(samples, "long"), short_is
        ),
        near_limit(f"turn in a table of {size.table_turns:,}, p50", *_line(samples, "full"), short_is),
        # Postgres keeps a connection's plans; those made for empty tables must be good for the rows that follow.
        near_limit("turn on a database that was new, p50", *_line(samples, "fresh"), short_is),
    ]


def _line(samples: dict[str, list[list[float]]], name: str) -> tuple[float, str, float, float]:
    measured, limit = paired(samples, name, "short")
    return measured, "ms", OF_SHORT, limit
