"""How many conversations a core summarises by extracts: alone, and as a night does it, with Postgres."""

import re
import time
from collections.abc import Callable, Sequence
from statistics import fmean, median

from bench.harness.measure import in_turns, paired
from bench.harness.night import night, raw_night
from bench.harness.private import empty_tables
from bench.harness.result import BenchError, Figure, at_least, near_limit
from bench.harness.sizes import Size
from bench.harness.talks import dialogues, talks
from bench.harness.words import exchanges
from summarization.draft import Draft, Said, SourceTurn
from summarization.summarizers.port import Part
from summarization.summarizers.registry import summarizer

BAR = 200
OF_SHORT = 1.5
ROUNDS = 5
MOST_WORDS = 60
LONG_TURNS = 10
WORD = re.compile(r"\w+")
Talk = tuple[SourceTurn, ...]


def measure(size: Size) -> list[Figure]:
    """Summarise the sample, then conversations of ten turns of 2 KB; then let nights go over the sample's copies."""
    short = [as_read(turns) for turns in dialogues()]
    long = [as_read(exchanges()[first : first + LONG_TURNS]) for first in range(0, 50, LONG_TURNS)]
    rounds = min(size.rounds, ROUNDS)
    return [alone(short, rounds), at_length(short, long, rounds), nights(size)]


def as_read(turns: Sequence[list[dict[str, str]]]) -> Talk:
    """Return turns as a summariser is given them."""
    roles = {"user", "assistant", "agent"}
    return tuple(
        SourceTurn(seq, tuple(Said(one["role"], one["content"]) for one in said if one["role"] in roles))
        for seq, said in enumerate(turns, start=1)
    )


def alone(conversations: list[Talk], rounds: int) -> Figure:
    """Summarise these on one core, and find all words in the same texts, in turn."""
    samples = in_turns(
        {"ours": per_second(conversations, drafted), "limit": per_second(conversations, words_of)}, rounds
    )
    measured, limit = paired(samples, "ours", "limit")
    return at_least(
        "extracts of the sample, a core",
        measured,
        "conversations/s",
        BAR,
        limit,
        "all words of the same texts found once by a regular expression",
        f"{length(conversations):,.0f} characters each",
    )


def at_length(short: list[Talk], long: list[Talk], rounds: int) -> Figure:
    """Summarise long conversations and short ones, in turn: a character costs about the same in both."""
    samples = in_turns({"ours": per_second(long, drafted), "limit": per_second(short, drafted)}, rounds)
    per_character = {
        name: [[1e9 / (rate * length(talks)) for rate in found] for found in samples[name]]
        for name, talks in (("ours", long), ("limit", short))
    }
    measured, limit = paired(per_character, "ours", "limit")
    return near_limit(
        "extracts of ten turns of 2 KB, a core",
        measured,
        "ns a character",
        OF_SHORT,
        limit,
        "extracts of the sample",
        f"{1e9 / (measured * length(long)):,.0f} conversations/s of {length(long):,.0f} characters each",
    )


def length(conversations: list[Talk]) -> float:
    """Return how many characters one of them has, on average."""
    return fmean(sum(len(said.text) for turn in talk for said in turn.said) for talk in conversations)


def per_second(conversations: list[Talk], work: Callable[[Talk], object]) -> Callable[[], list[float]]:
    """Return what goes over all of them once and answers how many that is a second of processor time."""

    def once() -> list[float]:
        began = time.process_time()
        for talk in conversations:
            work(talk)
        return [len(conversations) / (time.process_time() - began)]

    return once


def drafted(talk: Talk) -> Draft:
    return summarizer("extractive").summarize(Part(talk, None, MOST_WORDS, time.monotonic() + 60)).draft


def words_of(talk: Talk) -> int:
    return sum(len(WORD.findall(said.text.lower())) for turn in talk for said in turn.said)


def nights(size: Size) -> Figure:
    """Let a night go over new conversations; read and write as many rows with nothing in between, in turn."""
    empty_tables()
    count, loaded = size.talks, 0
    processor: list[float] = []

    def fresh(work: Callable[[], int]) -> Callable[[], list[float]]:
        def once() -> list[float]:
            nonlocal loaded
            talks(count, first=loaded)
            loaded += count
            began, began_processor = time.perf_counter(), time.process_time()
            done = work()
            seconds = time.perf_counter() - began
            if work is night:
                processor.append(count / (time.process_time() - began_processor))
            if done < count // 2:
                raise BenchError(f"{done} of {count} conversations were summarised.")
            return [count / seconds]

        return once

    samples = in_turns({"ours": fresh(night), "limit": fresh(raw_night)}, min(size.rounds, 3))
    measured, limit = paired(samples, "ours", "limit")
    return at_least(
        "a night by extracts, one process",
        measured,
        "conversations/s",
        BAR,
        limit,
        "the same rows read, and written one transaction a conversation, with psycopg2",
        f"planning, reading and settling included; {median(processor):,.0f} a second of its processor time",
    )
