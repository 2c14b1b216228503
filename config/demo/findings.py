"""What the demo found, and what that says about each promise."""

from dataclasses import dataclass
from typing import Any

from config.demo.figures import Lag, Waiting
from persistence.archive.verify import Verification
from persistence.replay.summary import Summary


@dataclass(frozen=True, slots=True)
class Promise:
    """One promise in words, whether it was kept, and the figures that say so."""

    text: str
    kept: bool
    evidence: str


@dataclass(frozen=True, slots=True)
class Findings:
    """Everything the demo measured.

    ``sent`` is the replay and ``again`` a part of it sent once more; ``committed`` counts this run's turns in
    Postgres. ``example`` is one archived object as text, under ``example_key``, when there is one.
    """

    sent: Summary
    again: Summary
    committed: int
    waiting: Waiting
    lag: Lag
    verified: Verification
    archive: str
    example_key: str
    example: str

    def promises(self) -> list[Promise]:
        """Return each promise with its verdict."""
        return [self._committed(), self._carried(), self._complete(), self._unaltered(), self._repeatable()]

    @property
    def ok(self) -> bool:
        """Say whether every promise held."""
        return all(promise.kept for promise in self.promises())

    def _committed(self) -> Promise:
        sent = self.sent
        return Promise(
            "Acknowledged means committed",
            sent.turns > 0 and sent.failed == 0 and self.committed == sent.created == sent.turns,
            f"{sent.turns:,} turns acknowledged, {self.committed:,} in Postgres, {sent.failed:,} failed",
        )

    def _carried(self) -> Promise:
        waiting = self.waiting
        return Promise(
            "Everything is carried off-box, nothing is left behind",
            waiting.nothing and self.lag.delivered == self.committed,
            f"{self.lag.delivered:,} of this run's turns delivered; {waiting.pending:,} pending, "
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

    def as_json(self) -> dict[str, Any]:
        """Return the object that ``--json`` prints: that of ``replay``, and what came after it."""
        found = self.verified
        return self.sent.as_json() | {
            "lag_ms": {"p50": self.lag.p50_ms, "p99": self.lag.p99_ms},
            "objects": found.objects,
            "compared": found.compared,
            "missing": found.missing,
            "altered": found.altered,
            "foreign": found.foreign,
            "pending": self.waiting.pending,
            "promises": {promise.text: promise.kept for promise in self.promises()},
            "ok": self.ok,
        }
