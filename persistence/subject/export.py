"""``write_export``: everything about a customer in one ZIP, for people and for programs."""

import hashlib
import json
import zipfile
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import IO, Any, BinaryIO

from persistence.history import SPEAKERS
from persistence.models import Conversation
from persistence.subject.find import parts
from persistence.subject.port import Subject
from persistence.subject.preview import counts_of
from persistence.subject.turns import turns_of

WHAT = {
    "transcript.txt": "What was said, to be read: every conversation with every message, when and by whom.",
    "conversations.jsonl": "Each conversation: when it began, on which channel, how many turns it has.",
    "turns.jsonl": "Each turn of each conversation as it was stored, with what the assistant's app added to it.",
    "summaries.jsonl": "What each conversation was about, in a few sentences, and what staff thought of that.",
    "session_states.jsonl": "What the assistant's app keeps about a session; gone soon after the session has ended.",
    "cases.jsonl": "Each case in which a person of the support team was asked for help.",
    "case_events.jsonl": "What happened to each case, in order, with the replies and the team's notes.",
    "handoffs.jsonl": "Each time a conversation was given to a person.",
    "tickets.jsonl": "What help desks, which are other systems, call these cases.",
    "manifest.json": "Whose data this is, when it was written, and of each file the number of rows and its SHA-256.",
}
README = """This is everything that is kept here about one customer.

{who}
Written on {when}.

{files}

Files that end in .jsonl hold one JSON object on each line. Times are in UTC unless they say otherwise.
Card numbers, e-mail addresses and the like were replaced by words in square brackets, such as [EMAIL], before
anything was stored; they are kept nowhere.
"""


class Digested:
    """A file inside the ZIP that is hashed while it is written, and knows how many rows it has."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._sha256 = hashlib.sha256()
        self.rows = 0

    def write(self, text: str) -> None:
        data = text.encode()
        self._sha256.update(data)
        self._file.write(data)

    def facts(self) -> dict[str, Any]:
        return {"rows": self.rows, "sha256": self._sha256.hexdigest()}


def write_export(subject: Subject, file: BinaryIO) -> dict[str, Any]:
    """Write everything about the subject into ``file`` as a ZIP and return its manifest.

    ``file`` need only be writable. Rows are read in pages while they are written, so memory stays flat whatever their
    number; what arrives meanwhile may or may not be in it. The manifest is {domain, customer_ref, exported_at, counts,
    files: {name: {rows, sha256}}}; a row of the transcript is a message.
    """
    manifest: dict[str, Any] = {
        "domain": subject.domain,
        "customer_ref": subject.customer_ref,
        "exported_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "counts": counts_of(subject),
        "files": {},
    }
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        manifest["files"]["transcript.txt"] = write(archive, "transcript.txt", transcript(subject))
        for part in reversed(parts()):
            for name, rows in part.files(subject):
                lines = (json.dumps(row, ensure_ascii=False, default=str) + "\n" for row in rows)
                manifest["files"][name] = write(archive, name, ((line, 1) for line in lines))
        archive.writestr(entry("README.txt"), readme(subject, manifest))
        archive.writestr(entry("manifest.json"), json.dumps(manifest, ensure_ascii=False, indent=2) + "\n")
    return manifest


def write(archive: zipfile.ZipFile, name: str, pieces: Iterable[tuple[str, int]]) -> dict[str, Any]:
    """Write one file from pieces of (text, rows that it has) and return its {rows, sha256}."""
    with archive.open(entry(name), "w", force_zip64=True) as opened:
        digested = Digested(opened)
        for text, rows in pieces:
            digested.write(text)
            digested.rows += rows
    return digested.facts()


def entry(name: str) -> zipfile.ZipInfo:
    """Return the directory entry of a file; without one of our own it would be unpacked unreadable for everybody."""
    found = zipfile.ZipInfo(name, datetime.now(UTC).timetuple()[:6])
    found.compress_type = zipfile.ZIP_DEFLATED
    found.external_attr = 0o600 << 16
    return found


def transcript(subject: Subject) -> Iterator[tuple[str, int]]:
    """Yield every conversation as people read it, as (text, messages in it)."""
    for number, (pk, public_id) in enumerate(subject.conversations, start=1):
        row = Conversation.objects.filter(pk=pk).first()
        if row is None:  # erased while we were reading
            continue
        began = row.created_at.astimezone(UTC)
        yield (
            f"Conversation {number}, on {row.channel}, begun {began:%Y-%m-%d %H:%M} UTC ({public_id})\n\n",
            0,
        )
        for turn in turns_of(pk):
            yield said(turn), len(turn["messages"])
        yield "\n\n", 0


def said(turn: dict[str, Any]) -> str:
    """Return one turn as people read it."""
    when = f"{datetime.fromisoformat(turn['created_at']).astimezone(UTC):%Y-%m-%d %H:%M:%S}"
    lines = []
    for message in turn["messages"]:
        speaker = SPEAKERS.get(message["role"], message["role"])
        text = message["content"].replace("\r\n", "\n").replace("\n", "\n    ")
        lines.append(f"[{when}] {speaker}: {text}\n")
    return "".join(lines)


def readme(subject: Subject, manifest: dict[str, Any]) -> str:
    """Return what the files are, in plain words."""
    if subject.customer_ref is None:
        who = f"The customer of conversation {', '.join(map(str, subject.public_ids))}, in {subject.domain}."
    else:
        who = f"Customer {subject.customer_ref}, in {subject.domain}."
    names = [*manifest["files"], "manifest.json"]
    files = "\n".join(f"{name}\n    {WHAT.get(name, 'Further rows.')}" for name in names)
    return README.format(who=who, when=manifest["exported_at"], files=files)
