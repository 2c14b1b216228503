"""A turn's content and its digests.

The content is everything that a caller said about a turn, redacted, as one canonical JSON text. Its digest is salted,
so that it tells nothing about a body that was erased, and chained, so that a missing or altered turn is noticed:

    content_digest = sha256(salt ‖ canonical(content))          salt: 16 random bytes, kept with the turn
    digest         = sha256(prev_digest ‖ content_digest)       prev_digest of turn 1: first_digest(conversation_id)

What Postgres decides (conversation, seq, time, control) is not content; the chain and the envelope of the archived
object bind it.
"""

import hashlib


def content_digest(salt: bytes, canonical_text: str) -> bytes:
    """Return the salted digest of a content's canonical JSON (``jsontext.dumps``; hashes as hexadecimal text)."""
    return hashlib.sha256(salt + canonical_text.encode("utf-8")).digest()


def next_digest(prev_digest: bytes, digest_of_content: bytes) -> bytes:
    """Return the chain's head after one more turn; ``persistence_record_turn`` does the same in SQL."""
    return hashlib.sha256(prev_digest + digest_of_content).digest()


def first_digest(conversation_id: object) -> bytes:
    """Return where a conversation's chain starts: its own id, so that no turn can move to another conversation."""
    return hashlib.sha256(f"holdfast conversation {conversation_id}".encode()).digest()
