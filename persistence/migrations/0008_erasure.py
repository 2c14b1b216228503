"""The record of an erasure: what remains of a customer whose data is gone."""

from django.db import migrations, models
from django.db.models import Q
from django.db.models.functions import Now


class Migration(migrations.Migration):
    dependencies = [("persistence", "0007_conversations_of_a_domain")]
    operations = [
        migrations.CreateModel(
            name="ErasureRecord",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("erasure_id", models.UUIDField(unique=True)),
                ("domain", models.CharField(max_length=63)),
                ("subject_hash", models.BinaryField(max_length=32)),
                ("hash_version", models.PositiveSmallIntegerField()),
                ("requested_by", models.CharField(max_length=170)),
                ("requested_at", models.DateTimeField(db_default=Now())),
                ("conversations", models.JSONField(default=list)),
                ("reached", models.JSONField(default=dict)),
                ("elsewhere", models.JSONField(default=list)),
                ("claims", models.JSONField(default=list)),
                ("late", models.JSONField(default=dict)),
                ("objects_deleted", models.PositiveIntegerField(default=0)),
                ("last_pass_after", models.DateTimeField()),
                ("next_pass_at", models.DateTimeField(db_default=Now())),
                ("failures", models.PositiveSmallIntegerField(default=0)),
                ("last_error", models.CharField(blank=True, default="", max_length=600)),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "verbose_name": "erasure",
                "db_table": "persistence_erasure_record",
                "permissions": [
                    ("export_subject", "Can export everything about a customer"),
                    ("erase_subject", "Can erase everything about a customer"),
                ],
                "indexes": [
                    models.Index(
                        fields=["next_pass_at"],
                        condition=Q(finished_at__isnull=True),
                        name="persistence_erasure_open",
                    ),
                    models.Index(fields=["domain", "subject_hash"], name="persistence_erasure_subject"),
                ],
            },
        ),
    ]
