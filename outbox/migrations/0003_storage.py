"""Room for updates in place, and vacuum by a fixed number of dead rows: these tables are small and change fast."""

from django.db import migrations

FAST = "autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = {threshold}"

LANE = f"ALTER TABLE outbox_lane SET (fillfactor = 70, {FAST.format(threshold=5000)})"
DELIVERY = f"ALTER TABLE outbox_delivery SET (fillfactor = 85, {FAST.format(threshold=20000)})"
STATE = f"ALTER TABLE outbox_destination_state SET (fillfactor = 50, {FAST.format(threshold=200)})"
COUNTER = f"ALTER TABLE outbox_counter SET (fillfactor = 50, {FAST.format(threshold=500)})"


class Migration(migrations.Migration):
    dependencies = [("outbox", "0002_enqueue")]
    operations = [migrations.RunSQL(sql, migrations.RunSQL.noop) for sql in (LANE, DELIVERY, STATE, COUNTER)]
