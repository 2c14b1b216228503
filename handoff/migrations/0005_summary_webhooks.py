"""Endpoints that hear of new summaries. Nothing changes in the database: the purpose is a text of ten characters."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("handoff", "0004_pointing_cases")]
    operations = [
        migrations.AlterField(
            model_name="endpoint",
            name="purpose",
            field=models.CharField(
                choices=[
                    ("helpdesk", "help desk: hears of cases"),
                    ("replies", "reply webhook: carries agents' replies to the customer"),
                    ("summaries", "summary webhook: hears of new summaries"),
                ],
                default="helpdesk",
                max_length=10,
            ),
        ),
    ]
