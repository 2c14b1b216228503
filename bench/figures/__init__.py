"""One module per figure. Each has ``measure(size)``, which returns the lines of the table that it fills.

Adding a figure is: copy a module, and add a line here.
"""

from collections.abc import Callable

from bench.figures import record_turn
from bench.harness.result import Figure
from bench.harness.sizes import Size

FIGURES: dict[str, Callable[[Size], list[Figure]]] = {
    "record-turn": record_turn.measure,
}
