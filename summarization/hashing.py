"""What a summary was made of and by what, as one digest: while it is the same, nothing is paid for again."""

import hashlib

from summarization.draft import Source
from summarization.summarizers.port import Summarizer


def input_hash(source: Source, summarizer: Summarizer) -> bytes:
    """Return SHA-256 over who summarises, the redaction version, and everything said, by turn, role and text.

    Each piece is preceded by its length, so that no two inputs run together to the same bytes.
    """
    digest = hashlib.sha256()

    def add(*pieces: str) -> None:
        for piece in pieces:
            # Half of a surrogate pair cannot be stored, and must not stop a caller who has one all the same.
            raw = piece.encode("utf-8", "surrogatepass")
            digest.update(b"%d:" % len(raw))
            digest.update(raw)

    add(summarizer.name, summarizer.model, summarizer.prompt_version, str(source.redaction_version))
    for turn in source.turns:
        add(str(turn.seq), str(len(turn.said)))
        for said in turn.said:
            add(said.role, said.text)
    return digest.digest()
