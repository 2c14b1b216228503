"""What one subscriber is told, and in which order; the same whichever store it listens to."""

from collections.abc import Iterator
from dataclasses import dataclass

from persistence.session.port import Change, SessionState


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a session and the one that it followed; without a state it is a clearing."""

    number: int
    previous: int
    state: SessionState | None

    def as_change(self) -> Change:
        return Change("cleared" if self.state is None else "state", self.number, self.previous, self.state)


class Order:
    """Turns the versions that a store comes across into what is told: each once, newest last, gaps marked.

    ``told`` is the version that the subscriber knows of; None while it knows of none, and then nothing can be missing.
    """

    def __init__(self, after_version: int | None) -> None:
        self.told = after_version

    def begin(self, present: Version | None) -> Iterator[Change]:
        """Yield what comes first: the present state, unless the subscriber has it already.

        Someone who comes back hears of a clearing in between; someone new is not told of what is gone.
        """
        if self.told is None and (present is None or present.state is None):
            self.told = present.number if present else 0
        elif present is not None and present.number != self.told:
            yield from self._tell(present)

    def follow(self, found: Version) -> Iterator[Change]:
        """Yield what a version means to the subscriber; nothing if it is not newer than what was told."""
        if self.told is None or found.number > self.told:
            yield from self._tell(found)

    def _tell(self, found: Version) -> Iterator[Change]:
        if self.told is not None and found.previous != self.told:
            yield Change("gap", found.number, self.told)
        self.told = found.number
        yield found.as_change()
