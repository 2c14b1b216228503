from django.apps import AppConfig


class PersistenceConfig(AppConfig):
    name = "persistence"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Django registers system checks when apps are ready.
        from persistence import checks  # noqa: F401, PLC0415
        from persistence.claim_check import checks as claim_checks  # noqa: F401, PLC0415
        from persistence.session import checks as session_checks  # noqa: F401, PLC0415
