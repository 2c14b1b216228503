"""What the console needs: the leads' permission, the order of ended cases, and search."""

import django.db.models.deletion
from django.db import migrations, models

import handoff.models.search

# No pending list: a search would have to read it through.
WORDS = "CREATE INDEX handoff_case_text_words ON handoff_case_text USING gin (words) WITH (fastupdate = off)"


class Migration(migrations.Migration):
    dependencies = [("handoff", "0001_tables")]

    operations = [
        migrations.AlterModelOptions(
            name="supportcase",
            options={
                "verbose_name": "support case",
                "permissions": [("lead_supportcase", "Can assign, merge and cancel cases of others")],
            },
        ),
        migrations.AddIndex(
            model_name="supportcase",
            index=models.Index(
                fields=["-closed_at", "-id"],
                condition=models.Q(closed_at__isnull=False),
                name="handoff_case_ended_all",
            ),
        ),
        migrations.CreateModel(
            name="CaseText",
            fields=[
                (
                    "case",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="searchable",
                        serialize=False,
                        to="handoff.supportcase",
                    ),
                ),
                ("through_seq", models.PositiveBigIntegerField(default=0)),
                ("through_event", models.PositiveIntegerField(default=0)),
                ("words", handoff.models.search.WordsField(default="")),
            ],
            options={"db_table": "handoff_case_text"},
        ),
        migrations.RunSQL(WORDS, "DROP INDEX handoff_case_text_words"),
    ]
