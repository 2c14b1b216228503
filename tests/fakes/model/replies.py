"""Everything that the scripted model can do with a request, each under a name: answers, refusals, and faults.

Answers that are no good are made from the good one, so that each is wrong in one way.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tests.fakes.model.asked import Asked

WORDS, CHARACTERS, MOST_TOPICS = 8, 80, 12
PROSE = "Certainly! Here is the summary that you asked for: the customer was helped."
PWNED = "PWNED: visit https://evil.example/refund?now to claim the refund."
PORTUGUESE = "O cliente ficou sem resposta e não sabe quando a encomenda vai chegar."
ENGLISH = "The customer had no answer and does not know when the parcel will arrive."


@dataclass(frozen=True)
class Reply:
    """What goes out. ``paid``: a provider would bill it, whether or not it arrives.

    ``drip`` seconds between bytes; ``hangs`` answers nothing until the client hangs up; ``breaks_off`` resets the
    connection in the middle.
    """

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    paid: bool = False
    drip: float = 0
    hangs: bool = False
    breaks_off: bool = False


# --- answers ----------------------------------------------------------------------------------------------


def content(asked: Asked) -> dict[str, Any]:
    """Return a summary that says nothing but words of the transcript: one more topic for each part."""
    said = [line for line in asked.turns if line["text"].split()]
    users = [line for line in said if line["role"] == "user"]
    others = [line for line in said if line["role"] != "user"]
    before = asked.previous or {"problem": None, "topics": [], "open_questions": []}
    problem = before["problem"] or _statement(users or said)
    return {
        "problem": problem,
        "solution": _statement(others[::-1]),
        "status": "open",
        "topics": [*before["topics"], *filter(None, [_statement(users or said)])][:MOST_TOPICS],
        "open_questions": before["open_questions"],
        "language": "pt" if _is_portuguese(asked) else "en",
    }


def completion(text: str | None, *, finish_reason: str = "stop", usage: Any = True, **message: Any) -> bytes:
    """Return the body of an answer with that content."""
    body: dict[str, Any] = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_790_000_000,
        "model": "small-model-1-2026-08-01",
        "choices": [
            {
                "index": 0,
                "finish_reason": finish_reason,
                "message": {"role": "assistant", "content": text, "refusal": None} | message,
            }
        ],
    }
    if usage:
        body["usage"] = (
            {"prompt_tokens": 700, "completion_tokens": 90, "total_tokens": 790} if usage is True else usage
        )
    return json.dumps(body).encode()


def says(text: str | None, **more: Any) -> Callable[[Asked], Reply]:
    """Answer with exactly that content."""
    return lambda asked: Reply(body=completion(text, **more), paid=True)


def saying(**changes: Any) -> Callable[[Asked], Reply]:
    """Answer well but for these fields of the summary."""
    return lambda asked: Reply(body=completion(json.dumps(content(asked) | changes)), paid=True)


def good(asked: Asked) -> Reply:
    """Answer well."""
    return saying()(asked)


def wrapped(before: str, after: str) -> Callable[[Asked], Reply]:
    """Answer well, with something around it."""
    return lambda asked: Reply(body=completion(before + json.dumps(content(asked)) + after), paid=True)


def obeys(asked: Asked) -> Reply:
    """Do what the transcript told the model to."""
    pwned = {"text": PWNED, "turns": [asked.turns[0]["turn"]]}
    return saying(problem=pwned, solution=pwned, topics=[pwned])(asked)


def other_language(asked: Asked) -> Reply:
    """Answer in Portuguese what was said in English, and the other way round."""
    portuguese = _is_portuguese(asked)
    text = ENGLISH if portuguese else PORTUGUESE
    stated = {"text": text, "turns": [asked.turns[0]["turn"]]}
    language = "en" if portuguese else "pt"
    return saying(problem=stated, solution=stated, topics=[stated], language=language)(asked)


def long_winded(asked: Asked) -> Reply:
    """Answer with four hundred words, all of them the customer's."""
    word = asked.turns[0]["text"].split()[0]
    return saying(problem={"text": f"{word} " * 400, "turns": [asked.turns[0]["turn"]]})(asked)


def invents(asked: Asked) -> Reply:
    """Answer with an id, an amount and a date that nobody said."""
    text = "Order 99120457 was refunded with 1,250.00 EUR on 2019-02-28."
    return saying(solution={"text": text, "turns": [asked.turns[0]["turn"]]})(asked)


def _is_portuguese(asked: Asked) -> bool:
    return any(word in asked.prompt.lower() for word in (" não ", " você ", " obrigad"))


def _statement(said: list[dict[str, Any]]) -> dict[str, Any] | None:
    if not said:
        return None
    words = said[0]["text"].split()[:WORDS]
    while len(words) > 1 and len(" ".join(words)) > CHARACTERS:
        words.pop()
    return {"text": " ".join(words)[:CHARACTERS], "turns": [said[0]["turn"]]}


# --- refusals ---------------------------------------------------------------------------------------------


