"""``persistence_record_turn_3`` also says where the turn stands in the chain: ``prev_digest`` and ``digest``.

With them the caller knows the stored turn whole, without reading it. They are NULL where nothing was stored by this
call. The functions before stay for processes of the release before; this one has a name of its own, because functions
are told apart by what they are given, not by what they answer.
"""

from django.db import migrations

RECORD_TURN = """
CREATE FUNCTION persistence_record_turn_3(
    p_content jsonb, p_session_hash bytea, p_fingerprint bytea, p_expected_seq bigint, p_control_epoch int,
    p_conversation_id uuid, p_salt bytea, p_content_digest bytea, p_event_id uuid, p_headers jsonb,
    p_destinations text[], p_only_under text,
    OUT outcome text, OUT turn_id uuid, OUT conversation_id uuid, OUT seq bigint, OUT control text,
    OUT control_epoch int, OUT created_at timestamptz, OUT prev_digest bytea, OUT digest bytea
) LANGUAGE plpgsql
-- Plans are kept per connection. One made while the tables were empty would scan them whole for ever after.
SET enable_seqscan = off
AS $$
DECLARE
    v_domain text := p_content->>'domain';
    v_request_id text := p_content->>'request_id';
    v_customer_ref text := p_content->>'customer_ref';
    v_hash_version int := (p_content->>'hash_version')::int;
    v_turn_id uuid := (p_content->>'turn_id')::uuid;
    c persistence_conversation;
    t persistence_turn;
    v_prev bytea;
BEGIN
    LOOP
        -- 1. Lock the conversation: from here on its turns come one after the other.
        SELECT * INTO c FROM persistence_conversation AS conversation
        WHERE conversation.session_hash = p_session_hash AND conversation.hash_version = v_hash_version
          AND conversation.control <> 'closed'
        FOR UPDATE;

        -- 2. A request that was recorded before is answered as before, whatever has happened since.
        SELECT * INTO t FROM persistence_turn AS turn
        WHERE turn.domain = v_domain AND turn.request_id = v_request_id;
        IF FOUND THEN
            SELECT * INTO c FROM persistence_conversation AS conversation WHERE conversation.id = t.conversation_id;
            outcome := CASE WHEN t.fingerprint = p_fingerprint THEN 'replayed' ELSE 'request_id_reused' END;
            turn_id := t.turn_id; seq := t.seq; created_at := t.created_at;
            conversation_id := c.public_id; control := c.control; control_epoch := c.control_epoch;
            RETURN;
        END IF;

        -- 3. Refuse what was said without knowing the conversation's present state. A new one is at turn 0, epoch 0.
        --    While a human speaks, the assistant does not, whatever epoch it claims to know.
        IF p_control_epoch <> coalesce(c.control_epoch, 0) THEN outcome := 'stale_control';
        ELSIF c.control = 'human' AND p_content->'messages' @> '[{"role": "assistant"}]' THEN
            outcome := 'stale_control';
        ELSIF p_expected_seq <> coalesce(c.last_seq, 0) THEN outcome := 'stale_sequence';
        ELSIF p_only_under <> coalesce(c.control, 'bot') THEN outcome := 'other_control';
        END IF;
        IF outcome IS NOT NULL THEN
            conversation_id := c.public_id; seq := coalesce(c.last_seq, 0);
            control := coalesce(c.control, 'bot'); control_epoch := coalesce(c.control_epoch, 0);
            RETURN;
        END IF;

        -- 4. Move the conversation and its chain on by one. A new chain starts from the conversation's own id.
        IF c.id IS NOT NULL THEN
            v_prev := c.chain_head;
            UPDATE persistence_conversation AS conversation
            SET last_seq = c.last_seq + 1, chain_head = sha256(v_prev || p_content_digest), last_turn_at = now(),
                customer_ref = coalesce(v_customer_ref, c.customer_ref)
            WHERE conversation.id = c.id
            RETURNING * INTO c;
            EXIT;
        END IF;
        v_prev := sha256(convert_to('holdfast conversation ' || p_conversation_id, 'UTF8'));
        INSERT INTO persistence_conversation (public_id, domain, channel, session_hash, hash_version, customer_ref,
            control, control_epoch, last_seq, chain_head, archived_through_seq)
        VALUES (p_conversation_id, v_domain, p_content->>'channel', p_session_hash, v_hash_version, v_customer_ref,
            'bot', 0, 1, sha256(v_prev || p_content_digest), 0)
        ON CONFLICT DO NOTHING
        RETURNING * INTO c;
        EXIT WHEN c.id IS NOT NULL;  -- else another caller opened this conversation first: lock theirs
    END LOOP;

    -- 5. The turn, from the very content that was digested; then the outbox rows: their locks are held the shortest.
    INSERT INTO persistence_turn (turn_id, conversation_id, seq, domain, request_id, fingerprint, customer_ref,
        messages, confidence, escalated, reason_codes, "references", error_code, model, latency_ms, tokens_in,
        tokens_out, metadata, redaction_version, control, control_epoch, salt, content_digest, prev_digest, digest)
    VALUES (v_turn_id, c.id, c.last_seq, v_domain, v_request_id, p_fingerprint, v_customer_ref,
        p_content->'messages', (p_content->>'confidence')::float8, (p_content->>'escalated')::boolean,
        p_content->'reason_codes', p_content->'references', p_content->>'error_code', p_content->>'model',
        (p_content->>'latency_ms')::int, (p_content->>'tokens_in')::int, (p_content->>'tokens_out')::int,
        p_content->'metadata', (p_content->>'redaction_version')::int, c.control, c.control_epoch, p_salt,
        p_content_digest, v_prev, c.chain_head)
    RETURNING persistence_turn.created_at INTO created_at;
    PERFORM outbox_enqueue(p_event_id, 'turn.recorded', 1, c.public_id::text, c.last_seq, NULL,
        jsonb_build_object('conversation_id', c.public_id, 'turn_id', v_turn_id, 'seq', c.last_seq),
        p_headers || jsonb_build_object('request_id', v_request_id), p_destinations);

    outcome := 'created'; turn_id := v_turn_id; conversation_id := c.public_id; seq := c.last_seq;
    control := c.control; control_epoch := c.control_epoch; prev_digest := v_prev; digest := c.chain_head;
END $$
"""


class Migration(migrations.Migration):
    dependencies = [("persistence", "0010_session_state_functions")]
    operations = [migrations.RunSQL(RECORD_TURN, "DROP FUNCTION persistence_record_turn_3")]
