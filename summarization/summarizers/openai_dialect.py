"""Which parameters an endpoint takes: those that call themselves compatible differ, and say so by refusing.

Older ones know no JSON schemas, or ``max_tokens`` alone; models that think first have a temperature of their own.
"""

from dataclasses import dataclass, replace
from typing import Any, Self

from summarization.summarizers import schema

_JSON_SCHEMA = {"name": "summary", "strict": True, "schema": schema.JSON_SCHEMA}
_FORMATS: tuple[dict[str, Any], ...] = (
    {"response_format": {"type": "json_schema", "json_schema": _JSON_SCHEMA}},
    {"response_format": {"type": "json_object"}},
    {},
)
PARAMETERS = {
    "response_format": ("response_format", "json_schema", "json_object"),
    "max_completion_tokens": ("max_completion_tokens",),
    "temperature": ("temperature",),
}


@dataclass(frozen=True, slots=True)
class Dialect:
    """What an endpoint has been found to take. Each refusal leads to a plainer one."""

    format: int = 0
    temperature: bool = True
    limit: str = "max_completion_tokens"

    def parameters(self, most_tokens: int) -> dict[str, Any]:
        """Return the parameters of a request for a summary."""
        chosen = {**_FORMATS[self.format], self.limit: most_tokens}
        return chosen | ({"temperature": 0} if self.temperature else {})

    def without(self, parameter: str) -> Self | None:
        """Return the dialect that avoids the parameter; None if this one does already."""
        if parameter == "response_format" and self.format + 1 < len(_FORMATS):
            return replace(self, format=self.format + 1)
        if parameter == "temperature" and self.temperature:
            return replace(self, temperature=False)
        if parameter == "max_completion_tokens" and self.limit == parameter:
            return replace(self, limit="max_tokens")
        return None
