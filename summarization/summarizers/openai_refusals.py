"""What an endpoint means by refusing: one conversation, everybody, or only for now.

Nothing of a refusal's own text is passed on: servers quote the request in it, the key included.
"""

import math
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

import openai

from summarization.summarizers.port import BackendUnavailable, BadAnswer, SummarizerError

AGAIN = {429, 503}
"""Refused before any work was done. A 500, 502 or 504 says nothing of the kind: the model may have answered, and its
answer be billed."""

_NO_QUOTA = {"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"}
_TOO_LONG = ("context length", "context_length", "context window", "maximum context", "prompt is too long")
_READ_OF_MESSAGE = 200  # characters: further on, some servers quote the conversation


def refusal(error: openai.APIStatusError) -> SummarizerError:
    """Return what a refusal means. The texts are for operators."""
    status, code = error.status_code, error.code or ""
    if 300 <= status < 400:
        text = "The model's endpoint redirects, and no redirect is followed. Check OPENAI_BASE_URL."
        return BackendUnavailable("redirected", text)
    if status in (401, 403):
        text = f"The model's endpoint refuses the key ({status}). Check OPENAI_API_KEY."
        return BackendUnavailable("key_refused", text)
    if status == 402 or code in _NO_QUOTA:
        return BackendUnavailable("no_quota", "The account at the model's endpoint has no credit left.")
    if status == 404:
        text = "The endpoint knows no such model or address (404). Check OPENAI_MODEL and OPENAI_BASE_URL."
        return BackendUnavailable("model_unknown", text)
    if status == 429:
        text = (
            "The model's endpoint takes no more requests for now (429). Fewer workers on the queue ask less."
        )
        return BackendUnavailable("rate_limited", text)
    if status == 503:
        return BackendUnavailable("overloaded", "The model's endpoint is overloaded (503).")
    if status >= 500:
        return BackendUnavailable("server_error", f"The model's endpoint failed ({status}).")
    return _of_this_request(error)


def _of_this_request(error: openai.APIStatusError) -> SummarizerError:
    status, code = error.status_code, error.code or ""
    if status not in (400, 413, 422):
        text = f"The model's endpoint answered {status}. Check OPENAI_BASE_URL."
        return BackendUnavailable("refused", text)
    said = _message(error).lower()
    if status == 413 or code == "context_length_exceeded" or any(sign in said for sign in _TOO_LONG):
        text = "The model cannot read that much at once. A smaller SUMMARY_PART_TOKENS makes more parts."
        return BadAnswer("too_long", text)
    if code == "content_filter":
        return BadAnswer("filtered", "The model's endpoint refuses what the conversation is about.")
    return BadAnswer("request_refused", f"The model's endpoint refuses the request ({status}).")


def refused_parameter(error: openai.APIStatusError, names: Mapping[str, tuple[str, ...]]) -> str:
    """Return which of these parameters the endpoint does not take, or "".

    ``names`` maps each to the words that it goes by in messages, for endpoints that name no parameter.
    """
    if error.status_code not in (400, 422):
        return ""
    if error.param and isinstance(error.param, str):  # the client hands on whatever was sent
        return next((name for name in names if error.param.split(".")[0] == name), "")
    said = _message(error)
    return next((name for name, words in names.items() if any(word in said for word in words)), "")


def asks_to_wait(error: openai.APIStatusError) -> float:
    """Return for how many seconds the endpoint asks to be left alone; 0 if it does not say."""
    headers = error.response.headers
    if milliseconds := _seconds(headers.get("retry-after-ms", "")):
        return milliseconds / 1000
    return _seconds(headers.get("retry-after", ""))


def _seconds(value: str) -> float:
    try:
        seconds = float(value)
    except ValueError:
        seconds = _until(value)
    return seconds if math.isfinite(seconds) and seconds > 0 else 0.0


def _until(value: str) -> float:
    try:
        return parsedate_to_datetime(value).timestamp() - time.time()
    except (ValueError, OverflowError):
        return 0.0


def _message(error: openai.APIStatusError) -> str:
    """Return the beginning of what the server itself says."""
    body = error.body
    message = body.get("message") if isinstance(body, dict) else body
    return message[:_READ_OF_MESSAGE] if isinstance(message, str) else ""
