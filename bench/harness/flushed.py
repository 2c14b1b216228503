"""The limit of a file sink: objects written and flushed, with nothing around them."""

import itertools
import json
import os
import time
from pathlib import Path

from bench.harness.words import exchanges

BYTES = 3000  # an archived turn: its text, its digests and its envelope


def bodies() -> "itertools.cycle[bytes]":
    """Return contents of the size of an archived turn."""
    return itertools.cycle([json.dumps(messages).encode().ljust(BYTES) for messages in exchanges()])


def write_flushed(directory: Path, files: int) -> float:
    """Write files one after the other, each flushed and its directory too; return how many a second."""
    directory.mkdir(parents=True)
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        began = time.perf_counter()
        for number, body in zip(range(files), bodies(), strict=False):
            with (directory / str(number)).open("wb", buffering=0) as file:
                file.write(body)
                os.fsync(file.fileno())
            os.fsync(handle)
        return files / (time.perf_counter() - began)
    finally:
        os.close(handle)
