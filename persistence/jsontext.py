"""JSON that means the same to Python, to Postgres and to whoever reads the archive.

Postgres keeps JSON as ``jsonb``, which has no NaN, no NUL, no lone surrogates, no negative zero, and no exponents.
What cannot come back as it went in is refused here, with its path; ``parse`` refuses what a lenient parser would hide.
"""

import json
import math
import re
from typing import Any

from persistence.errors import FieldError, InvalidTurn

MAX_DEPTH = 32
MAX_INTEGER_BITS = 1024
EXACT_FLOAT = 1e15  # from 1e16 on, repr() uses an exponent, which jsonb turns into a whole number

# Key order, spacing and escapes are fixed, so equal values have equal bytes. Digests depend on this.
dumps = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode

_SURROGATE = re.compile("[\ud800-\udfff]")


def parse(body: bytes) -> Any:
    """Parse a request body strictly: UTF-8, no duplicate keys, no NaN or Infinity, bounded depth.

    Raises InvalidTurn that names ``body``, or the duplicated key.
    """
    try:
        return json.loads(body.decode("utf-8"), object_pairs_hook=_unique_pairs, parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise refuse("body", f"is not UTF-8 (byte {error.start})") from error
    except RecursionError as error:
        raise refuse("body", f"is nested deeper than {MAX_DEPTH} levels") from error
    except json.JSONDecodeError as error:
        raise refuse("body", f"is not JSON: {error.msg} (character {error.pos})") from error
    except ValueError as error:  # an integer of more digits than Python converts
        raise refuse("body", "holds a number that is too long") from error


def refuse(field: str, message: str) -> InvalidTurn:
    """Return the refusal of one field."""
    return InvalidTurn([FieldError(field, message)])


def storable_text(value: str, field: str) -> str:
    """Return the text if Postgres can keep it and give it back; raise InvalidTurn otherwise."""
    if "\x00" in value:
        raise refuse(field, f"holds a NUL character (position {value.index(chr(0))}), which cannot be stored")
    if not value.isascii() and (lone := _SURROGATE.search(value)):
        raise refuse(
            field, f"holds half of a surrogate pair (position {lone.start()}); send whole characters"
        )
    return value


def storable(value: Any, field: str, depth: int = 0) -> Any:
    """Return free-form JSON in the form that survives storage unchanged; raise InvalidTurn with the path otherwise.

    Floats that jsonb would turn into whole numbers become whole numbers here, of the same value.
    """
    if depth > MAX_DEPTH:
        raise refuse(field, f"is nested deeper than {MAX_DEPTH} levels")
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return storable_text(value, field)
    if isinstance(value, int):
        if value.bit_length() > MAX_INTEGER_BITS:
            raise refuse(field, f"is a whole number of more than {MAX_INTEGER_BITS} bits")
        return value
    if isinstance(value, float):
        return _storable_float(value, field)
    if isinstance(value, list | tuple):
        return [storable(item, f"{field}[{index}]", depth + 1) for index, item in enumerate(value)]
    if isinstance(value, dict):
        return {
            storable_text(_text_key(key, field), f"{field}.{key!r}"): storable(
                item, f"{field}.{key}", depth + 1
            )
            for key, item in value.items()
        }
    raise refuse(field, f"is a {type(value).__name__}, which JSON does not have")


def _storable_float(value: float, field: str) -> float | int:
    if not math.isfinite(value):
        raise refuse(field, "is not a finite number")
    if value == 0:
        return 0.0  # jsonb has no negative zero
    return int(value) if abs(value) > EXACT_FLOAT and value.is_integer() else value


def _text_key(key: Any, field: str) -> str:
    if not isinstance(key, str):
        raise refuse(field, f"has the key {key!r}, which is not text")
    return key


def _unique_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise refuse(key[:100], "is given twice")
            seen.add(key)
    return found


def _no_constant(name: str) -> Any:
    raise refuse("body", f"holds {name}, which JSON does not have")
