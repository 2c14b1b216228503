"""Text that a model must read as data: between delimiters that it cannot contain.

A summary quotes strangers, and strangers write instructions. Delimiters are only as good as their absence from what
they enclose, so whatever reads like one to a model is broken up too: look-alikes of the angle brackets, and brackets
with invisible characters between them.
"""

import re
from functools import partial

OPEN, CLOSE = "<<<untrusted data", "untrusted data>>>"
BYTES_PER_TOKEN = 3  # of UTF-8: above what tokenizers make of English, about what they make of other scripts

LEFT, RIGHT = "<＜﹤‹˂❮❰❬〈\u2329⟨⧼⦑ᐸ«≪《⟪⪡⋘⫷", ">＞﹥›˃❯❱❭〉\u232a⟩⧽⦒ᐳ»≫》⟫⪢⋙⫸"
WEIGHT = dict.fromkeys("«≪《⟪⪡»≫》⟫⪢", 2) | dict.fromkeys("⋘⫷⋙⫸", 3)  # how many brackets such a sign is worth
AS_LONG_AS_OURS = 3
# Zero-width characters, marks of direction, soft hyphens, variation selectors and control characters: a reader sees
# none of them.
UNSEEN = (
    "\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u034f\u061c\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\ufff9-\ufffb\U0001d173-\U0001d17a"
)
# "Tags" and the many variation selectors beside them spell what no person sees and every tokenizer reads; so do several
# selectors in a row.
TAGS = re.compile("[\U000e0000-\U000e0fff]+|(?<=[\ufe00-\ufe0f])[\ufe00-\ufe0f]+")
RUNS = [
    (re.compile(f"[{re.escape(signs)}](?:[{UNSEEN}]*[{re.escape(signs)}])*"), broken)
    for signs, broken in ((LEFT, "‹ ‹ ‹"), (RIGHT, "› › ›"))
]


def delimited(text: str) -> str:
    """Return the text between delimiters, which say to a model that it is data, never instructions."""
    return f"{OPEN}\n{harmless(text)}\n{CLOSE}"


def harmless(text: str) -> str:
    """Return the text without anything that could pass for a delimiter. One guillemet or two are left alone."""
    text = TAGS.sub("", text)
    for run, broken in RUNS:
        text = run.sub(partial(_unless_short, broken=broken), text)
    return text


def _unless_short(run: re.Match[str], broken: str) -> str:
    """Return what stands for a run of brackets: itself, where it is too short to be mistaken for ours."""
    weight = sum(WEIGHT.get(sign, 1) for sign in run[0] if sign in LEFT or sign in RIGHT)
    return broken if weight >= AS_LONG_AS_OURS else run[0]


def tokens_of_text(text: str) -> int:
    """Return about how many tokens a text is."""
    return -(-len(text.encode()) // BYTES_PER_TOKEN)
