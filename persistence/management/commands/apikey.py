"""``manage.py apikey``: make, list and revoke the keys that open the API."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from outbox.jsoncommand import JsonCommand
from persistence import apikeys
from persistence.errors import InvalidTurn


class Command(JsonCommand):
    help = "Make, list or revoke API keys. A key belongs to one domain; several may be valid at once."

    def add_options(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="create|revoke|list")
        create = verbs.add_parser("create", help="make a key; it is shown once")
        create.add_argument("--domain", required=True)
        create.add_argument("--name", default="", help="who uses it, for people")
        revoke = verbs.add_parser("revoke", help="revoke a key by its id")
        revoke.add_argument("id", type=int)
        listing = verbs.add_parser("list", help="list the keys, newest first")
        listing.add_argument("--domain")
        self.accept_json(verbs)

    def run(self, options: dict[str, Any]) -> tuple[dict[str, Any], bool]:
        match options["verb"]:
            case "create":
                try:
                    made = apikeys.create_key(options["domain"], options["name"])
                except InvalidTurn as error:
                    raise CommandError(
                        f"--{error.errors[0].field} {error.errors[0].message}", returncode=2
                    ) from error
                return {"id": made.id, "domain": made.domain, "key": made.key}, True
            case "revoke":
                revoked = apikeys.revoke(options["id"])
                return {"id": options["id"], "revoked": revoked}, revoked
        found = [
            {
                "id": key.pk,
                "domain": key.domain,
                "name": key.name,
                "prefix": key.prefix,
                "created_at": key.created_at,
            }
            | {"revoked_at": key.revoked_at}
            for key in apikeys.keys(options["domain"])
        ]
        return {"keys": found}, True

    def show(self, found: dict[str, Any], options: dict[str, Any]) -> None:
        match options["verb"]:
            case "create":
                self.stdout.write(found["key"])
                self.stderr.write(f"Key {found['id']} of domain {found['domain']!r}. It is shown only now.")
            case "revoke" if found["revoked"]:
                self.stdout.write(f"Key {found['id']} is revoked; it stops working within seconds.")
            case "revoke":
                self.stderr.write(f"There is no valid key {found['id']}; manage.py apikey list shows them.")
            case _:
                for key in found["keys"]:
                    state = f"revoked {key['revoked_at']:%Y-%m-%d}" if key["revoked_at"] else "valid"
                    named = f"{key['prefix']}…  {key['domain']:<20} {state:<20} {key['name']}"
                    self.stdout.write(f"{key['id']:>6}  {named}")
