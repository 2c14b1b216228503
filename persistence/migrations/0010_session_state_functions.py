"""What changes session state: a function for each way, one round trip, the row's lock as the referee.

``persistence_put_session_state`` answers ``kept``, ``stale`` or ``illegal``; ``persistence_clear_session_state``
``kept``, ``stale`` or ``none``; ``persistence_touch_session_state`` ``kept`` or nothing. With the answer comes the row
as it is now: the new one, or the one that stood in the way, if any.

A version is the milliseconds since 1970, or one more than the row's where that is later. A row whose time has passed
counts as none, and so does a cleared one; but a cleared one is still what the next version follows on.

``p_lenient`` is for Postgres in the place of a Redis that is out. What the row does not say is then unknown instead of
none: only what is known to be stale is refused, what a caller expects may be newer than the row, and what is written
is marked ``unhealed``.
"""

from django.db import migrations

DECLARE = """
DECLARE
    c persistence_session_state;
    v_now timestamptz;
    v_known boolean;  -- the row says how things are: its time has not passed
    v_live boolean;  -- and there is a state
    v_version bigint;
"""

# A plan is kept per connection. One made while the table was empty would scan it whole for ever after.
OPTIONS = "LANGUAGE plpgsql SET enable_seqscan = off"

# A lenient store's versions lead by a quarter of a second: Redis may have carried out a write that its client had given
# up by then (see hot.clock), and its clock may be ahead. What came after that write must have the higher version.
LOOK = """
        v_now := clock_timestamp();
        v_known := coalesce(c.expires_at > v_now, false);
        v_live := v_known AND NOT c.cleared;
        v_version := greatest(coalesce(c.version, 0) + 1, floor(extract(epoch FROM v_now) * 1000)::bigint
                              + CASE WHEN p_lenient THEN 250 ELSE 0 END);
"""

LOCK = f"""
        SELECT * INTO c FROM persistence_session_state AS kept WHERE kept.session_hash = p_session FOR UPDATE;
{LOOK}"""

STALE = """coalesce(CASE
            WHEN p_lenient AND p_expected > 0 THEN p_expected < c.version OR p_expected = c.version AND NOT v_live
            ELSE p_expected <> CASE WHEN v_live THEN c.version ELSE 0 END END, false)"""

# In lenient mode the caller may have seen a newer version than the row: the new one is above that, and follows on it.
FOLLOW = """
        IF p_lenient THEN v_version := greatest(v_version, coalesce(p_expected, 0) + 1); END IF;
        v_previous := greatest(CASE WHEN v_known THEN c.version ELSE 0 END,
                               CASE WHEN p_lenient THEN coalesce(p_expected, 0) ELSE 0 END);
"""

COLUMNS = """session_hash, domain, channel, state, confidence, turn_id, version, previous, redaction_version,
            data, cleared, unhealed, updated_at, expires_at"""

PUT = f"""
CREATE FUNCTION persistence_put_session_state(
    p_session bytea, p_domain text, p_channel text, p_state text, p_data jsonb, p_redaction_version int,
    p_confidence float8, p_turn_id uuid, p_allowed_from text[], p_may_begin boolean, p_expected bigint, p_ttl int,
    p_lenient boolean,
    OUT outcome text, OUT s persistence_session_state
) {OPTIONS} AS $$
{DECLARE}
    v_previous bigint;
BEGIN
    LOOP
{LOCK}
        -- 1. Refuse what was written without knowing the present state.
        IF {STALE} THEN
            outcome := 'stale';
            IF v_live THEN s := c; END IF;
            RETURN;
        END IF;
        -- 2. Refuse what the lifecycle has no way to; a lenient store must know the present state to say so.
        IF p_allowed_from IS NOT NULL
           AND (NOT p_lenient OR v_known AND coalesce(p_expected, 0) <= c.version)
           AND NOT (CASE WHEN v_live THEN c.state = ANY (p_allowed_from) ELSE p_may_begin END) THEN
            outcome := 'illegal';
            IF v_live THEN s := c; END IF;
            RETURN;
        END IF;
{FOLLOW}
        -- 3. Keep it. A turn's facts stay where none are given.
        IF v_live THEN
            p_confidence := coalesce(p_confidence, c.confidence);
            p_turn_id := coalesce(p_turn_id, c.turn_id);
        END IF;
        IF c.id IS NOT NULL THEN
            UPDATE persistence_session_state AS kept
            SET state = p_state, confidence = p_confidence, turn_id = p_turn_id, version = v_version,
                previous = v_previous, redaction_version = p_redaction_version, data = p_data, cleared = false,
                unhealed = c.unhealed OR p_lenient, updated_at = v_now,
                expires_at = v_now + p_ttl * interval '1 second'
            WHERE kept.id = c.id RETURNING * INTO s;
        ELSE
            INSERT INTO persistence_session_state ({COLUMNS})
            VALUES (p_session, p_domain, p_channel, p_state, p_confidence, p_turn_id, v_version, v_previous,
                p_redaction_version, p_data, false, p_lenient, v_now, v_now + p_ttl * interval '1 second')
            ON CONFLICT DO NOTHING RETURNING * INTO s;
        END IF;
        outcome := 'kept';
        EXIT WHEN s.id IS NOT NULL;  -- else another caller began this session's state first: lock theirs
    END LOOP;
END $$
"""

