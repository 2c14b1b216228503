"""What lies in the object store on behalf of events."""

from django.db import migrations, models
from django.db.models.functions import Now


class Migration(migrations.Migration):
    dependencies = [("persistence", "0005_who_may_speak")]
    operations = [
        migrations.CreateModel(
            name="ClaimCheck",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("event_id", models.UUIDField()),
                ("key", models.CharField(max_length=300, unique=True)),
                ("bytes", models.PositiveBigIntegerField()),
                ("sha256", models.CharField(max_length=64)),
                ("url", models.TextField()),
                ("expires_at", models.DateTimeField()),
                ("created_at", models.DateTimeField(db_default=Now())),
                ("settled_at", models.DateTimeField(blank=True, null=True)),
                ("sweeping_until", models.DateTimeField(blank=True, null=True)),
                ("deleted_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "db_table": "persistence_claim_check",
                "indexes": [
                    models.Index(fields=["event_id"], name="persistence_claim_event"),
                    models.Index(
                        fields=["id"],
                        condition=models.Q(deleted_at__isnull=True),
                        name="persistence_claim_kept",
                    ),
                    models.Index(
                        fields=["deleted_at"],
                        condition=models.Q(deleted_at__isnull=False),
                        name="persistence_claim_gone",
                    ),
                ],
            },
        ),
    ]
