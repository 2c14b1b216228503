"""What one trigger of the ladder amounts to."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Judgement(StrEnum):
    """What a trigger's figure says about its level."""

    CLIMB = "climb"  # the level is not in force, and the figure asks for it
    BELOW = "below"  # not in force, and the figure does not ask for it
    JUSTIFIED = "justified"  # in force, and there is a reason for it
    NOT_NEEDED = "not needed any more"  # in force, and the figure knows no reason for it
    UNKNOWN = "not enough seen"  # nothing is concluded, and nothing changed for it
    ELSEWHERE = "no level helps"  # too slow, and for another reason than session state
    NOT_APPLICABLE = "does not apply"


@dataclass(frozen=True, slots=True)
class Evidence:
    """A trigger of a level, what was measured for it, the threshold, and what follows, in words.

    ``measured`` and ``threshold`` have the same unit, which the words name; None where there is no such figure.
    """

    level: int
    trigger: str
    judgement: Judgement
    reason: str
    measured: float | None = None
    threshold: float | None = None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def percent(share: float) -> str:
    return f"{share * 100:.1f} %"
