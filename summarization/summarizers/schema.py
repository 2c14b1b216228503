"""The answer that a model is asked for, and the reading of what it gave: strict in what matters, tolerant in form.

A fence or a sentence around the JSON, a number in quotes or a field too many hurt nobody. A wrong type, an unknown
status or an essay do: the answer is refused with a code, and with a text that quotes nothing of it.
"""

import json
import math
import re
import unicodedata
from collections.abc import Collection
from typing import Annotated, Any, Literal, NoReturn

from pydantic import BaseModel, BeforeValidator, ValidationError

from summarization.draft import STATUSES, Draft, Statement
from summarization.summarizers.port import BadAnswer

MOST_OVER = 1.5
"""Words are a wish that models meet roughly; half as many again is refused. Topics and questions are checked one by one
by ``grounding``."""

_STATED = {
    "type": "object",
    "properties": {"text": {"type": "string"}, "turns": {"type": "array", "items": {"type": "integer"}}},
    "required": ["text", "turns"],
    "additionalProperties": False,
}
_PERHAPS = {"anyOf": [_STATED, {"type": "null"}]}
_PROPERTIES = {
    "problem": _PERHAPS,
    "solution": _PERHAPS,
    "status": {"type": ["string", "null"], "enum": [*STATUSES, None]},
    "topics": {"type": "array", "items": _STATED},
    "open_questions": {"type": "array", "items": _STATED},
    "language": {"type": "string"},
}
JSON_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": _PROPERTIES,
    "required": list(_PROPERTIES),
    "additionalProperties": False,
}

_LONGEST_WORD = 15  # characters: what has no blanks between words is counted by length
_CANDIDATES = 20  # places where an object may begin; prose has few braces
_THINKING = ("<think>", "</think>")  # some endpoints hand over what a model says to itself first
_DROPPED = {"Cf", "Cs", "Co"}  # direction marks and what else cannot be seen, half characters, private ones
_BLANK = {"Cc", "Zl", "Zp"}
_JOINERS = "\u200c\u200d"  # they can be seen: in emoji, in Persian and in Indic scripts
# Beside plain ASCII they cannot, and part what a reader sees as one word, number or link.
_IDLE_JOINERS = re.compile(r"(?:^|(?<=[\x00-\x7f]))[\u200c\u200d]+|[\u200c\u200d]+(?=[\x00-\x7f]|$)")
_SMUGGLED = re.compile(
    "[\u034f\U000e0100-\U000e01ef]"
)  # marks that nobody sees, and that spell whatever one likes
_LANGUAGE = re.compile(r"\s*([A-Za-z]{2})(?:[-_][A-Za-z0-9]+)*\s*")


def _number(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("a truth value is no number")
    return value


class _Stated(BaseModel):
    text: str
    turns: list[Annotated[int, BeforeValidator(_number)]]


class _Answer(BaseModel):
    """What must be there, and what an endpoint that knows no schemas may leave out."""

    problem: _Stated | None
    solution: _Stated | None
    topics: list[_Stated]
    status: Literal["resolved", "open", "escalated"] | None = None
    open_questions: list[_Stated] = []
    language: str = ""


def read(content: str, *, known: Collection[int], most_words: int) -> Draft:
    """Return the draft that a model wrote. Raises BadAnswer (without tokens: the caller knows them).

    ``known`` are the turns that it may cite. Others are dropped; whether those that are left support the statement is
    not judged here.
    """
    try:
        answer = _Answer.model_validate(_object(content))
    except ValidationError as error:
        raise BadAnswer(
            "wrong_shape", f"The model's answer is not of the shape asked for: {_faults(error)}."
        ) from None
    draft = _draft(answer, set(known))
    words = sum(_words(statement.text) for statement in (draft.problem, draft.solution) if statement)
    if words > most_words * MOST_OVER:
        text = f"Problem and solution have {words} words together, and {most_words} were asked for."
        raise BadAnswer("too_long_answer", text)
    return draft


def _object(content: str) -> dict[str, Any]:
    """Return the first JSON object in the text, whatever stands around it."""
    if content.lstrip().startswith(_THINKING[0]):
        content = content.partition(_THINKING[1])[2]
    decoder = json.JSONDecoder(parse_constant=_no_number)
    starts = [
        found.start() for _, found in zip(range(_CANDIDATES), re.finditer(r"\{", content), strict=False)
    ]
    if content.lstrip().startswith("["):
        starts = []  # a list of objects is another answer than its first one
    for start in starts:
        try:
            value, _ = decoder.raw_decode(content, start)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict) and value:
            return value
    raise BadAnswer("not_json", "The model's answer holds no JSON object.")


def _no_number(_name: str) -> NoReturn:
    raise ValueError("not a number that JSON knows")


def _faults(error: ValidationError) -> str:
    """Name up to three places and what is wrong there, and never a value."""
    found = error.errors(include_url=False, include_context=False, include_input=False)[:3]
    return "; ".join(
        f"{'.'.join(map(str, fault['loc'])) or 'all of it'} ({fault['type']})" for fault in found
    )


def _draft(answer: _Answer, known: set[int]) -> Draft:
    language = _LANGUAGE.fullmatch(answer.language)
    return Draft(
        problem=_statement(answer.problem, known),
        solution=_statement(answer.solution, known),
        status=answer.status,
        topics=_statements(answer.topics, known),
        open_questions=_statements(answer.open_questions, known),
        language=language[1].lower() if language else "und",
    )


def _statements(stated: list[_Stated], known: set[int]) -> tuple[Statement, ...]:
    return tuple(filter(None, (_statement(one, known) for one in stated)))


def _statement(stated: _Stated | None, known: set[int]) -> Statement | None:
    text = clean(stated.text) if stated else ""
    return Statement(text, tuple(sorted(known.intersection(stated.turns)))) if stated and text else None


def clean(text: str) -> str:
    """Return the text on one line, without what cannot be stored or cannot be seen."""
    kept = "".join(_kept(char, unicodedata.category(char)) for char in text)
    return " ".join(_IDLE_JOINERS.sub("", _SMUGGLED.sub("", kept)).split())


def _kept(char: str, category: str) -> str:
    if category in _BLANK:
        return " "
    return "" if category in _DROPPED and char not in _JOINERS else char


def _words(text: str) -> int:
    return max(len(text.split()), math.ceil(len(text) / _LONGEST_WORD))
