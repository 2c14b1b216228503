"""Request bodies, read strictly."""

from typing import Any

from django.http import HttpRequest
from ninja.parser import Parser

from persistence.jsontext import parse, refuse


class StrictParser(Parser):
    """Ninja's parser, with Holdfast's idea of JSON: see ``persistence.jsontext.parse``."""

    def parse_body(self, request: HttpRequest) -> Any:
        document = parse(request.body)
        if not isinstance(document, dict):
            raise refuse("body", "is not a JSON object")
        return document
