"""Which language a conversation is in, told by its function words.

Articles, prepositions, pronouns and auxiliaries make up about half of any running text, are few, and hardly
overlap between languages; so a few dozen of them a language tell more, in a message of ten words, than its letters
do, and need no model. A word that several of the languages share counts for less in each of them.
"""

import re
from collections.abc import Iterable, Iterator

UNKNOWN = "und"
MOST_WORDS = 2000  # after that many the answer does not change any more
LEAST_HITS = 2.0  # below, a name or a loan word could decide
LEAST_SHARE = 0.12  # of all words; running text has four times as many
CLEARLY = 1.25  # times the next best, or nobody knows

FUNCTION_WORDS = {
    "en": "the and to of in is it you that for on with are this be have not my your we was at from can do i what how "
    "when will they has but if would there why dont im its ive cant where or so an please hi hello thanks",
    "pt": "o a os as um uma de do da dos das em no na nos nas e é que não nao para por com meu minha você voce eu está "
    "esta estou foi ser tem são isso mas como mais se já ao pelo quando sem muito vocês preciso olá ola obrigado",
    "es": "el la los las un una de del en y es que no para por con mi su se lo está estoy pero como más ya al cuando "
    "sin muy usted yo tengo hola gracias necesito qué cómo porque me fue hay",
    "fr": "le la les un une des de du et est que qui ne pas pour par avec mon ma mes je vous il nous sur dans en au ce "
    "cette mais plus bonjour merci suis avez votre comment pourquoi",
    "de": "der die das und ist ich nicht ein eine zu mit auf für den dem von sie es im wir mein meine haben habe aber "
    "auch wie wenn hallo danke bitte kann wird noch bei",
    "it": "il lo la gli le un una di del della e è che non per con mio mia io sono ho ha nel come ma più anche quando "
    "ciao grazie vorrei questo si mi perché",
    "nl": "de het een en van ik is niet dat op te in voor met mijn je u zijn er maar ook als bij hoe wat kan naar om "
    "heb hebben deze hallo bedankt",
}  # fmt: skip
_WORD = re.compile(r"[^\W\d_]+")
_LANGUAGES_OF = {
    word: tuple(language for language, words in FUNCTION_WORDS.items() if word in words.split())
    for word in " ".join(FUNCTION_WORDS.values()).split()
}


def language_of(texts: Iterable[str]) -> str:
    """Return the ISO 639-1 code of the language that most of it is in, ``und`` where that is not clear.

    Knows the languages of ``FUNCTION_WORDS``. Give it what the user said: the other side may speak from templates.
    """
    hits = dict.fromkeys(FUNCTION_WORDS, 0.0)
    seen = 0
    for word in _words_of(texts):
        seen += 1
        knowing = _LANGUAGES_OF.get(word, ())
        for language in knowing:
            hits[language] += 1 / len(knowing)
        if seen >= MOST_WORDS:
            break
    best, second = sorted(hits, key=lambda language: -hits[language])[:2]
    clear = hits[best] >= max(LEAST_HITS, LEAST_SHARE * seen, CLEARLY * hits[second])
    return best if clear else UNKNOWN


def _words_of(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        for found in _WORD.finditer(text.replace("'", "").replace("’", "")):
            yield found[0].lower()
