"""How much each benchmark does: in full, quickly, or just enough to prove that it still runs."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Size:
    """Counts are rows or calls; seconds are wall-clock time under load."""

    name: str
    rounds: int  # how often A and B take turns
    turns: int  # that each client writes in a round
    conversations: int  # that turns are added to where the length of a conversation is the question
    long_conversation: int
    table_turns: int
    lanes: int  # drained into the null sink in a round
    files: int  # put into the file sink in a round
    objects: int  # put into the fake store in a round
    load_seconds: float
    dead_head: int
    pending: int
    claims: int
    pinned_seconds: float
    talks: int  # summarised in a round
    many_talks: int  # summarised where memory is the question


FULL = Size(
    name="full", rounds=12, turns=200, conversations=200, long_conversation=1000, table_turns=1_000_000, lanes=20_000,
    files=1500, objects=500, load_seconds=30, dead_head=50_000, pending=100_000, claims=600, pinned_seconds=60,
    talks=2000, many_talks=100_000,
)  # fmt: skip
QUICK = Size(
    name="quick", rounds=6, turns=100, conversations=60, long_conversation=1000, table_turns=100_000, lanes=5_000,
    files=500, objects=200, load_seconds=8, dead_head=10_000, pending=20_000, claims=150, pinned_seconds=10,
    talks=500, many_talks=10_000,
)  # fmt: skip
SMOKE = Size(
    name="smoke", rounds=2, turns=5, conversations=5, long_conversation=20, table_turns=200, lanes=100,
    files=20, objects=10, load_seconds=1, dead_head=50, pending=300, claims=4, pinned_seconds=1,
    talks=20, many_talks=200,
)  # fmt: skip
SIZES = {size.name: size for size in (FULL, QUICK, SMOKE)}
