"""What each process measures of itself."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("persistence", "0011_turn_digests")]
    operations = [
        migrations.CreateModel(
            name="ProcessFigures",
            fields=[
                ("process_id", models.UUIDField(primary_key=True, serialize=False)),
                ("role", models.CharField(max_length=10)),
                ("backend", models.CharField(max_length=20)),
                ("host", models.CharField(max_length=255)),
                ("pid", models.PositiveIntegerField()),
                ("states_held", models.PositiveIntegerField(default=0)),
                ("started_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("seen_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "verbose_name": "process",
                "verbose_name_plural": "processes",
                "db_table": "persistence_process_figures",
            },
        ),
        migrations.CreateModel(
            name="ProcessHour",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("hour", models.DateTimeField()),
                ("counts", models.JSONField(default=dict)),
                ("database_first", models.FloatField(blank=True, null=True)),
                ("database_last", models.FloatField(blank=True, null=True)),
                (
                    "process",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="hours",
                        to="persistence.processfigures",
                    ),
                ),
            ],
            options={
                "db_table": "persistence_process_hour",
                "indexes": [models.Index(fields=["hour"], name="persistence_process_hour_hour")],
                "constraints": [
                    models.UniqueConstraint(fields=("process", "hour"), name="persistence_process_hour_once")
                ],
            },
        ),
    ]