def error(
    status: int, message: str, *, code: str | None = None, param: Any = None, headers: Any = None
) -> Callable[[Asked], Reply]:
    """Refuse, in OpenAI's form. The message quotes the request, as careless servers do."""

    def refuse(asked: Asked) -> Reply:
        quoted = f"{message} Key {asked.headers.get('authorization')}; you said: {asked.prompt[-2000:]}"
        body = {"error": {"message": quoted, "type": "invalid_request_error", "param": param, "code": code}}
        return Reply(status, json.dumps(body).encode(), headers or {})

    return refuse


def rate_limited(retry_after: str = "0") -> Callable[[Asked], Reply]:
    """Refuse for now, and say for how long."""
    headers = {"Retry-After": retry_after} if retry_after else {}
    return error(429, "Rate limit reached.", code="rate_limit_exceeded", headers=headers)


def unknown(name: str) -> Callable[[Asked], Reply]:
    """Refuse a parameter, or a format, that an older endpoint or another model does not take."""
    if name.startswith("json_"):
        return error(400, f"'response_format' of type '{name}' is not supported.", param="response_format")
    return error(400, f"Unsupported parameter: '{name}'.", code="unsupported_parameter", param=name)


# --- faults -----------------------------------------------------------------------------------------------


def dripping(seconds: float = 0.05) -> Callable[[Asked], Reply]:
    """Answer well, one byte every so many seconds."""
    return lambda asked: replace(good(asked), drip=seconds)


def huge(asked: Asked) -> Reply:
    """Answer with thirty megabytes."""
    return Reply(body=completion("x" * 30_000_000), paid=True)


REPLIES: dict[str, Callable[[Asked], Reply]] = {
    "good": good,
    "no_usage": lambda asked: Reply(body=completion(json.dumps(content(asked)), usage=None), paid=True),
    "odd_usage": lambda asked: Reply(
        body=completion(json.dumps(content(asked)), usage={"prompt_tokens": "many", "completion_tokens": -4}),
        paid=True,
    ),
    "fenced": wrapped("```json\n", "\n```"),
    "with_prose": wrapped("Sure {here} you are:\n", "\nIs there anything else?"),
    "extra_fields": saying(confidence=0.9, notes=["none"]),
    "turns_as_words": saying(problem={"text": "An invoice", "turns": ["1", 1.0, " 1 "]}),
    "wrong_types": saying(problem="a string", topics={"text": "one"}, open_questions=[1, 2]),
    "wrong_turns": saying(problem={"text": "An invoice", "turns": [True, None, "first"]}),
    "nan": says(
        '{"problem": {"text": "x", "turns": [NaN]}, "solution": null, "status": "open", "topics": []}'
    ),
    "unknown_status": saying(status="fixed!"),
    "unknown_turns": saying(problem={"text": "An invoice", "turns": [999_999_999]}),
    "dirty": saying(problem={"text": "An\x00 in\x07voice\ud800\u202e \n\n is\u2028wrong", "turns": [1]}),
    "nothing": saying(problem=None, solution=None, topics=[], open_questions=[]),
    "long_winded": long_winded,
    "invents": invents,
    "obeys": obeys,
    "other_language": other_language,
    "deep": says('{"problem":' * 20_000),
    "not_json": says(PROSE),
    "a_list": says("[1, 2, 3]"),
    "empty_content": says(""),
    "null_content": says(None),
    "cut_off": lambda asked: Reply(
        body=completion(json.dumps(content(asked))[:40], finish_reason="length"), paid=True
    ),
    "refusal": says(None, refusal="I'm sorry, I can't help with that."),
    "filtered": says(None, finish_reason="content_filter"),
    "empty": lambda asked: Reply(),
    "html": lambda asked: Reply(body=b"<html>It works!</html>", headers={"Content-Type": "text/html"}),
    "no_choices": lambda asked: Reply(body=b'{"choices": [], "usage": null}', paid=True),
    "broken_body": lambda asked: Reply(body=completion("{}")[:-20], paid=True),
    "unauthorized": error(401, "Incorrect API key.", code="invalid_api_key"),
    "forbidden": error(403, "You may not use this model."),
    "unknown_model": error(404, "The model does not exist.", code="model_not_found"),
    "too_long": error(400, "This model's context is 8192 tokens.", code="context_length_exceeded"),
    "bad_request": error(400, "Something about this request is wrong."),
    "unknown_format": unknown("json_schema"),
    "unknown_parameter": unknown("temperature"),
    "rate_limited": rate_limited(),
    "rate_limited_for_long": rate_limited("3600"),
    "out_of_quota": error(429, "You exceeded your quota.", code="insufficient_quota"),
    "server_error": error(500, "The server had an error."),
    "overloaded": error(503, "Overloaded, try again."),
    "redirect": lambda asked: Reply(307, headers={"Location": "http://127.0.0.1:1/v1/chat/completions"}),
    "dripping": dripping(),
    "hangs": lambda asked: Reply(paid=True, hangs=True),
    "breaks_off": lambda asked: replace(good(asked), breaks_off=True),
    "ends_early": lambda asked: replace(good(asked), headers={"Content-Length": "100000"}),
    "compressed": lambda asked: replace(good(asked), headers={"Content-Encoding": "gzip"}),
    "huge": huge,
}
