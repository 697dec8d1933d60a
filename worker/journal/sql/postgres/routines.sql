-- What is asked most, each in one round trip: several statements in one call, which is one transaction. Each statement
-- of a routine sees what was committed when that statement began, so what is read behind a lock is as new as the lock.
-- That holds for VOLATILE functions, which these are by default: a STABLE one would see what its caller saw.
--
-- A name with values in double braces stands for the statement of that name. The text that is made of this file is in
-- the newest migration that has it; a unit test compares the two.

-- name: command_columns
key bigint, source text, id text, type text, state text, reply_to text, correlation_id text, traceparent text,
tracestate text, received_at timestamptz, lane text, epoch bigint, attempts integer, last_sequence integer,
deadline_at timestamptz, submitted_at timestamptz, settled_at timestamptz, seller text, order_no text,
order_hash text, order_claim text, fingerprint text, follows bigint, invoice_number text, account text,
sought_at timestamptz, look_ups integer, progress bytea, breaks integer, secrets bytea, data bytea, warnings bytea

-- name: begin_heads
-- A round begins the head of each lane, or sets it aside as `held`. Lanes where it was set aside go into the next
-- round, for the command behind it; the loop ends where every head that was found is running. There are 50 rounds at
-- most, so that a long row of twins does not hold the transaction. A part of each routine, and no routine that others
-- call: what it returns would be copied once more.
    FOR v_round IN 1..50 LOOP
        RETURN QUERY {{take_heads(v_lanes, v_epochs, p_at, p_before)}};
        GET DIAGNOSTICS v_heads = ROW_COUNT;
        EXIT WHEN v_heads = 0;
        v_asked := cardinality(v_lanes);
        SELECT array_agg(g.lane), array_agg(g.epoch) INTO v_lanes, v_epochs
        FROM unnest(v_lanes, v_epochs) AS g (lane, epoch)
        WHERE g.lane <> ALL (ARRAY({{busy_lanes(v_lanes)}}));
        EXIT WHEN v_lanes IS NULL OR v_heads = v_asked - cardinality(v_lanes);
    END LOOP;

-- name: next_heads
-- What a lane's holder looks at next: a head that it has in hand without its being begun, else as above.
    SELECT array_agg(h.key) FILTER (WHERE h.is_plain), array_agg(h.epoch) FILTER (WHERE h.is_plain),
           array_agg(h.lane) FILTER (WHERE NOT h.is_plain), array_agg(h.epoch) FILTER (WHERE NOT h.is_plain)
    INTO v_keys, v_under, v_lanes, v_epochs
    FROM ({{peek_heads(v_lanes, v_epochs, p_at)}}) AS h;
    IF v_keys IS NOT NULL THEN
        RETURN QUERY {{read_heads(v_keys, v_under)}};
    END IF;
    IF v_lanes IS NOT NULL THEN
        {{begin_heads}};
    END IF;

-- name: take_heads
CREATE OR REPLACE FUNCTION fapiao_take_heads(
    p_lanes text[], p_epochs bigint[], p_at timestamptz, p_before timestamptz
) RETURNS TABLE ({{command_columns}}) LANGUAGE plpgsql AS $routine$
#variable_conflict use_column
DECLARE
    v_lanes text[] := p_lanes;
    v_epochs bigint[] := p_epochs;
    v_heads integer;
    v_asked integer;
    v_keys bigint[];
    v_under bigint[];
BEGIN
    {{next_heads}};
END
$routine$

-- name: begin_lanes
-- What runs first on lanes that were just taken: what an earlier holder left, as it stands, else the head. A lane that
-- has neither is given back.
CREATE OR REPLACE FUNCTION fapiao_begin_lanes(
    p_lanes text[], p_epochs bigint[], p_at timestamptz, p_before timestamptz
) RETURNS TABLE ({{command_columns}}) LANGUAGE plpgsql AS $routine$
#variable_conflict use_column
DECLARE
    v_lanes text[];
    v_epochs bigint[];
    v_heads integer;
    v_asked integer;
