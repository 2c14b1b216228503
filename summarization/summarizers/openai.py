"""Any endpoint that speaks OpenAI's chat completions: OpenAI itself, a gateway, a vLLM or Ollama of one's own.

The official client builds and reads requests; connections and time are ours (``openai_wire``). Its own retries are
off, because they would also repeat what may have been billed.
"""

import logging
import os
import random
import threading
import time
from collections.abc import Callable
from typing import Any, NoReturn

import httpx2
import openai
from django.conf import settings
from pydantic import BaseModel, ValidationError

from summarization.draft import Draft
from summarization.summarizers import openai_refusals, prompt, schema
from summarization.summarizers.openai_dialect import PARAMETERS, Dialect
from summarization.summarizers.openai_wire import Wire, WireError
from summarization.summarizers.port import Answer, BackendUnavailable, BadAnswer, Part, SummarizerError

# Lines about every call, with its address: a night has thousands, and its counts say more. Whatever the client's next
# release writes at DEBUG, what customers said is not to be among it.
for _name in ("openai", "httpx2"):
    logging.getLogger(_name).setLevel(logging.WARNING)

_RETRIES = 2
_FIRST_PAUSE = 0.5  # seconds, doubled with each retry, and half of it by chance
_MOST_TOKENS = 10_000_000
"""No request takes more: a figure above it is nonsense, and would not fit the tables."""


class _Message(BaseModel):
    content: str | None = None
    refusal: str | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _Completion(BaseModel):
    """As much of an answer as is read. The client's own types are filled without a look at what comes."""

    choices: list[_Choice]
    usage: Any = None


class _NotNow(Exception):
    """Refused before any work was done: the same may be asked again after ``pause`` seconds."""

    def __init__(self, refused: SummarizerError, pause: float = 0.0) -> None:
        self.refused, self.pause = refused, pause


class OpenAI:
    """The summariser ``openai``. Reads the settings when it is made; ``sleep`` is how it waits to ask again."""

    name = "openai"
    prompt_version = prompt.PROMPT_VERSION
    batch = 1  # a claim takes a millisecond, a model seconds: nothing is held that nobody works on

    def __init__(self, sleep: Callable[[float], None] = time.sleep) -> None:
        self.model: str = settings.OPENAI_MODEL
        self.part_tokens: int = settings.SUMMARY_PART_TOKENS
        self.seconds: float = settings.OPENAI_TIMEOUT_SECONDS
        # Beside the words themselves, room for a model that thinks aloud first; the cap is against one that never ends.
        self.most_tokens_out = 2_000 + 10 * settings.SUMMARY_MOST_WORDS
        self._base_url: str = settings.OPENAI_BASE_URL
        self._key: str = settings.OPENAI_API_KEY
        self._sleep = sleep
        self._dialect = Dialect()
        self._client: openai.OpenAI | None = None
        self._pid = os.getpid()
        self._lock = threading.Lock()

    def summarize(self, part: Part) -> Answer:
        """Return the model's draft. Raises BadAnswer and BackendUnavailable.

        Where the endpoint does not say how many tokens it used, they are estimated: one for three bytes of UTF-8.
        """
        ends_at = min(part.deadline, time.monotonic() + self.seconds)
        asked = prompt.messages(part)
        estimate = sum(_estimated(message["content"]) for message in asked)
        completion = _read(self._ask(asked, estimate, ends_at), estimate)
        content = completion.choices[0].message.content or ""
        tokens_in, tokens_out = _used(completion.usage, estimate, _estimated(content))
        try:
            draft = _draft(completion.choices[0], part)
        except BadAnswer as bad:  # it was paid for all the same
            raise BadAnswer(bad.code, str(bad), tokens_in=tokens_in, tokens_out=tokens_out) from None
        return Answer(draft, tokens_in, tokens_out)

    def close(self) -> None:
        """Give the client back; the next call makes another one."""
        with self._lock:
            client, self._client = self._client, None
        if client:
            client.close()

    def _ask(self, asked: list[dict[str, str]], estimate: int, ends_at: float) -> bytes:
        """Return the body of the first answer. What was refused unread is asked again, while there is time."""
        tried = 0
        while True:
            try:
                return self._in_a_dialect(asked, estimate, ends_at)
            except _NotNow as not_now:
                backoff = _FIRST_PAUSE * 2**tried * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
                pause = max(not_now.pause, backoff)
                if tried >= _RETRIES or time.monotonic() + pause >= ends_at:
                    raise not_now.refused from None
            self._sleep(pause)
            tried += 1

    def _in_a_dialect(self, asked: list[dict[str, str]], estimate: int, ends_at: float) -> bytes:
        """Ask in the plainest terms that are needed, and remember which were understood."""
        dialect = self._dialect
        while True:
            try:
                body = self._send(asked, dialect, ends_at)
            except WireError as error:
                _lost(error, estimate)
            except openai.APIStatusError as error:
                plainer = dialect.without(openai_refusals.refused_parameter(error, PARAMETERS))
                if not plainer:
                    _refused(error)
                dialect = plainer
            except (openai.OpenAIError, httpx2.InvalidURL, ValueError):
                # A key or an address that no request can be made of. These errors quote it.
                text = "No request can be made. Check OPENAI_BASE_URL, OPENAI_API_KEY and OPENAI_MODEL."
                raise BackendUnavailable("misconfigured", text) from None
            else:
                self._dialect = dialect
                return body

    def _send(self, asked: list[dict[str, str]], dialect: Dialect, ends_at: float) -> bytes:
        left = ends_at - time.monotonic()
        if left <= 0:
            raise WireError("timeout", "No time was left to ask the model.", sent=False)
        raw = self._connected().chat.completions.with_raw_response.create(
            model=self.model,
            messages=asked,  # type: ignore[arg-type]
            timeout=left,
            **dialect.parameters(self.most_tokens_out),
        )
        return raw.http_response.content

    def _connected(self) -> openai.OpenAI:
        with self._lock:
            # After a fork the parent's look-up thread is not there to answer: a client for each process.
            if self._client is None or self._pid != os.getpid():
                self._pid = os.getpid()
                self._client = openai.OpenAI(
                    base_url=self._base_url,
                    api_key=self._key,
                    max_retries=0,
                    http_client=httpx2.Client(transport=Wire(), trust_env=False, follow_redirects=False),
                )
            return self._client


