"""What the archive writes: one rule for every sink, so that an archive can move between stores."""

from persistence.archive.sinks.port import MAX_OBJECT_BYTES, SinkError

MAX_KEY_BYTES = 1024
"""Amazon's limit for a key in UTF-8; other stores copy it."""

MAX_SEGMENT_BYTES = 255
"""NAME_MAX of the usual Linux file systems."""


def check_key(key: str) -> str:
    """Return ``key`` when it is safe in a URL and as a relative path, else raise SinkError ``bad_key``.

    Refused: empty keys and segments (so no leading, trailing or doubled slash), segments that start with a
    dot (so no ``..`` and nothing that collides with a sink's own files), control characters, backslashes,
    text that is not UTF-8, and anything too long.
    """
    if trouble := _trouble(key):
        raise SinkError(f"The key {key[:80]!r} {trouble}. Nothing was read or written.", code="bad_key")
    return key


def check_size(key: str, body: bytes) -> None:
    """Raise SinkError ``too_large`` for a body that could not be read back."""
    if len(body) > MAX_OBJECT_BYTES:
        raise SinkError(
            f"{key!r} has {len(body)} bytes, {MAX_OBJECT_BYTES} is the limit. Nothing was written.",
            code="too_large",
        )


def _trouble(key: str) -> str:
    try:
        encoded = key.encode("utf-8")
    except UnicodeEncodeError:
        return "is not valid text"
    if len(encoded) > MAX_KEY_BYTES:
        return f"is longer than {MAX_KEY_BYTES} bytes"
    if "\\" in key or any(ord(character) < 0x20 or 0x7F <= ord(character) < 0xA0 for character in key):
        return "holds a control character or a backslash"
    for segment in key.split("/"):
        if not segment:
            return "has an empty segment"
        if segment.startswith("."):
            return "has a segment that starts with a dot"
        if len(segment.encode()) > MAX_SEGMENT_BYTES:
            return f"has a segment longer than {MAX_SEGMENT_BYTES} bytes"
    return ""
