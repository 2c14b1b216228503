"""What the demo found, and what that says about each promise."""

from dataclasses import asdict, dataclass
from typing import Any

from config.demo.figures import Lag, Waiting
from config.demo.handoffs import Handoffs
from config.demo.night import Night
from persistence.archive.verify import Verification
from persistence.replay.summary import Summary


@dataclass(frozen=True, slots=True)
class Promise:
    """One promise in words, whether it was kept, and the figures that say so."""

    text: str
    kept: bool
    evidence: str


@dataclass(frozen=True, slots=True)
class Phase:
    """One replay and how its turns came off-box."""

    sent: Summary
    lag: Lag


@dataclass(frozen=True, slots=True)
class Findings:
    """Everything the demo measured.

    ``full`` went as fast as it could, ``steady`` at an even pace, and ``again`` is a part sent once more;
    ``committed`` counts this run's turns in Postgres. ``example`` is one archived object as text, under
    ``example_key``, when there is one.
    """

    full: Phase
    steady: Phase
    again: Summary
    handoffs: Handoffs
    night: Night
    committed: int
    waiting: Waiting
    verified: Verification
    archive: str
    example_key: str
    example: str

    def promises(self) -> list[Promise]:
        """Return each promise with its verdict."""
        return [
            self._committed(),
            self._carried(),
            self._complete(),
            self._unaltered(),
            self._repeatable(),
            self._human(),
            self._summarized(),
        ]

    @property
    def ok(self) -> bool:
        """Say whether every promise held."""
        return all(promise.kept for promise in self.promises())

    def total(self, figure: str) -> int:
        """Return the sum of one of the replays' figures over both phases."""
        return int(getattr(self.full.sent, figure) + getattr(self.steady.sent, figure))

    def _committed(self) -> Promise:
        turns, created, failed = self.total("turns"), self.total("created"), self.total("failed")
        return Promise(
            "Acknowledged means committed",
            turns > 0 and failed == 0 and self.committed == created == turns,
            f"{turns:,} turns acknowledged, {self.committed:,} in Postgres, {failed:,} failed",
        )

    def _carried(self) -> Promise:
        waiting = self.waiting
        delivered = self.full.lag.delivered + self.steady.lag.delivered
        return Promise(
            "Everything is carried off-box, nothing is left behind",
            waiting.nothing and delivered == self.committed,
            f"{delivered:,} of this run's turns delivered; {waiting.pending:,} pending, "
            f"{waiting.dead:,} dead, {waiting.parked:,} parked, {waiting.asleep:,} forgotten",
        )

    def _complete(self) -> Promise:
        found = self.verified
        return Promise(
            "Every turn has its copy",
            not found.missing and not found.pending and found.objects >= found.turns > 0,
            f"{found.turns:,} turns in all, {found.objects:,} objects, {len(found.missing):,} missing",
        )

    def _unaltered(self) -> Promise:
        found = self.verified
        return Promise(
            "No copy differs from what was said",
            found.ok and found.compared == found.turns,
            f"{found.compared:,} objects compared byte by byte, {len(found.altered):,} altered, "
            f"{len(found.foreign):,} foreign, {len(found.chain_breaks):,} breaks in the hash chains",
        )

    def _repeatable(self) -> Promise:
        again = self.again
        return Promise(
            "A retry is safe",
            again.turns > 0 and again.created == 0 and again.failed == 0,
            f"{again.turns:,} turns sent once more, {again.created:,} added",
        )

    def _human(self) -> Promise:
        found = self.handoffs
        return Promise(
            "Whoever was promised a human got one",
            found.ok,
            f"{found.promised:,} promised, {found.opened:,} cases; the help desk heard of {found.tickets:,}, of "
            f"{found.in_order:,} in order; {found.came_back:,} replies came back, {found.closed:,} cases closed; "
            f"{found.duplicates:,} duplicates recognised",
        )

    def _summarized(self) -> Promise:
        night = self.night
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in sorted(night.reasons.items()))
        return Promise(
            "Every finished conversation has its summary",
            night.ok,
            f"{night.eligible:,} conversations worth it, {night.summarized:,} summarised in {night.seconds:.1f} s, "
            f"{night.failed:,} failed, {night.skipped:,} skipped{f' ({reasons})' if reasons else ''}, "
            f"{night.left + night.remaining:,} left; {night.cited:,} cite turns that exist, "
            f"{night.archived:,} lie off-box",
        )

    def as_json(self) -> dict[str, Any]:
        """Return the object that ``--json`` prints.

        Rate and acknowledgements are those of the full load, the lag is that of the steady pace; both phases
        follow with all of their figures.
        """
        found, full, steady = self.verified, phase_as_json(self.full), phase_as_json(self.steady)
        return {
            "turns": self.total("turns"),
            "created": self.total("created"),
            "replayed": self.total("replayed"),
            "failed": self.total("failed"),
            "turns_per_second": full["turns_per_second"],
            "ack_ms": full["ack_ms"],
            "lag_ms": steady["lag_ms"],
            "full_load": full,
            "steady": steady,
            "objects": found.objects,
            "compared": found.compared,
            "missing": found.missing,
            "altered": found.altered,
            "foreign": found.foreign,
            "pending": self.waiting.pending,
            "handoffs": asdict(self.handoffs),
            "documents": found.documents,
            "summaries": asdict(self.night) | {"ok": self.night.ok},
            "promises": {promise.text: promise.kept for promise in self.promises()},
            "ok": self.ok,
        }


def phase_as_json(phase: Phase) -> dict[str, Any]:
    """Return a phase's figures: the object of ``replay``, and the lag."""
    return phase.sent.as_json() | {"lag_ms": {"p50": phase.lag.p50_ms, "p99": phase.lag.p99_ms}}
