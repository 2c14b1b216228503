"""The log of sends."""

from django.db import migrations, models
from django.db.models.functions import Now


class Migration(migrations.Migration):
    dependencies = [("outbox", "0003_storage")]
    operations = [
        migrations.CreateModel(
            name="DeliveryAttempt",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("event_id", models.UUIDField()),
                ("event_type", models.CharField(max_length=100)),
                ("ordering_key", models.CharField(max_length=200)),
                ("destination", models.CharField(max_length=100)),
                ("number", models.PositiveIntegerField()),
                ("started_at", models.DateTimeField(db_default=Now())),
                ("duration_ms", models.PositiveIntegerField(blank=True, null=True)),
                ("outcome", models.CharField(blank=True, default="", max_length=20)),
                ("status_code", models.PositiveSmallIntegerField(blank=True, null=True)),
                ("error_code", models.CharField(blank=True, default="", max_length=100)),
                ("excerpt", models.TextField(blank=True, default="")),
            ],
            options={
                "verbose_name": "delivery attempt",
                "db_table": "outbox_delivery_attempt",
                "indexes": [
                    models.Index(fields=["ordering_key", "id"], name="outbox_attempt_key"),
                    models.Index(fields=["destination", "id"], name="outbox_attempt_destination"),
                    models.Index(fields=["started_at"], name="outbox_attempt_started"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("event_id", "destination", "number"),
                        name="outbox_delivery_attempt_number_once",
                    )
                ],
            },
        ),
    ]