# Part of the turn path: it waits for nobody, and does not wait for the disk either. What a crash of Postgres takes of
# it is a touch, not a turn. lock_timeout also covers the wait for a row that another caller is just inserting.
TOUCH = f"""
CREATE FUNCTION persistence_touch_session_state(
    p_session bytea, p_domain text, p_channel text, p_turn_id uuid, p_confidence float8, p_redaction_version int,
    p_initial_state text, p_ttl int, p_lenient boolean,
    OUT outcome text, OUT s persistence_session_state
) {OPTIONS} AS $$
{DECLARE}
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true), set_config('lock_timeout', '1ms', true);
    SELECT * INTO c FROM persistence_session_state AS kept WHERE kept.session_hash = p_session
    FOR UPDATE SKIP LOCKED;
{LOOK}
    IF p_lenient AND NOT (v_known AND c.unhealed) THEN
        RETURN;  -- Redis may have a state of which nothing is known here, or a newer one than this copy
    ELSIF v_live THEN
        UPDATE persistence_session_state AS kept
        SET confidence = p_confidence, turn_id = p_turn_id, version = v_version, previous = c.version,
            unhealed = c.unhealed OR p_lenient, updated_at = v_now,
            expires_at = v_now + p_ttl * interval '1 second'
        WHERE kept.id = c.id RETURNING * INTO s;
    ELSIF c.id IS NOT NULL THEN
        UPDATE persistence_session_state AS kept
        SET state = p_initial_state, confidence = p_confidence, turn_id = p_turn_id, version = v_version,
            previous = CASE WHEN v_known THEN c.version ELSE 0 END, redaction_version = p_redaction_version,
            data = '{{}}', cleared = false, unhealed = c.unhealed OR p_lenient, updated_at = v_now,
            expires_at = v_now + p_ttl * interval '1 second'
        WHERE kept.id = c.id RETURNING * INTO s;
    ELSE
        INSERT INTO persistence_session_state ({COLUMNS})
        VALUES (p_session, p_domain, p_channel, p_initial_state, p_confidence, p_turn_id, v_version, 0,
            p_redaction_version, '{{}}', false, p_lenient, v_now, v_now + p_ttl * interval '1 second')
        ON CONFLICT DO NOTHING RETURNING * INTO s;  -- nothing: the row is there, and somebody holds its lock
    END IF;
    IF s.id IS NOT NULL THEN outcome := 'kept'; END IF;
END $$
"""

CLEAR = f"""
CREATE FUNCTION persistence_clear_session_state(
    p_session bytea, p_domain text, p_channel text, p_expected bigint, p_ttl int, p_lenient boolean,
    OUT outcome text, OUT s persistence_session_state
) {OPTIONS} AS $$
{DECLARE}
    v_previous bigint;
BEGIN
    LOOP
{LOCK}
        IF {STALE} THEN
            outcome := 'stale';
            IF v_live THEN s := c; END IF;
            RETURN;
        END IF;
        IF NOT v_live AND NOT (p_lenient AND (NOT v_known OR coalesce(p_expected > c.version, false))) THEN
            outcome := 'none';
            RETURN;
        END IF;
{FOLLOW}
        -- What remains has no content: the session, the version, and until when it is remembered.
        IF c.id IS NOT NULL THEN
            UPDATE persistence_session_state AS kept
            SET state = '', confidence = NULL, turn_id = NULL, version = v_version, previous = v_previous,
                data = '{{}}', cleared = true, unhealed = c.unhealed OR p_lenient, updated_at = v_now,
                expires_at = v_now + p_ttl * interval '1 second'
            WHERE kept.id = c.id RETURNING * INTO s;
        ELSE
            INSERT INTO persistence_session_state ({COLUMNS})
            VALUES (p_session, p_domain, p_channel, '', NULL, NULL, v_version, v_previous, 0, '{{}}', true,
                p_lenient, v_now, v_now + p_ttl * interval '1 second')
            ON CONFLICT DO NOTHING RETURNING * INTO s;
        END IF;
        outcome := 'kept';
        EXIT WHEN s.id IS NOT NULL;
    END LOOP;
END $$
"""

# A row moves with every turn: room on its page keeps such an update off the indexes, and its dead versions are pruned
# in passing. What pruning leaves is vacuumed early, for the table is small and hot.
TABLE = """
ALTER TABLE persistence_session_state SET (
    fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 1000
)
"""


class Migration(migrations.Migration):
    dependencies = [("persistence", "0009_session_state")]
    operations = [
        migrations.RunSQL(TABLE, migrations.RunSQL.noop),
        migrations.RunSQL(PUT, "DROP FUNCTION persistence_put_session_state"),
        migrations.RunSQL(TOUCH, "DROP FUNCTION persistence_touch_session_state"),
        migrations.RunSQL(CLEAR, "DROP FUNCTION persistence_clear_session_state"),
    ]
