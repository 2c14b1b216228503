"""Room on each page, so that a conversation's counter and chain head move without touching its indexes;
and a foreign key that is checked at once.
"""

from django.db import migrations

CONVERSATION = "ALTER TABLE persistence_conversation SET (fillfactor = 80)"

# Checked at once: see the outbox's migration of the same name.
TURN_KEY = """
ALTER TABLE persistence_turn
    ALTER CONSTRAINT persistence_turn_conversation_id_07e3e552_fk_persisten NOT DEFERRABLE
"""


class Migration(migrations.Migration):
    dependencies = [("persistence", "0002_record_turn")]
    operations = [migrations.RunSQL(sql, migrations.RunSQL.noop) for sql in (CONVERSATION, TURN_KEY)]
