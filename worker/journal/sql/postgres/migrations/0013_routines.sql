-- What lanes ask all the time, each in one round trip: see `routines.sql`, of which this is made.

CREATE OR REPLACE FUNCTION fapiao_take_heads(
    p_lanes text[], p_epochs bigint[], p_at timestamptz, p_before timestamptz
) RETURNS TABLE (key bigint, source text, id text, type text, state text, reply_to text, correlation_id text, traceparent text,
 tracestate text, received_at timestamptz, lane text, epoch bigint, attempts integer, last_sequence integer,
 deadline_at timestamptz, submitted_at timestamptz, settled_at timestamptz, seller text, order_no text,
 order_hash text, order_claim text, fingerprint text, follows bigint, invoice_number text, account text,
 sought_at timestamptz, look_ups integer, progress bytea, breaks integer, secrets bytea, data bytea, warnings bytea) LANGUAGE plpgsql AS $routine$
#variable_conflict use_column
DECLARE
    v_heads integer;
    v_lanes integer;
BEGIN
    FOR v_round IN 1..50 LOOP
        RETURN QUERY WITH first AS MATERIALIZED (
    SELECT h.key, h.priority, h.fingerprint, g.lane, g.epoch
    FROM unnest(p_lanes::text[], p_epochs::bigint[]) AS g (lane, epoch)
    CROSS JOIN LATERAL (SELECT c.key, c.priority, c.due_at, c.fingerprint FROM command c
                        WHERE c.lane = g.lane AND c.state = 'waiting' ORDER BY c.priority, c.key LIMIT 1) AS h
    WHERE h.due_at IS NULL OR h.due_at <= p_at
), judged AS (
    SELECT f.*, (
        SELECT 1 FROM command d
        WHERE d.state IN ('checking', 'in_doubt') AND d.lane = f.lane AND d.fingerprint = f.fingerprint LIMIT 1
    ) IS NOT NULL AS has_twin
    FROM first f
), head AS MATERIALIZED (
    SELECT coalesce(q.key, j.key) AS key, j.lane, j.epoch, j.has_twin, q.key IS NOT NULL AS is_let_before,
           q.key IS NOT NULL OR j.priority <> 0 AS asks
    FROM judged j LEFT JOIN LATERAL (
        SELECT o.key FROM (SELECT c.key, c.due_at, c.received_at FROM command c
                           WHERE c.lane = j.lane AND c.state = 'waiting' AND c.priority = 1
                           ORDER BY c.priority, c.key LIMIT 1) AS o
        WHERE coalesce(o.due_at, o.received_at) <= p_before
          AND (SELECT l.asked_at IS NULL OR l.asked_at <= p_before FROM lane l WHERE l.lane = j.lane)
    ) AS q ON j.priority = 0 AND NOT j.has_twin
), asking AS (
    UPDATE lane SET asked_at = p_at FROM head
    WHERE lane.lane = head.lane AND lane.lane = ANY (p_lanes::text[]) AND head.asks
      AND NOT starts_with(head.lane, chr(31))
)
UPDATE command c SET
    state = CASE WHEN head.has_twin THEN 'held' ELSE 'running' END,
    priority = CASE WHEN head.is_let_before THEN -1 ELSE c.priority END,
    epoch = head.epoch,
    attempts = c.attempts + CASE WHEN head.has_twin THEN 0 ELSE 1 END,
    due_at = NULL
