from django.apps import AppConfig
from django.db.models.signals import post_migrate

from handoff import checks as checks  # registers them
from handoff.groups import keep_groups


class HandoffConfig(AppConfig):
    name = "handoff"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        post_migrate.connect(keep_groups, sender=self, dispatch_uid="handoff.groups")
