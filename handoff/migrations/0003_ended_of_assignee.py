"""The cases that one agent served: without it, the list of one who served few reads every ended case."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("handoff", "0002_console")]

    operations = [
        migrations.AddIndex(
            model_name="supportcase",
            index=models.Index(
                fields=["assignee", "-closed_at", "-id"],
                condition=models.Q(closed_at__isnull=False),
                name="handoff_case_ended_assignee",
            ),
        ),
    ]
