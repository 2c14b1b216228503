"""Parts of an address that hold whatever a caller names things: slashes and line ends too, percent-encoded."""

from urllib.parse import unquote_to_bytes

from django.http import HttpRequest
from django.urls import register_converter

from persistence.jsontext import refuse


class AnyText:
    """The part of an address that is somebody's own name for something: whatever it holds."""

    regex = r"(?s:.*)"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(AnyText, "anytext")


def utf8(request: HttpRequest, value: str, field: str) -> str:
    """Return the part as it was meant: Django reads bytes that are no UTF-8 as if they were percent signs.

    Raises InvalidTurn, for two names must not become one. Only gunicorn shows the address as it came.
    """
    try:
        unquote_to_bytes(request.META.get("RAW_URI", "").partition("?")[0]).decode()
    except UnicodeDecodeError:
        raise refuse(field, "is not UTF-8, percent-encoded") from None
    return value
