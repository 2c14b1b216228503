"""What a model was asked: one request, with the transcript that it carries read back out of the prompt."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any


@dataclass(frozen=True)
class Asked:
    """One request as it arrived; header names are lower-case."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @cached_property
    def json(self) -> Any:
        """The body."""
        return json.loads(self.body)

    @property
    def prompt(self) -> str:
        """Everything that was said to the model, as one text."""
        return "\n".join(message["content"] for message in self.json["messages"])

    @property
    def turns(self) -> list[dict[str, Any]]:
        """The messages of the transcript: ``{"turn", "role", "text"}``, in order."""
        return [line for line in self._lines() if "turn" in line and "role" in line]

    @property
    def previous(self) -> dict[str, Any] | None:
        """The draft that is to be carried on."""
        return next((line for line in self._lines() if "topics" in line), None)

    @property
    def format(self) -> str:
        """The kind of answer that is asked for: ``json_schema``, ``json_object``, or nothing."""
        return str(self.json.get("response_format", {}).get("type", ""))

    def _lines(self) -> Iterator[dict[str, Any]]:
        for line in self.prompt.splitlines():
            if line.startswith("{"):
                try:
                    yield json.loads(line)
                except ValueError:
                    continue
