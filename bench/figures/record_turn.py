"""What a turn costs, beside one prepared statement that does nothing but the same writes, and beside the ORM."""

from contextlib import ExitStack
from functools import partial

from bench.harness.clients import clients, together
from bench.harness.load import some_history
from bench.harness.measure import in_turns, paired
from bench.harness.private import empty_tables
from bench.harness.result import Figure, near_limit
from bench.harness.sizes import Size

OF_LIMIT = 1.5
OF_ORM = 0.4
CONTENDERS = {
    "ours": "bench.contenders.ours.Ours",
    "raw": "bench.contenders.raw.Raw",
    "orm": "bench.contenders.orm.Orm",
}


def measure(size: Size) -> list[Figure]:
    """Race the three, with one client and with four."""
    return [figure for count in (1, 4) for figure in race(size, count)]


def race(size: Size, count: int) -> list[Figure]:
    empty_tables()
    some_history()
    with ExitStack() as stack:
        groups = {name: stack.enter_context(clients(work, [{}] * count)) for name, work in CONTENDERS.items()}
        samples = in_turns(
            {name: partial(together, group, turns=size.turns) for name, group in groups.items()},
            size.rounds,
        )
    ours, raw = paired(samples, "ours", "raw")
    _, orm = paired(samples, "ours", "orm")
    who = "1 client" if count == 1 else f"{count} clients"
    return [
        near_limit(
            f"record_turn() p50, {who}", ours, "ms", OF_LIMIT, raw, "one prepared statement, the writes alone"
        ),
        near_limit(f"record_turn() p50, {who}", ours, "ms", OF_ORM, orm, "Django's ORM, the writes alone"),
    ]
