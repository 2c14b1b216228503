"""``outbox_enqueue``: an event, its lanes and its deliveries in one statement of the caller's transaction.

A function, because the turn's own function calls it without another round trip, and because its plan is kept by the
server also behind a transaction pooler (docs/decisions/0002).
"""

from django.db import migrations

ENQUEUE = """
CREATE FUNCTION outbox_enqueue(
    p_event_id uuid, p_event_type text, p_schema_version int, p_ordering_key text, p_ordering_seq bigint,
    p_idempotency_key text, p_payload jsonb, p_headers jsonb, p_destinations text[]
) RETURNS uuid LANGUAGE plpgsql
-- Plans are kept per connection. One made while the tables were empty would scan them whole for ever after.
SET enable_seqscan = off
AS $$
DECLARE
    v_event_id uuid;
BEGIN
    INSERT INTO outbox_event (event_id, event_type, schema_version, ordering_key, ordering_seq, idempotency_key,
                              payload, headers)
    VALUES (p_event_id, p_event_type, p_schema_version, p_ordering_key, p_ordering_seq, p_idempotency_key,
            p_payload, p_headers)
    ON CONFLICT (idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING
    RETURNING event_id INTO v_event_id;
    IF v_event_id IS NULL THEN
        RETURN (SELECT event_id FROM outbox_event WHERE idempotency_key = p_idempotency_key);
    END IF;

    -- The update locks the lane even where it changes nothing. Settle waits for that lock, sees this delivery and
    -- wakes the lane for it: without the lock a delivery could stay unsent in a sleeping lane.
    -- A lane that is awake keeps its due time (it may be backing off), and a parked one keeps sleeping.
    WITH lanes AS (
        INSERT INTO outbox_lane AS lane (destination, ordering_key, due_at, token, rescues, parked_reason)
        SELECT destination, p_ordering_key, now(), 0, 0, ''
        FROM unnest(p_destinations) AS destination ORDER BY destination
        ON CONFLICT (destination, ordering_key) DO UPDATE
            SET due_at = CASE WHEN lane.due_at = 'infinity' AND lane.parked_reason = '' THEN now()
                              ELSE lane.due_at END
        RETURNING id
    )
    INSERT INTO outbox_delivery (lane_id, event_id, seq, status, attempts, next_at, last_error_code)
    SELECT id, p_event_id, p_ordering_seq, 'pending', 0, now(), '' FROM lanes;
    RETURN v_event_id;
END $$
"""


class Migration(migrations.Migration):
    dependencies = [("outbox", "0001_tables")]
    operations = [migrations.RunSQL(ENQUEUE, "DROP FUNCTION outbox_enqueue")]
