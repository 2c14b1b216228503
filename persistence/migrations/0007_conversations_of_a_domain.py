"""The list of one domain's conversations, newest first, without reading past everybody else's."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("persistence", "0006_claim_check")]
    operations = [
        AddIndexConcurrently(
            "conversation", models.Index(fields=["domain", "-id"], name="persistence_conv_domain")
        )
    ]
