"""Help desks of a house, configured as an operator would, from outside its processes."""

import json
import subprocess

from tests.fakes.desk.webhook import FakeWebhookDesk
from tests.faults.house import ROOT, House

PREPARE = """
import json, os
from handoff.models import Endpoint
from handoff.secrets import seal
given = json.loads(os.environ["FAULTS_GIVEN"])
for slug, purpose in given["endpoints"].items():
    Endpoint.objects.create(
        slug=slug, purpose=purpose, domain="demo", connector="webhook", url=given["url"],
        sealed_secrets=seal(given["secrets"]),
    )
"""


def configure(house: House, desk: FakeWebhookDesk, **endpoints: str) -> None:
    """Let these endpoints, purposes by slug, post to the desk."""
    configured = desk.desk(slug="hook")
    given = {
        "url": configured.url,
        "secrets": {name: list(values) for name, values in configured.secrets.items()},
        "endpoints": endpoints,
    }
    command = House.command("manage.py", "shell", "--no-imports", "-c", PREPARE)
    environ = house.environ | {"FAULTS_GIVEN": json.dumps(given)}
    subprocess.run(command, cwd=ROOT, env=environ, check=True, timeout=60)
