"""What must not be invented: ids, numbers, amounts, dates, links and addresses, in a form in which they compare.

``R$ 1.234,56``, ``$1,234.56`` and ``1234.56`` are one number; ``3 Nov`` and ``03/11`` may be one day; ``ORD-4711`` and
``ord 4711`` are one id. Every pattern is linear in the text.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from summarization.dates import MONTHS, WEEKDAYS, Day, mentions
from summarization.spelled import spelled

_TOP = (
    "com org net io gov edu info biz app dev br pt uk de ly co eu fr es nl pl ch ca au mx ar jp kr cn ru tv cc ai gg sh"
    " xyz top shop store online site website club click icu vip"
)
_LINK = re.compile(
    r"(?:(?<![a-z0-9+.-])[a-z][a-z0-9+.-]{1,20}://|https?://|www\.)[^\s<>\"')\]]+"
    r"|(?<![^\s<>\"'()\[\]@,;:])[^\s<>\"'()\[\]@,;:]+@[^\s<>\"'()\[\]@,;:]+|@\w{2,}"
    r"|(?<![a-z0-9-])(?<![a-z0-9-]\.)(?:[a-z0-9-]+\.)+"
    rf"(?:(?:{'|'.join(_TOP.split())})\b(?:/[^\s<>\"')\]]*)?|[a-z]{{2,24}}/\w[^\s<>\"')\]]*)"
)
_WAY_TO_IT = re.compile(r"^(?:https?://)?(?:www\.)?")
_LABEL = re.compile(r"\[[a-z_]{3,20}\]")  # what redaction leaves, folded
_PHONE = re.compile(r"(?<![\w.,])\+?\d(?:[\s().-]{0,3}\d){6,19}(?![.,]?\w)")
# An id, as ids are written.
_CAPITALS = re.compile(
    r"(?<![^\W_])(?=[0-9_#-]*[A-Z])(?=[A-Z_#-]*[0-9])[A-Z0-9]+(?:[-_#][A-Z0-9]+)+(?![^\W_])"
)
_TOKEN = re.compile(r"(?<![^\W_])[^\W_]*\d(?:[^\W_]|[.,'’](?=\d))*")
_GROUP = re.compile(r"\d+(?:[.,'’]\d+)*|[^\W\d_]+")
_SPACED = re.compile(r"(?<![\d.,])\d{1,3}(?: \d{3})+(?:[.,]\d{1,2})?(?!\d)")
_WORD = re.compile(r"[^\W\d_]+")
# Names that mean nothing else; "segunda" alone is an ordinal as well.
_WEEKDAY = re.compile(r"\b([a-z]+day|domingo|s[aá]bado|(?:segunda|ter[cç]a|quarta|quinta|sexta)(?=-feira))\b")
_ALSO_WORDS = frozenset({"march", "marco", "marzo", "may", "mar", "dez", "abr", "jan"})
_SHORT_MONTHS = frozenset(["feb", "fev", "aug", "sep", "sept", "oct", "nov", "dec"])
_NEAR_A_DAY = _SHORT_MONTHS | {"apr", "may", "mai", "jun", "jul"}
# "in May" and "by March" are months all the same.
_IN_MONTH = re.compile(
    r"\b(?:in|of|by|until|since|before|after|during|next|last|this|early|late)[ -](march|may)\b(?! (?:be|have|not)\b)"
)
_RELATIVE = (
    frozenset(["tomorrow", "tmrw", "tmr", "tomorow", "tommorow", "amanhã", "amanha"]),
    frozenset(["yesterday", "yday", "ontem"]),
)
_CURRENCY = re.compile(
    r"(?P<brl>r\$|\bbrl\b|\breais\b)|(?P<usd>\$|\busd\b|\bdollars?\b|\bd[oó]lare?s?\b|\bbucks?\b)"
    r"|(?P<eur>€|\beuros?\b|\beur\b)|(?P<gbp>£|\bgbp\b|\bpounds?\b|\blibras?\b|\bquid\b)"
    r"|(?P<cny>¥|\byuan\b|\byen\b|\brmb\b)|(?P<inr>₹|\binr\b|\brs\b|\brupees?\b|\brupias?\b)"
    r"|(?P<mxn>\bpesos?\b|\bmxn\b)|(?P<chf>\bfranc(?:o?s)?\b|\bchf\b)|(?P<sign>[¤\u20a0-\u20cf])"
)
# After a number these say what it is of; they make no id of it.
_UNITS_WRITTEN = (
    "st nd rd th am pm h hr hrs hs min mins m s sec ms k kg g mg km cm mm mb gb tb kb mbps gbps x d w y yr yrs "
    "o a º ª usd eur gbp brl p c f v"
)
_UNITS = frozenset(_UNITS_WRITTEN.split())
_SMALL = {
    "0": "zero no none nenhum nenhuma",
    "1": "one um uma once first primeiro primeira single uma",
    "2": "two twice dois duas second segundo segunda couple both ambos",
    "3": "three três tres third terceiro terceira",
    "4": "four quatro",
    "5": "five cinco",
    "6": "six seis meia",
    "7": "seven sete",
    "8": "eight oito",
    "9": "nine nove",
    "10": "ten dez",
    "11": "eleven onze",
    "12": "twelve doze dozen dúzia",
    "15": "fifteen quinze",
    "20": "twenty vinte",
    "24": "twenty-four",
    "30": "thirty trinta",
    "50": "fifty cinquenta",
    "100": "hundred cem",
}
LONGEST_CODE = 4  # digits before a phone's own number that may be left out
MOST_GROUPS = 40  # of letters and digits in turn; beyond, an id is compared as it is written
_WORDS_OF = {number: frozenset(words.split()) for number, words in _SMALL.items()}


def folded(text: str) -> str:
    """Return the text as it is compared: compatibility forms undone, any script's digits as 0 to 9, lower case."""
    if text.isascii():
        return text.lower()
    plain = unicodedata.normalize("NFKC", text).casefold()
    return re.sub(r"[^\W\x00-\x7f]", _digit, plain)