FROM head
WHERE c.key = head.key AND c.key = ANY (ARRAY(SELECT key FROM head)) AND c.state || '' = 'waiting'
RETURNING c.key, c.source, c.id, c.type, c.state, c.reply_to, c.correlation_id, c.traceparent, c.tracestate,
          c.received_at, c.lane, c.epoch, c.attempts, c.last_sequence, c.deadline_at, c.submitted_at, c.settled_at,
          c.seller, c.order_no, c.order_hash, c.order_claim, c.fingerprint, c.follows, c.invoice_number, c.account,
          c.sought_at, c.look_ups, c.progress, c.breaks, c.secrets,
          (SELECT p.data FROM payload p WHERE p.key = c.key) AS data,
          (SELECT p.warnings FROM payload p WHERE p.key = c.key) AS warnings;
        GET DIAGNOSTICS v_heads = ROW_COUNT;
        EXIT WHEN v_heads = 0;
        v_lanes := cardinality(p_lanes);
        SELECT array_agg(g.lane), array_agg(g.epoch) INTO p_lanes, p_epochs
        FROM unnest(p_lanes, p_epochs) AS g (lane, epoch)
        WHERE g.lane <> ALL (ARRAY(SELECT g.lane FROM unnest(p_lanes::text[]) AS g (lane)
WHERE (SELECT 1 FROM command c WHERE c.lane = g.lane AND c.state IN ('running', 'submitting', 'scanning') LIMIT 1)
      IS NOT NULL));
        EXIT WHEN p_lanes IS NULL OR v_heads = v_lanes - cardinality(p_lanes);
    END LOOP;
END
$routine$;

CREATE OR REPLACE FUNCTION fapiao_write_batch(
    p_lanes text[], p_epochs bigint[], p_workers text[], p_behind bigint[], p_leaves boolean[],
    p_at timestamptz, p_before timestamptz,
    p_keys bigint[], p_next text[], p_due_at timestamptz[], p_last_sequence integer[], p_moved_at timestamptz[],
    p_is_final boolean[], p_expected text[], p_epoch bigint[], p_lane text[], p_worker text[],
    p_sought_at timestamptz[], p_account text[], p_progress bytea[], p_deadline_at timestamptz[],
    p_event_keys bigint[], p_event_sequences integer[], p_event_ids text[], p_event_types text[], p_event_bodies bytea[],
    p_copy_keys bigint[], p_copy_sequences integer[], p_copy_ids text[], p_copy_types text[], p_copies text[],
    p_destinations text[], p_frees_order boolean[], p_nudging bigint[]
) RETURNS TABLE (key bigint, source text, id text, type text, state text, reply_to text, correlation_id text, traceparent text,
 tracestate text, received_at timestamptz, lane text, epoch bigint, attempts integer, last_sequence integer,
 deadline_at timestamptz, submitted_at timestamptz, settled_at timestamptz, seller text, order_no text,
 order_hash text, order_claim text, fingerprint text, follows bigint, invoice_number text, account text,
 sought_at timestamptz, look_ups integer, progress bytea, breaks integer, secrets bytea, data bytea, warnings bytea) LANGUAGE plpgsql AS $routine$
#variable_conflict use_column
DECLARE
    v_held text[];
    v_wanted text[];
    v_moved bigint[] := '{}';
    v_lanes text[];
    v_epochs bigint[];
