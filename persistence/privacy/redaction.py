"""The redaction seam: all text passes here before it is stored, archived, delivered, summarised or logged.

It sits in the path of every turn, so each detector first asks a question that costs a microsecond or two and
looks closely only where the answer is yes.
"""

from typing import Any

from persistence.privacy.detectors import DETECTORS

# Stored beside each turn. Raise it whenever the same text would come out differently than before.
REDACTION_VERSION: int = 1

# A replacement can lay a neighbour bare (its digits no longer belong to a longer run), so the text is looked
# at again until nothing is found. Two rounds are usual; the bound keeps hostile text from asking for more.
_MOST_ROUNDS = 5

_SHORTEST_CARD, _BEYOND_CARDS = 10**12, 10**19

_ID_ENDINGS = ("_id", "_ids", "Id")


def redact_text(text: str) -> str:
    """Return ``text`` with each payment card as ``[CARD]`` and each e-mail address as ``[EMAIL]``.

    Redacting twice changes nothing more. Text without anything to hide is returned as the same object.
    """
    for _ in range(_MOST_ROUNDS):
        found = [(*span, label) for label, find in DETECTORS for span in find(text)]
        if not found:
            break
        text = _replaced(text, found)
    return text


def redact_value(value: Any) -> Any:
    """Return the JSON ``value`` with every text and card number in it redacted; the input is never changed.

    Keys stay as they are, and so do ids: a text, or a list of texts, under the key ``id`` or a key that ends
    in ``_id``, ``_ids`` or ``Id``. Whatever holds nothing to hide is returned as the same object. Recursive:
    the depth of what comes from outside is limited where requests are validated.
    """
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, list):
        return _redacted_list(value)
    if isinstance(value, dict):
        return _redacted_dict(value)
    if type(value) is int and _SHORTEST_CARD <= value < _BEYOND_CARDS:
        return _redacted_number(value)
    return value


def _redacted_number(value: int) -> int | str:
    """A card given as a number is a card all the same; it becomes the label, as text."""
    digits = str(value)
    redacted = redact_text(digits)
    return value if redacted == digits else redacted


def _redacted_list(values: list[Any]) -> list[Any]:
    redacted = [redact_value(value) for value in values]
    return redacted if _differs(values, redacted) else values


def _redacted_dict(values: dict[str, Any]) -> dict[str, Any]:
    redacted = {
        key: value if _is_id(key) and _is_flat(value) else redact_value(value)
        for key, value in values.items()
    }
    return redacted if _differs(list(values.values()), list(redacted.values())) else values


def _differs(before: list[Any], after: list[Any]) -> bool:
    return any(old is not new for old, new in zip(before, after, strict=True))


def _is_id(key: str) -> bool:
    return key == "id" or key.endswith(_ID_ENDINGS)


def _is_flat(value: Any) -> bool:
    # An object under "note_id" is no id: free text must not escape by the name of the key above it.
    return not isinstance(value, dict) and not (
        isinstance(value, list) and any(isinstance(item, dict | list) for item in value)
    )


def _replaced(text: str, found: list[tuple[int, int, str]]) -> str:
    """Put labels in place of the spans; where some overlap, the first and longest names them all."""
    found.sort(key=lambda span: (span[0], -span[1]))
    parts: list[str] = []
    done = 0
    for start, end, label in found:
        if start >= done:
            parts += (text[done:start], f"[{label}]")
        done = max(done, end)
    parts.append(text[done:])
    return "".join(parts)