BEGIN
    RETURN QUERY {{resume_commands(p_lanes, p_epochs)}};
    SELECT array_agg(g.lane), array_agg(g.epoch) INTO v_lanes, v_epochs
    FROM unnest(p_lanes, p_epochs) AS g (lane, epoch) WHERE g.lane <> ALL (ARRAY({{busy_lanes(p_lanes)}}));
    IF v_lanes IS NOT NULL THEN
        {{begin_heads}};
    END IF;
    IF v_lanes IS NOT NULL THEN
        {{refresh_lanes(v_lanes, p_at)}};
    END IF;
END
$routine$

-- name: claim
-- Takes ready lanes in turn, at most `p_limit` of them, and begins each. Returns every lane that was taken, with its
-- command if it has one that runs; the others are held up or given back. `p_of_tenant` is NULL where no bound can be
-- broken. Else what needs no connection is taken first, then at most `p_connecting` lanes that need one; of the tenants
-- in `p_tenants`, which hold lanes already, as many as `p_rooms` says.
CREATE OR REPLACE FUNCTION fapiao_claim(
    p_worker text, p_limit integer, p_at timestamptz, p_before timestamptz,
    p_connecting integer, p_of_tenant integer, p_tenants text[], p_rooms integer[]
) RETURNS TABLE (taken text, tenant text, connects boolean, {{command_columns}}) LANGUAGE plpgsql AS $routine$
#variable_conflict use_column
DECLARE
    v_row record;
    v_limit integer;
    v_lanes text[] := '{}';
    v_epochs bigint[] := '{}';
    v_tenants text[] := '{}';
    v_turns double precision[] := '{}';
    v_kinds boolean[] := '{}';
BEGIN
    IF p_of_tenant IS NULL THEN
        FOR v_row IN {{take_lanes(p_worker, p_limit)}} LOOP
            v_lanes := v_lanes || v_row.lane;
            v_epochs := v_epochs || v_row.epoch;
            v_tenants := v_tenants || v_row.tenant;
            v_turns := v_turns || v_row.turn;
        END LOOP;
    ELSE
        FOR v_kind IN 0..1 LOOP
            v_limit := p_limit - cardinality(v_lanes);
            IF v_kind = 1 THEN
                v_limit := least(v_limit, p_connecting);
                SELECT array_agg(r.tenant), array_agg(r.room) INTO p_tenants, p_rooms
                FROM (SELECT g.tenant, coalesce(max(g.room), p_of_tenant) - sum(g.taken)::integer AS room
                      FROM (SELECT tenant, room, 0 AS taken FROM unnest(p_tenants, p_rooms) AS b (tenant, room)
                            UNION ALL SELECT tenant, NULL, 1 FROM unnest(v_tenants) AS t (tenant)) AS g
                      GROUP BY g.tenant) AS r;
            END IF;
            CONTINUE WHEN v_limit <= 0;
            FOR v_row IN {{take_lanes_of_kind(
                p_worker, v_limit, (v_kind = 1), p_of_tenant, p_tenants, p_rooms)}}
            LOOP
                v_lanes := v_lanes || v_row.lane;
                v_epochs := v_epochs || v_row.epoch;
                v_tenants := v_tenants || v_row.tenant;
                v_turns := v_turns || v_row.turn;
                v_kinds := v_kinds || (v_kind = 1);
            END LOOP;
        END LOOP;
    END IF;
    IF cardinality(v_lanes) > 0 THEN
        RETURN QUERY SELECT t.lane, t.tenant, coalesce(t.connects, false), b.*
        FROM unnest(v_lanes, v_tenants, v_turns, v_kinds) AS t (lane, tenant, turn, connects)
        LEFT JOIN fapiao_begin_lanes(v_lanes, v_epochs, p_at, p_before) AS b ON b.lane = t.lane AND b.state <> 'held'
        ORDER BY t.turn, t.lane;
    END IF;
END
$routine$

