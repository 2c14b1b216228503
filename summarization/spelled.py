"""Numbers that are written in words, English and Portuguese: ``nine hundred``, ``twenty-five``, ``mil e duzentos``.

One and two are left out: "one", "um" and "both" are said of anything. So are ordinals, and "hundreds of".
"""

import re
from collections.abc import Iterator

_FROM_THREE = (
    "three três tres|four quatro|five cinco|six seis|seven sete|eight oito|nine nove|ten dez|eleven onze|twelve doze"
    "|thirteen treze|fourteen catorze quatorze|fifteen quinze|sixteen dezesseis dezasseis"
    "|seventeen dezessete dezassete|eighteen dezoito|nineteen dezenove dezanove"
)
_TENS = (
    "twenty vinte|thirty trinta|forty quarenta|fifty cinquenta|sixty sessenta|seventy setenta|eighty oitenta"
    "|ninety noventa"
)
_HUNDREDS = (
    "cem cento|duzentos duzentas|trezentos trezentas|quatrocentos quatrocentas|quinhentos quinhentas"
    "|seiscentos seiscentas|setecentos setecentas|oitocentos oitocentas|novecentos novecentas"
)
_SCALES = {"hundred": 100, "thousand": 1_000, "mil": 1_000, "million": 1_000_000, "milhão": 1_000_000}
_SCALES |= {"milhões": 1_000_000, "milhao": 1_000_000, "milhoes": 1_000_000}
_LITTLE = {"one": 1, "um": 1, "uma": 1, "two": 2, "dois": 2, "duas": 2}  # only within a longer number
_VALUES = _LITTLE | {
    word: first + step * place
    for first, step, names in ((3, 1, _FROM_THREE), (20, 10, _TENS), (100, 100, _HUNDREDS))
    for place, several in enumerate(names.split("|"))
    for word in several.split()
}
_ANY = "|".join(sorted({*_VALUES, *_SCALES}, key=len, reverse=True))
_STRETCH = re.compile(rf"\b(?<!por )(?:{_ANY})\b(?:(?:[ -]| and | e )(?:{_ANY})\b){{0,11}}")
_WORD = re.compile(rf"\b(?:{_ANY})\b")


def spelled(folded: str) -> Iterator[tuple[int, frozenset[str]]]:
    """Yield the numbers from three on that are written in words, each with its words. ``facts`` folds the text."""
    for stretch in _STRETCH.finditer(folded):
        words = _WORD.findall(stretch[0])
        value = _value(words)
        if value > 2:
            yield value, frozenset(words)


def _value(words: list[str]) -> int:
    whole = held = 0
    for word in words:
        scale = _SCALES.get(word, 0)
        if not scale:
            held += _VALUES[word]
        elif scale == 100:
            held = max(held, 1) * scale
        else:
            whole, held = whole + max(held, 1) * scale, 0
    return whole + held