def _lost(error: WireError, estimate: int) -> NoReturn:
    if not error.sent and error.code == "unreachable":
        raise _NotNow(BackendUnavailable(error.code, str(error)))
    # Never again after the question went out: the model may be at work on it, and its work be billed. What it read is
    # counted, so that a budget errs on the safe side.
    raise BackendUnavailable(error.code, str(error), tokens_in=estimate if error.sent else 0) from None


def _refused(error: openai.APIStatusError) -> NoReturn:
    refused = openai_refusals.refusal(error)
    if error.status_code in openai_refusals.AGAIN and refused.code != "no_quota":
        raise _NotNow(refused, openai_refusals.asks_to_wait(error))
    raise refused from None  # the client's error holds the request, and so the key


def _read(body: bytes, estimate: int) -> _Completion:
    try:
        completion = _Completion.model_validate_json(body)
    except ValidationError:
        completion = _Completion(choices=[])
    if not completion.choices:
        text = "What came back is no answer of a model. If that happens each time, check OPENAI_BASE_URL."
        raise BadAnswer("not_understood", text, tokens_in=estimate, tokens_out=_estimated(body))
    return completion


def _draft(choice: _Choice, part: Part) -> Draft:
    """Return what the answer says, if it is one and whole."""
    if choice.message.refusal:
        raise BadAnswer("refusal", "The model declined to summarise this conversation.")
    if choice.finish_reason == "content_filter":
        raise BadAnswer("filtered", "The model's endpoint withheld the answer because of what it is about.")
    if choice.finish_reason == "length":
        raise BadAnswer("cut_off", "The model's answer was cut off before its end.")
    if not (choice.message.content or "").strip():
        raise BadAnswer("empty_answer", "The model answered nothing.")
    known = {turn.seq for turn in part.turns}
    if part.previous:
        known.update(*(statement.citations for statement in part.previous.statements()))
    return schema.read(choice.message.content or "", known=known, most_words=part.most_words)


def _used(usage: Any, estimated_in: int, estimated_out: int) -> tuple[int, int]:
    counts = usage if isinstance(usage, dict) else {}
    return (
        _count(counts.get("prompt_tokens"), estimated_in),
        _count(counts.get("completion_tokens"), estimated_out),
    )


def _count(said: Any, estimate: int) -> int:
    return said if type(said) is int and 0 <= said <= _MOST_TOKENS else estimate


def _estimated(text: str | bytes) -> int:
    size = len(text if isinstance(text, bytes) else text.encode("utf-8", "replace"))
    return -(-size // 3)
