"""Who changes a case."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Actor:
    """An agent in the console, a key of the API, a help desk's agent (``slug:name``), or Holdfast itself."""

    name: str
    kind: Literal["agent", "api", "desk", "system"] = "agent"
    destination: str = ""  # of the desk that caused it, which is not told its own news

    @property
    def label(self) -> str:
        """Return the name for the case's history."""
        return "system" if self.kind == "system" else f"{self.kind}:{self.name}"[:170]

    @property
    def assignee(self) -> str:
        """Return the name under which cases belong to this actor."""
        return self.name[:150]


SYSTEM = Actor("", "system")