def _digit(match: re.Match[str]) -> str:
    value = unicodedata.decimal(match[0], None)
    return match[0] if value is None else str(value)


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything of the kind that stands in a text."""

    text: str
    numbers: frozenset[str]
    runs: frozenset[str]  # digits without what separates them
    phones: frozenset[str]  # those among them that were written in groups, or with a plus
    links: frozenset[str]
    days: frozenset[Day]
    words: frozenset[str]
    currencies: frozenset[str]


def facts_of(text: str) -> Facts:
    """Read a transcript, or some of its turns."""
    said = folded(text)
    dates, rest = mentions(said)
    numbers = {
        value for token in _TOKEN.findall(rest) for group in _numbers_in(token) for value in values(group)
    }
    numbers |= {value for match in _SPACED.finditer(rest) for value in values(match[0].replace(" ", ""))}
    numbers |= {str(value) for value, _ in spelled(said)}
    runs = [match[0] for match in _PHONE.finditer(rest)]
    return Facts(
        text=said,
        numbers=frozenset(numbers),
        runs=frozenset(map(_digits, runs)),
        phones=frozenset(_digits(run) for run in runs if not run.isdigit()),
        links=frozenset(_bare(match[0]) for match in _LINK.finditer(said)),
        days=frozenset(day for mention in dates for day in mention.days),
        words=frozenset(_WORD.findall(said)),
        currencies=_currencies(said),
    )


def invented(text: str, facts: Facts) -> Iterator[str]:
    """Yield what kind of thing the statement names and the transcript does not, in words for whoever wrote it."""
    rest = folded(text)
    if not all(_link_stands(match[0], facts) for match in _LINK.finditer(rest)):
        yield "a link or an address"
    rest = _LINK.sub(" ", rest)
    if not all(label in facts.text for label in _LABEL.findall(rest)):
        yield "a label in brackets"
    rest = _LABEL.sub(" ", rest)
    dates, rest = mentions(rest)
    if any(not _stands(mention.days, facts) for mention in dates):
        yield "a date"
    # Digits that belong together may be grouped in another way; those that do not are looked at one by one.
    rest = _PHONE.sub(lambda match: " " if _is_run(match[0], facts) else match[0], rest)
    rest = _SPACED.sub(lambda match: match[0].replace(" ", ""), rest)
    written = [*_TOKEN.findall(rest), *map(folded, _CAPITALS.findall(unicodedata.normalize("NFKC", text)))]
    if not all(_token_stands(token, facts) for token in written) or not _spelled_stand(rest, facts):
        yield "a number or an id"
    if _currencies(rest) - facts.currencies:
        yield "a currency"
    if not _named_days_stand(rest, facts):
        yield "a month or a day of the week"
    words = frozenset(_WORD.findall(rest))
    if any(words & names and not facts.words & names for names in _RELATIVE):
        yield "tomorrow or yesterday"


def values(written: str) -> frozenset[str]:
    """Return what a number may mean, as plain decimals: ``1.234`` is 1234 or 1.234, ``45,00`` is 45."""
    groups = re.split(r"[.,'’]", written)
    separators = re.findall(r"[.,'’]", written)
    if not separators:
        return frozenset({written.lstrip("0") or "0"})
    found = set()
    if all(len(group) == 3 for group in groups[1:]) and len(set(separators)) == 1 and len(groups[0]) <= 3:
        found.add("".join(groups))
    thousands = separators[:-1]
    decimal = separators[-1] in ".," and separators[-1] not in thousands and len(set(thousands)) <= 1
    if decimal and all(len(group) == 3 for group in groups[1:-1]):
        found.add(f"{''.join(groups[:-1])}.{groups[-1]}".rstrip("0").rstrip("."))
    return frozenset(value.lstrip("0") or "0" for value in found) or frozenset({written})


def _numbers_in(token: str) -> list[str]:
    return [group for group in _GROUP.findall(token) if group[0].isdigit()]


def _digits(written: str) -> str:
    return "".join(re.findall(r"\d", written))


def _bare(link: str) -> str:
    return _WAY_TO_IT.sub("", link.rstrip(".,;:!?/"))


def _link_stands(link: str, facts: Facts) -> bool:
    """The way to it may be left out, and so may its own end; half a name is another one."""
    bare = _bare(link)
    return bare in facts.links or any(known.startswith((f"{bare}/", f"{bare}?")) for known in facts.links)


def _is_run(written: str, facts: Facts) -> bool:
    """A country's or a city's code may be left out on either side, where it is plain that this is a phone's number."""
    digits = _digits(written)
    known = facts.phones if written.isdigit() else facts.runs | facts.numbers
    return digits in facts.runs | facts.numbers or any(
        min(len(run), len(digits)) >= 7
        and abs(len(run) - len(digits)) <= LONGEST_CODE
        and (run.endswith(digits) or digits.endswith(run))
        for run in known
    )


