"""Room for updates in place, vacuum by a fixed number of dead rows, and foreign keys that are checked at once.

The outbox's tables are small and change fast.
"""

from django.db import migrations

FAST = "autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = {threshold}"

LANE = f"ALTER TABLE outbox_lane SET (fillfactor = 70, {FAST.format(threshold=5000)})"
DELIVERY = f"ALTER TABLE outbox_delivery SET (fillfactor = 85, {FAST.format(threshold=20000)})"
STATE = f"ALTER TABLE outbox_destination_state SET (fillfactor = 50, {FAST.format(threshold=200)})"
COUNTER = f"ALTER TABLE outbox_counter SET (fillfactor = 50, {FAST.format(threshold=500)})"

# Checked at once, inside outbox_enqueue and with its plans; deferred, the checks would run at COMMIT with plans of
# their own, which may have been made while the tables were empty.
EVENT_KEY = """
ALTER TABLE outbox_delivery
    ALTER CONSTRAINT outbox_delivery_event_id_9d7b7ab0_fk_outbox_event_event_id NOT DEFERRABLE
"""
LANE_KEY = """
ALTER TABLE outbox_delivery ALTER CONSTRAINT outbox_delivery_lane_id_388739ab_fk_outbox_lane_id NOT DEFERRABLE
"""

STEPS = (LANE, DELIVERY, STATE, COUNTER, EVENT_KEY, LANE_KEY)


class Migration(migrations.Migration):
    dependencies = [("outbox", "0002_enqueue")]
    operations = [migrations.RunSQL(sql, migrations.RunSQL.noop) for sql in STEPS]
