"""The cases that point to another: without it, each case that is erased reads every case twice."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("handoff", "0003_ended_of_assignee")]
    operations = [
        AddIndexConcurrently(
            model_name="supportcase",
            index=models.Index(
                fields=["follow_up_of"],
                condition=models.Q(follow_up_of__isnull=False),
                name="handoff_case_follow_up",
            ),
        ),
        AddIndexConcurrently(
            model_name="supportcase",
            index=models.Index(
                fields=["merged_into"],
                condition=models.Q(merged_into__isnull=False),
                name="handoff_case_merged",
            ),
        ),
    ]
