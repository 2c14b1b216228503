"""What the promise of a human costs, and what an agent's click costs, beside a turn that wants nothing of the kind."""

from contextlib import ExitStack
from functools import partial

from django.conf import settings

from bench.harness.clients import clients, together
from bench.harness.desk import loaded_desk, people
from bench.harness.measure import in_turns, paired
from bench.harness.private import empty_tables
from bench.harness.result import Figure, at_most
from bench.harness.sizes import Size

CONVERSATIONS = 1_200
WORK = "bench.contenders.handoffs.Handoffs"
A_TURN, A_POST = "the same turn without the wish", "a turn without the wish, posted"
# What is measured, its name, and beside what. The bar is what nobody notices after three seconds of a model's thinking,
# or after a click; the ratio says what the promise costs: about twenty statements beside one.
BAR = 50
LINES = (
    ("turn with handoff", "POST /turns with handoff p50", "turn", A_POST),
    ("recorded with handoff", "record_turn() with handoff p50", "recorded", A_TURN),
    ("claim", "claim p50", "recorded", "a plain turn"),
    ("reply", "reply p50", "recorded", "a plain turn"),
)


def measure(size: Size) -> list[Figure]:
    """Do all of them in turn, with a help desk and a reply webhook that are told of everything."""
    empty_tables()
    people()
    loaded_desk(settings.DATABASE_URL, CONVERSATIONS, long_turns=size.long_conversation)
    times = max(2, size.turns // 2)
    kinds = [*dict.fromkeys(kind for measured, _, beside, _ in LINES for kind in (beside, measured))]
    with ExitStack() as stack:
        groups = {kind: stack.enter_context(clients(WORK, [{}])) for kind in kinds}
        samples = in_turns(
            {kind: partial(together, group, kind=kind, times=times) for kind, group in groups.items()},
            size.rounds,
        )
    lines = []
    for measured, name, beside, limit_is in LINES:
        ours, limit = paired(samples, measured, beside)
        lines.append(at_most(name, ours, "ms", BAR, limit, limit_is))
    return lines
