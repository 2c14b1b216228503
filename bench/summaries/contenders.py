"""What a summary could be instead: baselines, controls, and ours. Each takes a dialogue and returns its text."""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

from django.conf import settings

from bench.summaries.gold import Dialogue
from bench.summaries.rouge import score
from summarization.draft import Draft, Role, Said, SourceTurn
from summarization.summarizers.extractive import Extractive
from summarization.summarizers.port import Part

CONSTANT = "Customer is complaining about the issue. Agent asked the customer to send a DM with the details."
_SENTENCE = re.compile(r"(?<=[.!?])\s+")
_ROLES: Mapping[str, Role] = {"user": "user", "assistant": "assistant", "agent": "agent"}


def lead3(dialogue: Dialogue) -> str:
    return " ".join(_sentences(dialogue)[:3])


def longest3(dialogue: Dialogue) -> str:
    every = _sentences(dialogue)
    longest = sorted(range(len(every)), key=lambda at: -len(every[at].split()))[:3]
    return " ".join(every[at] for at in sorted(longest))


def first_and_last(dialogue: Dialogue) -> str:
    """Return the user's first turn and the other side's last."""
    asked = next((text for role, text, _ in dialogue.turns if role == "user"), "")
    answered = next((text for role, text, _ in reversed(dialogue.turns) if role != "user"), "")
    return f"{asked} {answered}"


def constant(_: Dialogue) -> str:
    return CONSTANT


def oracle(dialogue: Dialogue) -> str:
    """Return the sentences, chosen one after the other with an eye on the gold, that have the best plain R1."""
    every, taken, best = _sentences(dialogue), [], 0.0
    while len(taken) < len(every):
        tries = [sorted([*taken, at]) for at in range(len(every)) if at not in taken]
        found, text = max(
            (score(" ".join(every[at] for at in some), dialogue.golds, "R1"), some) for some in tries
        )
        if found <= best:
            break
        best, taken = found, text
    return " ".join(every[at] for at in taken)


def ours(dialogue: Dialogue) -> str:
    """Return the problem and the solution; topics are labels beside them."""
    draft = drafted(dialogue)
    return " ".join(said.text for said in (draft.problem, draft.solution) if said)


@lru_cache(maxsize=1000)
def drafted(dialogue: Dialogue) -> Draft:
    return Extractive().summarize(Part(turns(dialogue), None, settings.SUMMARY_MOST_WORDS, deadline=0)).draft


def turns(dialogue: Dialogue) -> Sequence[SourceTurn]:
    """Return a turn for each message."""
    return [
        SourceTurn(seq, (Said(_ROLES[role], text),)) for seq, (role, text, _) in enumerate(dialogue.turns, 1)
    ]


def _sentences(dialogue: Dialogue) -> list[str]:
    return [one for _, text, _ in dialogue.turns for one in _SENTENCE.split(text) if one.strip()]


BASELINES: Mapping[str, Callable[[Dialogue], str]] = {
    "LEAD-3": lead3,
    "LONGEST-3": longest3,
    "first user + last agent": first_and_last,
    "one constant sentence": constant,
}
