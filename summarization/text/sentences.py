"""Sentences as they were said, and cutting them.

A sentence keeps its wording. Only white space is normalised, and control characters (NUL, bidirectional overrides, lone
surrogates) count as such: they cannot be stored, or make a page show something else than was said.
"""

import re
from collections.abc import Iterator

# The only text in a summary that nobody said: here a sentence was cut, or something else follows one that does not end.
GAP = "…"
# A run without spaces (an address, a token, Chinese) counts as one word for each so many characters.
WORD_CHARACTERS = 20
WRAPPED = 50  # characters; a shorter line ends where its writer wanted it to

_INVISIBLE = re.compile(
    r"[\s\x00-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ud800-\udfff]+"
)
# It begins with what it must find: the search passes over everything else.
_ENDS = re.compile(r"[.!?…。！？](?:(?<=[。！？])|[\"')\]]?\s+(?=\S))")
_ABBREVIATED = re.compile(
    r"(?:^|\s)(?:\w|mr|mrs|ms|dr|st|vs|nr|sr|sra|srta|dra|exmo|tel|approx)\.$", re.IGNORECASE
)
# What people begin with before they say something.
_OPENER = re.compile(
    r"^(?:(?:hi|hello|hey|dear|good (?:morning|afternoon|evening)|excuse me|please|oh|ah|uh|um+|hmm+|well|so|ok|okay"
    r"|right|sure|oi|olá|bom dia|boa tarde|boa noite|por favor|desculpe|então|bem|pois)"
    r"(?: there| all| team| sir| madam)?[,!.]+ )+(?=\S)",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"^\s*>")
# Everything from here on was written by somebody else, earlier.
_QUOTE_BEGINS = re.compile(
    r"^\s*(?:-{2,} ?(?:original message|mensagem original|forwarded message|mensagem encaminhada)"
    r"|(?:on|em|no dia|a) .{6,120}(?:wrote|escreveu):\s*$|_{10,}\s*$|-- $)",
    re.IGNORECASE,
)


def sentences(text: str) -> Iterator[str]:
    """Yield the sentences of one message, white space normalised, without quoted mail, signatures and greetings."""
    for line in _unwrapped(_own_lines(text)):
        begin = 0
        for end in _ENDS.finditer(line):
            mark = end.start()
            if line[mark] == "." and _ABBREVIATED.search(line[max(begin, mark - 7) : mark + 1]):
                continue
            yield from _clean(line[begin : end.end()])
            begin = end.end()
        yield from _clean(line[begin:])


def one_line(text: str) -> str:
    """Return the text with its white space, and what nobody sees, normalised as in its sentences."""
    line = " ".join(text.split())
    return line if line.isprintable() else " ".join(_INVISIBLE.sub(" ", line).split())


def size(text: str) -> int:
    """Return how many words a text has; a long run without spaces counts as several."""
    return sum(1 + len(word) // WORD_CHARACTERS for word in text.split())


def ends_itself(sentence: str) -> bool:
    """Tell whether a reader sees where a sentence ends."""
    return sentence.rstrip("\"')]").endswith((".", "!", "?", GAP, "。", "！", "？"))


def cut(sentence: str, most: int) -> str:
    """Return as much of the beginning as has ``most`` words, with the gap marked where that is not all.

    A run without spaces is cut only when it stands first: better half of it than nothing.
    """
    if size(sentence) <= most:
        return sentence
    kept: list[str] = []
    left = most - 1  # the mark is read as a word, too
    for word in sentence.split():
        left -= size(word)
        if left < 0:
            break
        kept.append(word)
    beginning = " ".join(kept) or sentence.split()[0][: max(most - 1, 1) * WORD_CHARACTERS - 1]
    return f"{beginning} {GAP}"


def _own_lines(text: str) -> list[str]:
    """What the writer wrote. When nothing of it is left, the quoted lines are all there is."""
    lines = text.splitlines()
    own: list[str] = []
    for line in lines:
        if own and _QUOTE_BEGINS.match(line[:200]):
            break
        if not _QUOTED.match(line):
            own.append(line)
    return own if any(map(str.strip, own)) else lines


def _unwrapped(lines: list[str]) -> list[str]:
    """Join what a mail program has wrapped: a full line that does not end, and goes on with a small letter."""
    whole: list[str] = []
    goes_on = False
    for line in lines:
        if goes_on and line[:1].islower():
            whole[-1] += f" {line}"
        else:
            whole.append(line)
        goes_on = len(line) >= WRAPPED and not ends_itself(line)
    return whole


def _clean(piece: str) -> Iterator[str]:
    # Most are plain already, and looking is far quicker than replacing.
    plain = piece.isascii() and piece.isprintable() and "  " not in piece
    if clean := (piece if plain else _INVISIBLE.sub(" ", piece)).strip():
        yield _OPENER.sub("", clean)
