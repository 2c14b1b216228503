"""Room on each page, so that a conversation's counter and chain head move without touching its indexes."""

from django.db import migrations

CONVERSATION = "ALTER TABLE persistence_conversation SET (fillfactor = 80)"


class Migration(migrations.Migration):
    dependencies = [("persistence", "0002_record_turn")]
    operations = [migrations.RunSQL(CONVERSATION, migrations.RunSQL.noop)]
