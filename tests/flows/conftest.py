"""Whole houses, as the experiments with faults build them."""

from tests.faults.conftest import ground as ground
from tests.faults.conftest import house as house
