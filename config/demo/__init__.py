"""``make demo``: real conversations through the whole stack, and an account of what became of them."""

from config.demo.demonstrate import demonstrate
from config.demo.findings import Findings

__all__ = ["Findings", "demonstrate"]
