"""The archive into a directory: each turn a file, flushed, linked, and its directory flushed."""

import tempfile
from pathlib import Path
from statistics import median

from django.conf import settings
from django.test.utils import override_settings

from bench.contenders.shape import TURNS_PER_CONVERSATION
from bench.harness.drain import drain_rate
from bench.harness.flushed import write_flushed
from bench.harness.load import recorded_turns
from bench.harness.private import empty_tables
from bench.harness.result import Figure, at_least
from bench.harness.sizes import Size
from outbox.destinations import load_handler

BAR = 1500
ROUNDS = 5


def measure(size: Size) -> list[Figure]:
    """Drain new conversations of one turn, then of ten: a conversation's first turn also makes its directory."""
    return [drain(size, each) for each in (1, TURNS_PER_CONVERSATION)]


def drain(size: Size, each: int) -> Figure:
    """Drain with the archive's own settings; write as many files of the same size with nothing around, in turn."""
    relayed, bare = [], []
    empty_tables()
    with tempfile.TemporaryDirectory(dir=settings.LOCAL_DIR, prefix="drain-") as name:
        directory = Path(name)
        with override_settings(ARCHIVE_URL=(directory / "archive").as_uri()):
            load_handler.cache_clear()
            for number in range(min(size.rounds, ROUNDS)):
                recorded_turns(size.files, first=number * size.files, each=each)
                relayed.append(drain_rate("archive", size.files))
                bare.append(write_flushed(directory / f"bare-{number}", size.files))
            load_handler.cache_clear()
    return at_least(
        "relay drain to the file sink",
        median(relayed),
        "/s",
        BAR,
        median(bare),
        "files written, each flushed with its directory",
        f"{each} {'delivery' if each == 1 else 'deliveries'} a lane",
    )