-- name: write_batch
-- Locks the lanes in the order of their names, then the commands in the order of their keys (`move_commands`). Then
-- each lane that its lease still holds is either given up (`p_leaves`), or its next command is taken. `p_behind` says
-- when: behind the step with this key, if that was written; 0 stands for no step, and something may still run there.
-- Returns the steps that were written, by their keys alone, and the commands that were taken.
--
-- A batch that only takes commands waits for no disk and no standby. The step that follows is later in the log, so its
-- commit makes both durable; and if a crash of the server undoes the taking, that step finds its command `waiting` and
-- is refused.
CREATE OR REPLACE FUNCTION fapiao_write_batch(
    p_lanes text[], p_epochs bigint[], p_workers text[], p_behind bigint[], p_leaves boolean[],
    p_at timestamptz, p_before timestamptz,
    p_keys bigint[], p_next text[], p_due_at timestamptz[], p_last_sequence integer[], p_moved_at timestamptz[],
    p_is_final boolean[], p_expected text[], p_epoch bigint[], p_lane text[], p_worker text[],
    p_sought_at timestamptz[], p_account text[], p_progress bytea[], p_deadline_at timestamptz[],
    p_event_keys bigint[], p_event_sequences integer[], p_event_ids text[], p_event_types text[], p_event_bodies bytea[],
    p_copy_keys bigint[], p_copy_sequences integer[], p_copy_ids text[], p_copy_types text[], p_copies text[],
    p_destinations text[], p_frees_order boolean[], p_nudging bigint[]
) RETURNS TABLE ({{command_columns}}) LANGUAGE plpgsql AS $routine$
#variable_conflict use_column
DECLARE
    v_held text[];
    v_wanted text[];
    v_moved bigint[] := '{}';
    v_lanes text[];
    v_epochs bigint[];
    v_heads integer;
    v_asked integer;
    v_keys bigint[];
    v_under bigint[];
BEGIN
    IF cardinality(p_keys) = 0 AND NOT true = ANY (p_leaves) THEN
        PERFORM set_config('synchronous_commit', 'off', true);
    END IF;
    IF cardinality(p_lanes) > 0 THEN
        WITH locked AS MATERIALIZED ({{lock_lanes_in_order(p_lanes)}})
        SELECT array_agg(l.lane), array_agg(l.lane) FILTER (WHERE l.is_wanted) INTO v_held, v_wanted
        FROM unnest(p_lanes, p_epochs, p_workers) AS g (lane, epoch, worker) JOIN locked l ON l.lane = g.lane
        WHERE l.holder = g.worker AND l.epoch = g.epoch;
    END IF;
    IF cardinality(p_keys) > 0 THEN
        {{move_commands(
            p_keys, p_next, p_due_at, p_last_sequence, p_moved_at, p_is_final, p_expected, p_epoch, p_lane, p_worker,
            p_sought_at, p_account, p_progress, p_deadline_at,
            p_event_keys, p_event_sequences, p_event_ids, p_event_types, p_event_bodies,
            p_copy_keys, p_copy_sequences, p_copy_ids, p_copy_types, p_copies, p_destinations,
            p_frees_order)}}
        INTO v_moved;
        FOREACH key IN ARRAY v_moved LOOP
            RETURN NEXT;
        END LOOP;
        IF cardinality(p_nudging) > 0 THEN
            {{nudge_followers(p_nudging)}};
        END IF;
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
        {{next_heads}};
    END IF;
    SELECT array_agg(g.lane) INTO v_lanes
    FROM unnest(p_lanes, p_leaves) AS g (lane, leaves) WHERE g.leaves AND g.lane = ANY (v_held);
    IF v_lanes IS NOT NULL THEN
        {{refresh_lanes(v_lanes, p_at)}};
    END IF;
END
$routine$

