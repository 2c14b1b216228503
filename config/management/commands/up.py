"""``manage.py up``: the whole stack, until Ctrl-C."""

import signal
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from config.services import ServiceError
from config.stack import Stack, StackError, running_stack, start_services


class Command(BaseCommand):
    """Runs services, web, workers, beat and Flower; .local/stack.json says where everything is."""

    help = "Run everything on this machine until Ctrl-C."
    requires_system_checks: list[str] = []

    def handle(self, *_: Any, **__: Any) -> None:
        """Run until a signal comes. Exit status 0 after an orderly stop, 1 when the stack cannot run."""
        local_dir = Path(settings.LOCAL_DIR)
        try:
            start_services(local_dir)
            with running_stack(local_dir, say=self._say) as stack:
                self._welcome(stack, local_dir)
                while True:
                    signal.pause()
        except KeyboardInterrupt:
            self._say("Stopped; the data is kept.")
        except (ServiceError, StackError) as error:
            raise CommandError(str(error)) from error

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()

    def _welcome(self, stack: Stack, local_dir: Path) -> None:
        self._say(
            f"""
Holdfast is up.

  API      {stack.api}/api/v1   (documentation: {stack.api_docs})
  Admin    {stack.admin}   login {stack.admin_user} / {stack.admin_password or "as you set it"}
  Flower   {stack.flower}   login {stack.flower_user} / {stack.flower_password}
  API key  of domain {stack.domain}: in {local_dir / "demo_key"}
  Archive  {stack.archive}
  Logs     {stack.logs}
  Scripts  find all of this, and the process ids, in {local_dir / "stack.json"}

Ctrl-C stops everything; the data is kept."""
        )
