"""What a few plain words tell: a question, that it worked, that it did not, an order to a machine. EN and PT.

Patterns are linear: nothing is repeated within a repetition, and every gap is bounded.
"""

import re

MOST_CHARACTERS = 600  # of a message are looked at
ONLY_THANKS = 10  # words; in a longer message thanks are politeness

_ASKS = re.compile(
    r"(?:and |but |so |ok |e |mas |então )?"
    r"(?:how|why|where|who|whats|what (?:is|are|do|does|can|should)|when (?:is|are|do|does|will|can)|can (?:i|you|we)"
    r"|could (?:i|you|we)|do (?:i|you|we)|does|did you|is there|are (?:there|you)"
    r"|como|onde|por que|porqu[eê]|qual|quais|quanto|quando (?:é|vai|chega|posso)|posso|podem?-?me|você pode)\b",
    re.IGNORECASE,
)
_WORKED = re.compile(
    r"\b(?:that|it|this|everything|all)(?:'?s| is| has been)? (?:now )?"
    r"(?:worked|works|working|fixed|solved|resolved|sorted)\b"
    r"|\b(?:problem|issue) (?:is )?(?:solved|fixed|resolved)\b|\b(?:got it|up and|back) (?:working|running)\b"
    r"|\b(?:funcionou|resolvido|resolveu|deu certo|está a funcionar|está funcionando)\b",
    re.IGNORECASE,
)
_THANKS = re.compile(
    r"\b(?:thanks|thank you|thankyou|thx|cheers|obrigad[oa]|agradecid[oa]|valeu)\b", re.IGNORECASE
)
# Thanks with any of these may be irony, a goodbye in anger, or thanks for a promise.
_NOT_OVER = re.compile(
    r"[?？]|\b(?:not|no|never|nothing|still|but|however|again|until|hope|will|i'?ll|try|wait|waiting|dm|stopped"
    r"|(?:ca|do|wo|does|did|is|has|have|was)n'?t|não|nao|nada|nunca|ainda|mas|porém|espero|esperar|vou|aguardo|tentar|até"
    r"|sem)\b",
    re.IGNORECASE,
)
_ORDERS_A_MACHINE = re.compile(
    r"\b(?:ignore|disregard|forget|override|bypass|reveal|repeat|print|ignora|ignorem|esque[cç]a|desconsidere|revele)\b"
    r".{0,60}\b(?:instructions?|prompts?|rules|guidelines|system|instru[cç][oõ]es|regras|sistema)\b"
    r"|\b(?:system prompt|you are now|jailbreak|developer mode|modo desenvolvedor|agora você é|voc[eê] agora é)\b"
    r"|\b(?:act as|pretend to be|you are) (?:an? |the )?(?:dan|ai|assistant|language model|llm|chatbot)\b"
    r"|</?(?:system|assistant|user|instructions?)>|<\|[a-z_]{2,20}\|>|\[/?inst\]|^\W{0,9}(?:system|assistant) ?:"
    r"|\b(?:write|set|mark|put|say|output)\b.{0,40}\b(?:the|this|your) (?:summary|status)\b",
    re.IGNORECASE,
)


def is_question(sentence: str) -> bool:
    """Tell whether a sentence asks something: by its mark, or by its first word where people type no marks."""
    return sentence.rstrip("\"')] ").endswith(("?", "？", "؟")) or bool(_ASKS.match(sentence))


def says_it_is_over(message: str) -> bool:
    """Tell whether a customer's last message says plainly that the matter is settled: it worked, or only thanks."""
    if len(message) > MOST_CHARACTERS or _NOT_OVER.search(message):
        return False
    thanks = len(message.split()) <= ONLY_THANKS and _THANKS.search(message)
    return bool(thanks or _WORKED.search(message))


def orders_a_machine(sentence: str) -> bool:
    """Tell whether a sentence is addressed to a language model and not to people. It misses many: it is no defence."""
    return bool(_ORDERS_A_MACHINE.search(sentence[:MOST_CHARACTERS]))
