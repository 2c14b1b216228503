"""Request bodies, read strictly and never beyond their limit."""

from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, UnreadablePostError
from ninja.parser import Parser

from persistence.errors import BodyTooLarge
from persistence.jsontext import parse, refuse
from persistence.requests import MAX_BODY_BYTES


class StrictParser(Parser):
    """Ninja's parser, with Holdfast's idea of JSON: see ``persistence.jsontext.parse``."""

    def parse_body(self, request: HttpRequest) -> Any:
        if request.headers.get("Transfer-Encoding") and not request.headers.get("Content-Length"):
            raise refuse("body", "comes in chunks; send it with a Content-Length")
        try:
            body = request.body
        except RequestDataTooBig as error:
            raise BodyTooLarge(MAX_BODY_BYTES) from error
        except UnreadablePostError as error:
            raise refuse("body", "ended before its Content-Length") from error
        document = parse(body)
        if not isinstance(document, dict):
            raise refuse("body", "is not a JSON object")
        return document
