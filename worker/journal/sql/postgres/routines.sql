-- What is asked most, each in one round trip: several statements in one call, which is one transaction. Every statement
-- of a routine sees what was committed before it, as statements of a transaction do, so that what is read behind a lock
-- is as new as the lock. Here is what they are made of, a name with values in double braces standing for a statement; the
-- text that is made of it is in the newest migration that has it, and a test holds the two together.

-- name: command_columns
(key bigint, source text, id text, type text, state text, reply_to text, correlation_id text, traceparent text,
 tracestate text, received_at timestamptz, lane text, epoch bigint, attempts integer, last_sequence integer,
 deadline_at timestamptz, submitted_at timestamptz, settled_at timestamptz, seller text, order_no text,
 order_hash text, order_claim text, fingerprint text, follows bigint, invoice_number text, account text,
 sought_at timestamptz, look_ups integer, progress bytea, breaks integer, secrets bytea, data bytea, warnings bytea)

-- name: take_heads
-- Where a head was set aside, the one behind it is looked at; everywhere else there is no more to see. The rounds are
-- bounded, so that a long row of such commands does not hold the transaction.
CREATE OR REPLACE FUNCTION fapiao_take_heads(
    p_lanes text[], p_epochs bigint[], p_at timestamptz, p_before timestamptz
) RETURNS TABLE {{command_columns}} LANGUAGE plpgsql AS $routine$
#variable_conflict use_column
DECLARE
    v_heads integer;
    v_lanes integer;
BEGIN
    FOR v_round IN 1..50 LOOP
        RETURN QUERY {{take_heads(p_lanes, p_epochs, p_at, p_before)}};
        GET DIAGNOSTICS v_heads = ROW_COUNT;
        EXIT WHEN v_heads = 0;
        v_lanes := cardinality(p_lanes);
        SELECT array_agg(g.lane), array_agg(g.epoch) INTO p_lanes, p_epochs
        FROM unnest(p_lanes, p_epochs) AS g (lane, epoch)
        WHERE g.lane <> ALL (ARRAY({{busy_lanes(p_lanes)}}));
        EXIT WHEN p_lanes IS NULL OR v_heads = v_lanes - cardinality(p_lanes);
    END LOOP;
END
$routine$

-- name: write_batch
-- Lanes are locked first, in the order of their names, then commands in the order of their keys. A lane is looked at
-- behind the step whose key is given (0: behind none, so that something may still run there), if its lease holds it; or
-- it is given up. Returned are the steps that were written, by their key alone, and the next commands.
CREATE OR REPLACE FUNCTION fapiao_write_batch(
    p_lanes text[], p_epochs bigint[], p_workers text[], p_behind bigint[], p_leaves boolean[],
    p_at timestamptz, p_before timestamptz,
    p_keys bigint[], p_next text[], p_due_at timestamptz[], p_last_sequence integer[], p_moved_at timestamptz[],
    p_is_final boolean[], p_expected text[], p_epoch bigint[], p_lane text[], p_worker text[],
    p_sought_at timestamptz[], p_account text[], p_progress bytea[], p_deadline_at timestamptz[],
    p_event_keys bigint[], p_event_sequences integer[], p_event_ids text[], p_event_types text[], p_event_bodies bytea[],
    p_copy_keys bigint[], p_copy_sequences integer[], p_copy_ids text[], p_copy_types text[], p_copies text[],
    p_destinations text[], p_frees_order boolean[], p_nudging bigint[]
) RETURNS TABLE {{command_columns}} LANGUAGE plpgsql AS $routine$
#variable_conflict use_column
DECLARE
    v_held text[];
    v_wanted text[];
    v_moved bigint[] := '{}';
    v_lanes text[];
    v_epochs bigint[];
BEGIN
    IF cardinality(p_lanes) > 0 THEN
        WITH locked AS MATERIALIZED ({{lock_lanes_in_order(p_lanes)}})
        SELECT array_agg(l.lane), array_agg(l.lane) FILTER (WHERE l.is_wanted) INTO v_held, v_wanted
        FROM unnest(p_lanes, p_epochs, p_workers) AS g (lane, epoch, worker) JOIN locked l ON l.lane = g.lane
        WHERE l.holder = g.worker AND l.epoch = g.epoch;
    END IF;
    IF cardinality(p_keys) > 0 THEN
        FOR key IN {{move_commands(
            p_keys, p_next, p_due_at, p_last_sequence, p_moved_at, p_is_final, p_expected, p_epoch, p_lane, p_worker,
            p_sought_at, p_account, p_progress, p_deadline_at,
            p_event_keys, p_event_sequences, p_event_ids, p_event_types, p_event_bodies,
            p_copy_keys, p_copy_sequences, p_copy_ids, p_copy_types, p_copies, p_destinations,
            p_frees_order, p_nudging)}}
        LOOP
            v_moved := v_moved || key;
            RETURN NEXT;
        END LOOP;
    END IF;
    IF v_held IS NULL THEN
        RETURN;
    END IF;
    SELECT array_agg(g.lane), array_agg(g.epoch) INTO v_lanes, v_epochs
    FROM unnest(p_lanes, p_epochs, p_behind) AS g (lane, epoch, behind)
    WHERE g.lane = ANY (v_held) AND (g.behind = 0 OR g.behind = ANY (v_moved));
    IF v_wanted && v_lanes THEN
        {{clear_wanted(v_lanes)}};
    END IF;
    IF 0 = ANY (p_behind) THEN
        SELECT array_agg(g.lane), array_agg(g.epoch) INTO v_lanes, v_epochs
        FROM unnest(v_lanes, v_epochs) AS g (lane, epoch)
        WHERE g.lane <> ALL (ARRAY({{busy_lanes(v_lanes)}}));
    END IF;
    IF v_lanes IS NOT NULL THEN
        RETURN QUERY SELECT * FROM fapiao_take_heads(v_lanes, v_epochs, p_at, p_before);
    END IF;
    SELECT array_agg(g.lane) INTO v_lanes
    FROM unnest(p_lanes, p_leaves) AS g (lane, leaves) WHERE g.leaves AND g.lane = ANY (v_held);
    IF v_lanes IS NOT NULL THEN
        {{refresh_lanes(v_lanes, p_at)}};
    END IF;
END
$routine$