-- name: admit_plain
-- Enters a batch of nothing but new commands. Returns false, with nothing written, where one of them is there already,
-- names an order number that somebody holds, or finds its tenant full. What shows only behind the insertion (another
-- worker was quicker, the same order came a moment ago) is raised as an error, which rolls everything back. In either
-- case the caller enters the batch in rounds, one statement after the other. Lanes are offered, and so locked, before
-- the insertion takes order numbers: a follower that takes a number over locks in the same order, or the two would
-- deadlock.
CREATE OR REPLACE FUNCTION fapiao_admit_plain(
    p_source text[], p_id text[], p_type text[], p_content_hash text[], p_state text[], p_lane text[],
    p_priority smallint[], p_last_sequence integer[], p_deadline_at timestamptz[], p_received_at timestamptz[],
    p_settled_at timestamptz[], p_reply_to text[], p_correlation_id text[], p_traceparent text[], p_tracestate text[],
    p_seller text[], p_order_no text[], p_follows bigint[], p_fingerprint text[], p_secrets bytea[],
    p_order_claim text[], p_order_hash text[], p_data bytea[], p_warnings bytea[], p_buyer text[],
    p_total_cents bigint[], p_expected_cents bigint[], p_mark text[],
    p_claim_source text[], p_claim text[], p_claim_seller text[], p_claim_order_no text[], p_is_shared boolean[],
    p_since timestamptz[], p_lanes text[], p_tenants text[], p_waiting_max integer, p_at timestamptz, p_worker text
) RETURNS boolean LANGUAGE plpgsql AS $routine$
#variable_conflict use_column
DECLARE
    v_row record;
    v_keys bigint[] := '{}';
    v_delayed text[] := '{}';
BEGIN
    IF cardinality(p_claim) > 1 THEN
        PERFORM 1 FROM ({{lock_orders(p_claim)}}) AS locked;
    END IF;
    PERFORM 1 FROM ({{find_same(p_source, p_id)}}) AS same;
    IF FOUND THEN
        RETURN false;
    END IF;
    IF cardinality(p_claim) > 0 THEN
        PERFORM 1 FROM ({{find_orders(p_claim_source, p_claim, p_claim_seller, p_claim_order_no, p_is_shared)}}) AS taken;
        IF FOUND THEN
            RETURN false;
        END IF;
    END IF;
    IF p_waiting_max IS NOT NULL THEN
        FOR v_row IN SELECT g.source, count(*) AS entering FROM unnest(p_source) AS g (source) GROUP BY g.source LOOP
            PERFORM 1 FROM ({{count_waiting(v_row.source, p_waiting_max)}}) AS w
            WHERE w.waiting + v_row.entering > p_waiting_max;
            IF FOUND THEN
                RETURN false;
            END IF;
        END LOOP;
    END IF;
    FOR v_row IN {{offer_lanes(p_lanes, p_tenants, p_worker)}} LOOP
        IF v_row.is_delayed THEN
            v_delayed := v_delayed || v_row.lane;
        END IF;
    END LOOP;
    FOR v_row IN {{insert_commands(
        p_source, p_id, p_type, p_content_hash, p_state, p_lane, p_priority, p_last_sequence, p_deadline_at,
        p_received_at, p_settled_at, p_reply_to, p_correlation_id, p_traceparent, p_tracestate, p_seller, p_order_no,
        p_follows, p_fingerprint, p_secrets, p_order_claim, p_order_hash, p_data, p_warnings, p_buyer, p_total_cents,
        p_expected_cents, p_mark)}}
    LOOP
        v_keys := v_keys || v_row.key;
    END LOOP;
    IF cardinality(v_keys) < cardinality(p_id) THEN
        RAISE EXCEPTION 'another worker has one of them meanwhile';
    END IF;
    IF cardinality(v_delayed) > 0 THEN
        {{refresh_lanes(v_delayed, p_at)}};
    END IF;
    IF cardinality(p_since) > 0 THEN
        PERFORM 1 FROM ({{find_doubles(v_keys, p_fingerprint, p_since, p_source, p_lane, p_id)}}) AS double;
        IF FOUND THEN
            RAISE EXCEPTION 'one of them came a moment ago under another id';
        END IF;
    END IF;
    RETURN true;
END
$routine$
