from django.apps import AppConfig

from summarization import checks as checks  # registers them


class SummarizationConfig(AppConfig):
    name = "summarization"
    verbose_name = "Summaries"
    default_auto_field = "django.db.models.BigAutoField"
