"""Session state in Postgres, and how far write-behind has come."""

import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("persistence", "0008_erasure"),
    ]

    operations = [
        migrations.CreateModel(
            name="StateCheckpoint",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("domain", models.CharField(max_length=63, unique=True)),
                ("last_entry", models.CharField(max_length=40)),
                ("applied", models.PositiveBigIntegerField(default=0)),
                ("changed_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "db_table": "persistence_state_checkpoint",
            },
        ),
        migrations.CreateModel(
            name="ParkedStateWrite",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("domain", models.CharField(max_length=63)),
                ("entry", models.CharField(max_length=40)),
                ("fields", models.JSONField(default=dict)),
                ("attempts", models.PositiveSmallIntegerField()),
                ("error", models.CharField(max_length=300)),
                ("parked_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "verbose_name": "parked state write",
                "db_table": "persistence_parked_state_write",
                "constraints": [
                    models.UniqueConstraint(fields=("domain", "entry"), name="persistence_parked_write_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="SessionState",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("session_hash", models.BinaryField(max_length=32, unique=True)),
                ("domain", models.CharField(max_length=63)),
                ("channel", models.CharField(max_length=64)),
                ("state", models.CharField(max_length=64)),
                ("confidence", models.FloatField(blank=True, null=True)),
                ("turn_id", models.UUIDField(blank=True, null=True)),
                ("version", models.PositiveBigIntegerField()),
                ("previous", models.PositiveBigIntegerField(db_default=0)),
                ("redaction_version", models.PositiveSmallIntegerField()),
                ("data", models.JSONField(default=dict)),
                ("cleared", models.BooleanField(default=False)),
                ("unhealed", models.BooleanField(default=False)),
                ("updated_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("expires_at", models.DateTimeField()),
            ],
            options={
                "db_table": "persistence_session_state",
                "indexes": [
                    models.Index(
                        condition=models.Q(("unhealed", True)),
                        fields=["id"],
                        name="persistence_state_unhealed",
                    )
                ],
            },
        ),
    ]
