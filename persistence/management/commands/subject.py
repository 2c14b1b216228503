"""``manage.py subject``: export or erase everything about one customer, and see which erasures are still open."""

import logging
import os
import pwd
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError, CommandParser

from outbox.jsoncommand import JsonCommand
from persistence.errors import ErasureRefused, NotFound, PersistenceUnavailable
from persistence.models import ErasureRecord
from persistence.subject.erase import erase
from persistence.subject.export import write_export
from persistence.subject.find import domains_knowing, erasures_of, subject_of, subject_of_conversation
from persistence.subject.objects import failed_stores, finish
from persistence.subject.port import Subject
from persistence.subject.preview import preview

MISUSE = 2
STATEMENT_SECONDS = 600.0  # nobody waits behind this but the customer's own conversations
FIRST_PASS_SECONDS = 300.0
log = logging.getLogger(__name__)


class Command(JsonCommand):
    help = "Export or erase everything about one customer; show the erasures that are not finished."

    def add_options(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="export|erase|status")
        export = verbs.add_parser("export", help="write everything about a customer into a ZIP")
        export.add_argument(
            "--to", required=True, type=Path, metavar="FILE", help="a file that is not there yet"
        )
        erasing = verbs.add_parser("erase", help="delete everything about a customer; nothing brings it back")
        erasing.add_argument("--dry-run", action="store_true", help="show what would be erased, and stop")
        erasing.add_argument(
            "--confirm", metavar="REF", default="", help="the reference, or the conversation's id, once more"
        )
        for verb in (export, erasing):
            who = verb.add_mutually_exclusive_group(required=True)
            who.add_argument("--customer", metavar="REF", help="the reference that your app gives them")
            who.add_argument(
                "--conversation", type=UUID, metavar="ID", help="one conversation, for somebody without"
            )
            verb.add_argument("--domain", help="needed where several domains know the reference")
        verbs.add_parser("status", help="list the erasures of which something may still lie off-box")
        self.accept_json(verbs)

    def handle(self, *arguments: Any, **options: Any) -> None:
        self.unconfirmed = False
        super().handle(*arguments, **options)
        if self.unconfirmed:
            sys.exit(MISUSE)

    def run(self, options: dict[str, Any]) -> tuple[dict[str, Any], bool]:
        try:
            match options["verb"]:
                case "status":
                    return self.status(), True
                case "export":
                    return self.export(self.subject(options), options["to"]), True
            return self.erase(self.subject(options), options)
        except ErasureRefused as error:
            return {"erased": False, "hindrances": error.hindrances, "ok": False}, False
        except PersistenceUnavailable as error:
            raise CommandError(
                "Postgres did not confirm. Look whether the customer is still there with --dry-run, then try again."
            ) from error

    def subject(self, options: dict[str, Any]) -> Subject:
        """Return whom the options mean. Raises CommandError that says what to do."""
        customer, conversation, domain = options["customer"], options["conversation"], options["domain"]
        if domain is None:
            known = domains_knowing(customer_ref=customer, conversation_id=conversation)
            if len(known) > 1:
                raise CommandError(
                    f"Several domains know this reference: {', '.join(known)}. Nothing was done. "
                    "Name one of them with --domain.",
                    returncode=MISUSE,
                )
            domain = known[0] if known else ""
        try:
            if conversation is not None:
                return subject_of_conversation(domain, conversation)
            return subject_of(domain, customer)
        except NotFound as error:
            raise CommandError(self.nobody(customer, conversation, domain)) from error

    def nobody(self, customer: str | None, conversation: UUID | None, domain: str) -> str:
        """Return what there is to say when there is no data: perhaps it was erased."""
        where = f" in domain {domain!r}" if domain else ""
        named = f"conversation {conversation}" if conversation else f"customer {customer!r}"
        domains = [domain] if domain else sorted(set(ErasureRecord.objects.values_list("domain", flat=True)))
        found = [
            record
            for name in domains
            for record in erasures_of(name, customer_ref=customer, conversation_id=conversation)
        ]
        if found:
            told = ", ".join(f"{record.erasure_id} of {record.requested_at:%Y-%m-%d}" for record in found)
            return f"Nothing is kept about {named}{where}: it was erased (erasure {told})."
        return f"Nothing is kept about {named}{where}. Check the reference; capitals count."

    def export(self, subject: Subject, to: Path) -> dict[str, Any]:
        """Write the ZIP for its owner's eyes only, under its name once it is complete."""
        unfinished = to.with_name(f".{to.name}.unfinished")
        try:
            if to.exists():
                raise FileExistsError(17, "the file is there already and is not overwritten", str(to))
            descriptor = os.open(unfinished, os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                manifest = write_export(subject, file)
            unfinished.rename(to)
        except OSError as error:
            raise CommandError(f"Nothing was exported: {error}.", returncode=MISUSE) from error
        finally:
            unfinished.unlink(missing_ok=True)
        log.info("a customer's data was exported by %s: %s", operator(), manifest["counts"])
        return manifest | {"to": str(to)}

    def erase(self, subject: Subject, options: dict[str, Any]) -> tuple[dict[str, Any], bool]:
        """Show what would go; where that was confirmed, erase it and make the first pass over the stores."""
        name = subject.customer_ref if subject.customer_ref is not None else str(subject.public_ids[0])
        if options["dry_run"] or options["confirm"] != name:
            self.unconfirmed = not options["dry_run"]
            found = preview(subject).as_json()
            return found | {"erased": False, "confirm": name, "ok": not found["hindrances"]}, True
        try:
            record = erase(subject, by=operator(), statement_seconds=STATEMENT_SECONDS)
        except NotFound as error:
            raise CommandError(
                "Nothing is kept about them any more: somebody else has just erased it."
            ) from error
        return self.told(finished_once(record))

    def told(self, record: ErasureRecord) -> tuple[dict[str, Any], bool]:
        """Return what became of an erasure."""
        unreachable: dict[str, Any] = dict(failed_stores(record))
        for copy in record.elsewhere:
            unreachable.setdefault(copy["where"], []).append(copy)
        pending = None if record.finished_at else record.last_pass_after
        found = {
            "erasure_id": str(record.erasure_id),
            "reached": record.reached | {"objects": record.objects_deleted},
        }
        return found | {
            "unreachable": unreachable,
            "pending": pending,
            "ok": not unreachable,
        }, not unreachable

    def status(self) -> dict[str, Any]:
        """Return the erasures that are open, oldest first."""
        fields = (
            "erasure_id",
            "domain",
            "requested_by",
            "requested_at",
            "objects_deleted",
            "last_pass_after",
        )
        found = ErasureRecord.objects.filter(finished_at__isnull=True).order_by("requested_at", "id")
        return {"open": list(found.values(*fields, "next_pass_at", "last_error"))}

    def show(self, found: dict[str, Any], options: dict[str, Any]) -> None:
        for name, value in found.items():
            if isinstance(value, dict) and value:
                self.stdout.write(f"{name}:")
                for key, entry in value.items():
                    self.stdout.write(f"    {key}: {entry}")
            elif isinstance(value, list) and value:
                self.stdout.write(f"{name}:")
                for entry in value:
                    self.stdout.write(f"    {words(entry) if isinstance(entry, dict) else entry}")
            elif name not in ("ok", "confirm"):
                self.stdout.write(f"{name}: {'none' if value in ({}, [], None) else value}")
        if self.unconfirmed and found["hindrances"]:
            self.stderr.write("Nothing was erased, and nothing can be before what hinders is out of the way.")
        elif self.unconfirmed:
            self.stderr.write(
                f"Nothing was erased. To erase all of this for good, add: --confirm {found['confirm']}"
            )
        elif found.get("pending"):
            self.stderr.write(
                f"What lies off-box is looked for once more after {found['pending']:%H:%M:%S} UTC; "
                "'manage.py subject status' shows when that is done."
            )


def words(entry: dict[str, Any]) -> str:
    """Return an entry of a list on one line; what is empty is left out."""
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in entry.items() if value)


def finished_once(record: ErasureRecord) -> ErasureRecord:
    """Make the first pass over the stores; whatever keeps it from ending, the erasure stands and the task goes on."""
    try:
        return finish(record, seconds=FIRST_PASS_SECONDS)
    except PersistenceUnavailable:
        return record


def operator() -> str:
    """Return who runs this, as the machine knows them."""
    try:
        return f"shell:{pwd.getpwuid(os.getuid()).pw_name}"
    except KeyError:
        return f"shell:{os.getuid()}"