BEGIN
    IF cardinality(p_lanes) > 0 THEN
        WITH locked AS MATERIALIZED (SELECT lane, is_wanted, holder, epoch FROM lane WHERE lane = ANY (p_lanes::text[]) ORDER BY lane FOR UPDATE)
        SELECT array_agg(l.lane), array_agg(l.lane) FILTER (WHERE l.is_wanted) INTO v_held, v_wanted
        FROM unnest(p_lanes, p_epochs, p_workers) AS g (lane, epoch, worker) JOIN locked l ON l.lane = g.lane
        WHERE l.holder = g.worker AND l.epoch = g.epoch;
    END IF;
    IF cardinality(p_keys) > 0 THEN
        FOR key IN WITH given AS MATERIALIZED (
    SELECT * FROM unnest(p_keys::bigint[], p_next::text[], p_due_at::timestamptz[], p_last_sequence::integer[], p_moved_at::timestamptz[], p_is_final::boolean[],
                         p_expected::text[], p_epoch::bigint[], p_lane::text[], p_worker::text[], p_sought_at::timestamptz[], p_account::text[],
                         p_progress::bytea[], p_deadline_at::timestamptz[], p_frees_order::boolean[])
        AS g (key, next, due_at, last_sequence, at, is_final, expected, epoch, lane, worker, sought_at, account,
              progress, deadline_at, frees_order)
), locked AS MATERIALIZED (
    SELECT key, state, epoch, last_sequence FROM command WHERE key = ANY (p_keys::bigint[]) ORDER BY key FOR UPDATE
), allowed AS MATERIALIZED (
    SELECT g.*, l.state = ANY (string_to_array(g.expected, ' ')) AND l.epoch = g.epoch
           AND (g.last_sequence = 0 OR l.last_sequence < g.last_sequence)
           AND CASE WHEN g.next <> 'submitting' THEN true ELSE
                   (SELECT lane.epoch = g.epoch AND lane.holder IS NOT DISTINCT FROM g.worker
                    FROM lane WHERE lane.lane = g.lane)
                   AND (SELECT worker.leased_until > clock_timestamp() FROM worker WHERE worker.id = g.worker)
               END AS may
    FROM given g LEFT JOIN locked l ON l.key = g.key
), moved AS (
    UPDATE command c SET
        state = g.next,
        due_at = g.due_at,
        last_sequence = greatest(c.last_sequence, g.last_sequence),
        submitted_at = CASE WHEN g.next = 'submitting' THEN g.at ELSE c.submitted_at END,
        settled_at = CASE WHEN g.is_final THEN coalesce(c.settled_at, g.at) END,
        secrets = CASE WHEN g.is_final AND g.sought_at IS NULL THEN NULL ELSE c.secrets END,
        sought_at = g.sought_at,
        account = coalesce(g.account, c.account),
        attempts = CASE WHEN g.progress IS NOT NULL AND g.next IN ('running', 'waiting') THEN 1 ELSE c.attempts END,
        progress = CASE WHEN g.is_final THEN NULL ELSE coalesce(g.progress, c.progress) END,
        deadline_at = coalesce(g.deadline_at, c.deadline_at),
        look_ups = CASE WHEN g.next = 'completed' AND c.state <> 'completed' AND g.sought_at IS NOT NULL THEN 0
                        ELSE c.look_ups END,
        order_claim = CASE WHEN g.frees_order THEN NULL ELSE c.order_claim END,
        priority = CASE WHEN g.next <> 'waiting' THEN c.priority WHEN c.type = 'look_up' THEN 2
                        WHEN c.priority = -1 THEN 1 ELSE c.priority END
    FROM allowed g
    WHERE c.key = g.key AND c.key = ANY (ARRAY(SELECT key FROM allowed WHERE may))
    RETURNING c.key, c.id, c.correlation_id, c.traceparent, c.tracestate, g.at, g.worker
), nudged AS (
    UPDATE follower f SET nudges = f.nudges + 1 FROM moved
    WHERE f.first_key = moved.key AND f.first_key = ANY (p_nudging::bigint[])
), told AS (
    INSERT INTO event (command_key, sequence, id, type, body, created_at)
    SELECT moved.key, e.sequence, e.id, e.type, e.body, moved.at
    FROM moved JOIN unnest(p_event_keys::bigint[], p_event_sequences::integer[], p_event_ids::text[], p_event_types::text[], p_event_bodies::bytea[])
        AS e (key, sequence, id, type, body) ON e.key = moved.key
), queued AS (
    INSERT INTO outbox (command_key, sequence, command_id, copy, destination, event_id, event_type, correlation_id,
                        traceparent, tracestate, owner, due_at, created_at)
    SELECT moved.key, q.sequence, moved.id, q.copy, q.destination, q.event_id, q.event_type, moved.correlation_id,
           moved.traceparent, moved.tracestate, moved.worker, moved.at, moved.at
    FROM moved JOIN unnest(p_copy_keys::bigint[], p_copy_sequences::integer[], p_copy_ids::text[], p_copy_types::text[], p_copies::text[], p_destinations::text[])
        WITH ORDINALITY AS q (key, sequence, event_id, event_type, copy, destination, place) ON q.key = moved.key
    ORDER BY q.place
)
SELECT key FROM moved
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
        UPDATE lane SET is_wanted = false WHERE lane = ANY (v_lanes::text[]) AND is_wanted;
    END IF;
    IF 0 = ANY (p_behind) THEN
        SELECT array_agg(g.lane), array_agg(g.epoch) INTO v_lanes, v_epochs
        FROM unnest(v_lanes, v_epochs) AS g (lane, epoch)
        WHERE g.lane <> ALL (ARRAY(SELECT g.lane FROM unnest(v_lanes::text[]) AS g (lane)
WHERE (SELECT 1 FROM command c WHERE c.lane = g.lane AND c.state IN ('running', 'submitting', 'scanning') LIMIT 1)
      IS NOT NULL));
    END IF;
    IF v_lanes IS NOT NULL THEN
        RETURN QUERY SELECT * FROM fapiao_take_heads(v_lanes, v_epochs, p_at, p_before);
    END IF;
    SELECT array_agg(g.lane) INTO v_lanes
    FROM unnest(p_lanes, p_leaves) AS g (lane, leaves) WHERE g.leaves AND g.lane = ANY (v_held);
    IF v_lanes IS NOT NULL THEN
        WITH clock AS (
    SELECT coalesce((SELECT min(turn) FROM lane WHERE is_ready), (SELECT max(turn) FROM lane), 0) AS turn
), seen AS (
    SELECT g.lane, a.source AS unfinished, a.state AS stands, h.source AS head, h.due_at
    FROM unnest(v_lanes::text[]) AS g (lane)
    LEFT JOIN LATERAL (SELECT source, state FROM command c WHERE c.lane = g.lane
                       AND c.state IN ('running', 'submitting', 'scanning') LIMIT 1) AS a ON true
    LEFT JOIN LATERAL (SELECT source, due_at FROM command c WHERE c.lane = g.lane AND c.state = 'waiting'
                       ORDER BY c.priority, c.key LIMIT 1) AS h ON true
), judged AS (
    SELECT s.lane, coalesce(nullif(coalesce(s.unfinished, s.head), ''), l.tenant) AS tenant, s.due_at,
           s.unfinished IS NOT NULL OR (s.head IS NOT NULL AND (s.due_at IS NULL OR s.due_at <= p_at)) AS is_ready,
           NOT (starts_with(s.lane, chr(31)) OR coalesce(s.stands <> 'running', false)) AS connects,
           s.unfinished IS NULL AND s.head IS NULL AND starts_with(s.lane, chr(31)) AS is_over
    FROM seen s JOIN lane l ON l.lane = s.lane
), gone AS (
    DELETE FROM lane USING judged j WHERE lane.lane = j.lane AND j.is_over
), tenants AS (
    SELECT t.tenant, coalesce((SELECT max(turn) FROM lane WHERE lane.tenant = t.tenant) + 1, 0) AS turn
    FROM (SELECT DISTINCT tenant FROM judged WHERE is_ready) AS t
), ranked AS (
    SELECT j.lane, j.tenant, j.due_at, j.is_ready, j.connects,
           greatest(clock.turn, t.turn) + row_number() OVER (PARTITION BY j.is_ready, j.tenant ORDER BY j.lane) - 1
               AS turn
    FROM judged j CROSS JOIN clock LEFT JOIN tenants t ON t.tenant = j.tenant
    WHERE NOT j.is_over
)
UPDATE lane SET
    holder = NULL,
    is_wanted = false,
    is_ready = r.is_ready,
    connects = r.connects,
    due_at = CASE WHEN r.is_ready THEN NULL ELSE r.due_at END,
    tenant = CASE WHEN r.is_ready THEN r.tenant ELSE lane.tenant END,
    turn = CASE WHEN r.is_ready THEN r.turn ELSE lane.turn END
FROM ranked r WHERE lane.lane = r.lane;
    END IF;
END
$routine$;