def _spelled_stand(rest: str, facts: Facts) -> bool:
    return all(str(value) in facts.numbers or words <= facts.words for value, words in spelled(rest))


def _token_stands(token: str, facts: Facts) -> bool:
    groups = _GROUP.findall(token)
    letters = [
        group
        for place, group in enumerate(groups)
        if not group[0].isdigit() and not (place == len(groups) - 1 and group in _UNITS)
    ]
    if not letters:
        return all(_number_stands(group, facts) for group in groups if group[0].isdigit())
    if len(groups) > MOST_GROUPS:
        return token in facts.text
    # An id: its groups stand there one after the other, whatever is between them.
    pattern = r"[\W_]{0,3}".join(map(re.escape, groups))
    return re.search(rf"(?<![^\W_]){pattern}s?(?![^\W_])", facts.text) is not None


def _number_stands(written: str, facts: Facts) -> bool:
    meant = values(written)
    if meant & facts.numbers or written in facts.runs:
        return True
    return any(_WORDS_OF.get(value, frozenset()) & facts.words for value in meant)


def _stands(days: frozenset[Day], facts: Facts) -> bool:
    for year, month, day in days:
        same = [known for known in facts.days if known[1:] == (month, day)]
        if (same or _said_apart(month, day, facts.text)) and (
            year is None or any(known[0] == year for known in same) or str(year) in facts.numbers
        ):
            return True
    return False


def _said_apart(month: int, day: int, text: str) -> bool:
    """Say whether the day stands near the month's name: "the 3rd and 5th of November", "November, on the 3rd"."""
    names = "|".join(
        name for name, of in MONTHS.items() if of == month and (len(name) > 3 or name in _NEAR_A_DAY)
    )
    number = rf"(?<!\d){day}(?:st|nd|rd|th)?"
    gap = r"(?:[\W_]{1,3}(?:\d{1,2}(?:st|nd|rd|th)?|the|and|of|on|to|or|e|de|dia|a|ou)){0,8}[\W_]{1,3}"
    return re.search(rf"{number}{gap}(?:{names})\b|\b(?:{names}){gap}{number}\b", text) is not None


def _named_days_stand(rest: str, facts: Facts) -> bool:
    words = _WORD.findall(rest)
    known_months = {month for _, month, _ in facts.days} | {MONTHS[w] for w in facts.words if w in MONTHS}
    named = [word for word in words if (len(word) > 3 or word in _SHORT_MONTHS) and word not in _ALSO_WORDS]
    months = {MONTHS[word] for word in (*named, *_IN_MONTH.findall(rest)) if word in MONTHS}
    days = {WEEKDAYS[match[1]] for match in _WEEKDAY.finditer(rest) if match[1] in WEEKDAYS}
    return months <= known_months and all(_weekday_stands(day, facts) for day in days)


def _weekday_stands(number: int, facts: Facts) -> bool:
    names = [name for name, value in WEEKDAYS.items() if value == number]
    return any(name in facts.words or name[:3] in facts.words for name in names)


def _currencies(text: str) -> frozenset[str]:
    found = _CURRENCY.finditer(text)
    return frozenset(match[0] if match.lastgroup == "sign" else str(match.lastgroup) for match in found)
