-- An order behind another one of its lane is in its holder's hand while it still waits: its first step begins it, which
-- was a move of its own before.

CREATE OR REPLACE FUNCTION fapiao_take_heads(
    p_lanes text[], p_epochs bigint[], p_at timestamptz, p_before timestamptz
) RETURNS TABLE (key bigint, source text, id text, type text, state text, reply_to text, correlation_id text, traceparent text,
tracestate text, received_at timestamptz, lane text, epoch bigint, attempts integer, last_sequence integer,
deadline_at timestamptz, submitted_at timestamptz, settled_at timestamptz, seller text, order_no text,
order_hash text, order_claim text, fingerprint text, follows bigint, invoice_number text, account text,
sought_at timestamptz, look_ups integer, progress bytea, breaks integer, secrets bytea, data bytea, warnings bytea) LANGUAGE plpgsql AS $routine$
#variable_conflict use_column
DECLARE
    v_lanes text[] := p_lanes;
    v_epochs bigint[] := p_epochs;
    v_heads integer;
    v_asked integer;
    v_keys bigint[];
    v_under bigint[];
BEGIN
        SELECT array_agg(h.key) FILTER (WHERE h.is_plain), array_agg(h.epoch) FILTER (WHERE h.is_plain),
           array_agg(h.lane) FILTER (WHERE NOT h.is_plain), array_agg(h.epoch) FILTER (WHERE NOT h.is_plain)
    INTO v_keys, v_under, v_lanes, v_epochs
    FROM (SELECT h.key, g.lane, g.epoch,
       h.priority = 0 AND h.epoch < g.epoch
       AND (SELECT 1 FROM command d
            WHERE d.state || '' IN ('checking', 'in_doubt') AND d.lane = g.lane AND d.fingerprint = h.fingerprint LIMIT 1
           ) IS NULL
       AND (SELECT 1 FROM command q
            WHERE q.lane = g.lane AND starts_with(q.state, 'waiting') AND q.priority = 1 LIMIT 1) IS NULL AS is_plain
FROM unnest(v_lanes::text[], v_epochs::bigint[]) AS g (lane, epoch)
CROSS JOIN LATERAL (SELECT c.key, c.priority, c.due_at, c.fingerprint, c.epoch FROM command c
                    WHERE c.lane = g.lane AND starts_with(c.state, 'waiting') ORDER BY c.priority, c.key LIMIT 1) AS h
WHERE h.due_at IS NULL OR h.due_at <= p_at) AS h;
    IF v_keys IS NOT NULL THEN
        RETURN QUERY SELECT c.key, c.source, c.id, c.type, 'running', c.reply_to, c.correlation_id, c.traceparent, c.tracestate,
       c.received_at, c.lane, g.epoch, c.attempts + 1, c.last_sequence, c.deadline_at, c.submitted_at, c.settled_at,
       c.seller, c.order_no, c.order_hash, c.order_claim, c.fingerprint, c.follows, c.invoice_number, c.account,
       c.sought_at, c.look_ups, c.progress, c.breaks, c.secrets,
       (SELECT p.data FROM payload p WHERE p.key = c.key), (SELECT p.warnings FROM payload p WHERE p.key = c.key)
FROM unnest(v_keys::bigint[], v_under::bigint[]) AS g (key, epoch) JOIN command c ON c.key = g.key AND c.key = ANY (v_keys::bigint[]);
    END IF;
    IF v_lanes IS NOT NULL THEN
            FOR v_round IN 1..50 LOOP
        RETURN QUERY WITH first AS MATERIALIZED (
    SELECT h.key, h.priority, h.fingerprint, g.lane, g.epoch
    FROM unnest(v_lanes::text[], v_epochs::bigint[]) AS g (lane, epoch)
    CROSS JOIN LATERAL (SELECT c.key, c.priority, c.due_at, c.fingerprint FROM command c
                        WHERE c.lane = g.lane AND starts_with(c.state, 'waiting')
                        ORDER BY c.priority, c.key LIMIT 1) AS h
    WHERE h.due_at IS NULL OR h.due_at <= p_at
), judged AS (
    SELECT f.*, (
        SELECT 1 FROM command d
        WHERE d.state || '' IN ('checking', 'in_doubt') AND d.lane = f.lane AND d.fingerprint = f.fingerprint LIMIT 1
    ) IS NOT NULL AS has_twin
    FROM first f
), head AS MATERIALIZED (
    SELECT coalesce(q.key, j.key) AS key, j.lane, j.epoch, j.has_twin, q.key IS NOT NULL AS is_let_before,
           q.key IS NOT NULL OR j.priority <> 0 AS asks
    FROM judged j LEFT JOIN LATERAL (
        SELECT o.key FROM (SELECT c.key, c.due_at, c.received_at FROM command c
                           WHERE c.lane = j.lane AND starts_with(c.state, 'waiting') AND c.priority = 1
                           ORDER BY c.priority, c.key LIMIT 1) AS o
        WHERE coalesce(o.due_at, o.received_at) <= p_before
          AND (SELECT l.asked_at IS NULL OR l.asked_at <= p_before FROM lane l WHERE l.lane = j.lane)
    ) AS q ON j.priority = 0 AND NOT j.has_twin
), asking AS (
    UPDATE lane SET asked_at = p_at FROM head
    WHERE lane.lane = head.lane AND lane.lane = ANY (v_lanes::text[]) AND head.asks
      AND NOT starts_with(head.lane, chr(31))
)
UPDATE command c SET
    state = CASE WHEN head.has_twin THEN 'held' ELSE 'running' END,
    priority = CASE WHEN head.is_let_before THEN -1 ELSE c.priority END,
    epoch = head.epoch,
    attempts = c.attempts + CASE WHEN head.has_twin THEN 0 ELSE 1 END,
    due_at = NULL
FROM head
WHERE c.key = head.key AND c.key = ANY (ARRAY(SELECT key FROM head)) AND coalesce(c.state = 'waiting', false)
RETURNING c.key, c.source, c.id, c.type, c.state, c.reply_to, c.correlation_id, c.traceparent, c.tracestate,
          c.received_at, c.lane, c.epoch, c.attempts, c.last_sequence, c.deadline_at, c.submitted_at, c.settled_at,
          c.seller, c.order_no, c.order_hash, c.order_claim, c.fingerprint, c.follows, c.invoice_number, c.account,
          c.sought_at, c.look_ups, c.progress, c.breaks, c.secrets,
          (SELECT p.data FROM payload p WHERE p.key = c.key) AS data,
          (SELECT p.warnings FROM payload p WHERE p.key = c.key) AS warnings;
        GET DIAGNOSTICS v_heads = ROW_COUNT;
        EXIT WHEN v_heads = 0;
        v_asked := cardinality(v_lanes);
        SELECT array_agg(g.lane), array_agg(g.epoch) INTO v_lanes, v_epochs
        FROM unnest(v_lanes, v_epochs) AS g (lane, epoch)
        WHERE g.lane <> ALL (ARRAY(SELECT g.lane FROM unnest(v_lanes::text[]) AS g (lane)
WHERE (SELECT 1 FROM command c WHERE c.lane = g.lane AND c.state IN ('running', 'submitting', 'scanning') LIMIT 1)
      IS NOT NULL));
        EXIT WHEN v_lanes IS NULL OR v_heads = v_asked - cardinality(v_lanes);
    END LOOP;
    END IF;
END
$routine$;

CREATE OR REPLACE FUNCTION fapiao_begin_lanes(
    p_lanes text[], p_epochs bigint[], p_at timestamptz, p_before timestamptz
) RETURNS TABLE (key bigint, source text, id text, type text, state text, reply_to text, correlation_id text, traceparent text,
tracestate text, received_at timestamptz, lane text, epoch bigint, attempts integer, last_sequence integer,
deadline_at timestamptz, submitted_at timestamptz, settled_at timestamptz, seller text, order_no text,
order_hash text, order_claim text, fingerprint text, follows bigint, invoice_number text, account text,
sought_at timestamptz, look_ups integer, progress bytea, breaks integer, secrets bytea, data bytea, warnings bytea) LANGUAGE plpgsql AS $routine$
#variable_conflict use_column
DECLARE
    v_lanes text[];
    v_epochs bigint[];
    v_heads integer;
    v_asked integer;
BEGIN
    RETURN QUERY WITH unfinished AS MATERIALIZED (
    SELECT u.key, g.epoch
    FROM unnest(p_lanes::text[], p_epochs::bigint[]) AS g (lane, epoch)
    CROSS JOIN LATERAL (SELECT c.key FROM command c
                        WHERE c.lane = g.lane AND c.state IN ('running', 'submitting', 'scanning') LIMIT 1) AS u
)
UPDATE command c SET epoch = u.epoch
FROM unfinished u
WHERE c.key = u.key AND c.key = ANY (ARRAY(SELECT key FROM unfinished))
  AND c.state || '' IN ('running', 'submitting', 'scanning')
RETURNING c.key, c.source, c.id, c.type, c.state, c.reply_to, c.correlation_id, c.traceparent, c.tracestate,
          c.received_at, c.lane, c.epoch, c.attempts, c.last_sequence, c.deadline_at, c.submitted_at, c.settled_at,
          c.seller, c.order_no, c.order_hash, c.order_claim, c.fingerprint, c.follows, c.invoice_number, c.account,
          c.sought_at, c.look_ups, c.progress, c.breaks, c.secrets,
          (SELECT p.data FROM payload p WHERE p.key = c.key) AS data,
          (SELECT p.warnings FROM payload p WHERE p.key = c.key) AS warnings;
    SELECT array_agg(g.lane), array_agg(g.epoch) INTO v_lanes, v_epochs
    FROM unnest(p_lanes, p_epochs) AS g (lane, epoch) WHERE g.lane <> ALL (ARRAY(SELECT g.lane FROM unnest(p_lanes::text[]) AS g (lane)
WHERE (SELECT 1 FROM command c WHERE c.lane = g.lane AND c.state IN ('running', 'submitting', 'scanning') LIMIT 1)
      IS NOT NULL));
    IF v_lanes IS NOT NULL THEN
            FOR v_round IN 1..50 LOOP
        RETURN QUERY WITH first AS MATERIALIZED (
    SELECT h.key, h.priority, h.fingerprint, g.lane, g.epoch
    FROM unnest(v_lanes::text[], v_epochs::bigint[]) AS g (lane, epoch)
    CROSS JOIN LATERAL (SELECT c.key, c.priority, c.due_at, c.fingerprint FROM command c
                        WHERE c.lane = g.lane AND starts_with(c.state, 'waiting')
                        ORDER BY c.priority, c.key LIMIT 1) AS h
    WHERE h.due_at IS NULL OR h.due_at <= p_at
), judged AS (
    SELECT f.*, (
        SELECT 1 FROM command d
        WHERE d.state || '' IN ('checking', 'in_doubt') AND d.lane = f.lane AND d.fingerprint = f.fingerprint LIMIT 1
    ) IS NOT NULL AS has_twin
    FROM first f
), head AS MATERIALIZED (
    SELECT coalesce(q.key, j.key) AS key, j.lane, j.epoch, j.has_twin, q.key IS NOT NULL AS is_let_before,
           q.key IS NOT NULL OR j.priority <> 0 AS asks
    FROM judged j LEFT JOIN LATERAL (
        SELECT o.key FROM (SELECT c.key, c.due_at, c.received_at FROM command c
                           WHERE c.lane = j.lane AND starts_with(c.state, 'waiting') AND c.priority = 1
                           ORDER BY c.priority, c.key LIMIT 1) AS o
        WHERE coalesce(o.due_at, o.received_at) <= p_before
          AND (SELECT l.asked_at IS NULL OR l.asked_at <= p_before FROM lane l WHERE l.lane = j.lane)
    ) AS q ON j.priority = 0 AND NOT j.has_twin
), asking AS (
    UPDATE lane SET asked_at = p_at FROM head
    WHERE lane.lane = head.lane AND lane.lane = ANY (v_lanes::text[]) AND head.asks
      AND NOT starts_with(head.lane, chr(31))
)
UPDATE command c SET
    state = CASE WHEN head.has_twin THEN 'held' ELSE 'running' END,
    priority = CASE WHEN head.is_let_before THEN -1 ELSE c.priority END,
    epoch = head.epoch,
    attempts = c.attempts + CASE WHEN head.has_twin THEN 0 ELSE 1 END,
    due_at = NULL
FROM head
WHERE c.key = head.key AND c.key = ANY (ARRAY(SELECT key FROM head)) AND coalesce(c.state = 'waiting', false)
RETURNING c.key, c.source, c.id, c.type, c.state, c.reply_to, c.correlation_id, c.traceparent, c.tracestate,
          c.received_at, c.lane, c.epoch, c.attempts, c.last_sequence, c.deadline_at, c.submitted_at, c.settled_at,
          c.seller, c.order_no, c.order_hash, c.order_claim, c.fingerprint, c.follows, c.invoice_number, c.account,
          c.sought_at, c.look_ups, c.progress, c.breaks, c.secrets,
          (SELECT p.data FROM payload p WHERE p.key = c.key) AS data,
          (SELECT p.warnings FROM payload p WHERE p.key = c.key) AS warnings;
        GET DIAGNOSTICS v_heads = ROW_COUNT;
        EXIT WHEN v_heads = 0;
        v_asked := cardinality(v_lanes);
        SELECT array_agg(g.lane), array_agg(g.epoch) INTO v_lanes, v_epochs
        FROM unnest(v_lanes, v_epochs) AS g (lane, epoch)
        WHERE g.lane <> ALL (ARRAY(SELECT g.lane FROM unnest(v_lanes::text[]) AS g (lane)
WHERE (SELECT 1 FROM command c WHERE c.lane = g.lane AND c.state IN ('running', 'submitting', 'scanning') LIMIT 1)
      IS NOT NULL));
        EXIT WHEN v_lanes IS NULL OR v_heads = v_asked - cardinality(v_lanes);
    END LOOP;
    END IF;
    IF v_lanes IS NOT NULL THEN
        WITH clock AS (
    SELECT coalesce((SELECT min(turn) FROM lane WHERE is_ready), (SELECT max(turn) FROM lane), 0) AS turn
), seen AS (
    SELECT g.lane, a.source AS unfinished, a.state AS stands, h.source AS head, h.due_at
    FROM unnest(v_lanes::text[]) AS g (lane)
    LEFT JOIN LATERAL (SELECT source, state FROM command c WHERE c.lane = g.lane
                       AND c.state IN ('running', 'submitting', 'scanning') LIMIT 1) AS a ON true
    LEFT JOIN LATERAL (SELECT source, due_at FROM command c WHERE c.lane = g.lane AND starts_with(c.state, 'waiting')
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

CREATE OR REPLACE FUNCTION fapiao_claim(
    p_worker text, p_limit integer, p_at timestamptz, p_before timestamptz,
    p_connecting integer, p_of_tenant integer, p_tenants text[], p_rooms integer[]
) RETURNS TABLE (taken text, tenant text, connects boolean, key bigint, source text, id text, type text, state text, reply_to text, correlation_id text, traceparent text,
tracestate text, received_at timestamptz, lane text, epoch bigint, attempts integer, last_sequence integer,
deadline_at timestamptz, submitted_at timestamptz, settled_at timestamptz, seller text, order_no text,
order_hash text, order_claim text, fingerprint text, follows bigint, invoice_number text, account text,
sought_at timestamptz, look_ups integer, progress bytea, breaks integer, secrets bytea, data bytea, warnings bytea) LANGUAGE plpgsql AS $routine$
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
        FOR v_row IN WITH picked AS (
    SELECT lane, turn FROM lane WHERE is_ready ORDER BY turn, lane LIMIT p_limit FOR UPDATE SKIP LOCKED
)
UPDATE lane SET is_ready = false, is_wanted = false, due_at = NULL, holder = p_worker, epoch = lane.epoch + 1
FROM picked WHERE lane.lane = picked.lane
  AND EXISTS (SELECT 1 FROM worker WHERE id = p_worker AND leased_until > clock_timestamp())
RETURNING lane.lane, lane.epoch, lane.tenant, picked.turn LOOP
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
            FOR v_row IN WITH RECURSIVE tenants (tenant) AS (
    SELECT min(tenant) FROM lane WHERE is_ready AND connects = (v_kind = 1)::boolean
    UNION ALL
    SELECT (SELECT min(l.tenant) FROM lane l WHERE l.is_ready AND l.connects = (v_kind = 1)::boolean AND l.tenant > t.tenant)
    FROM tenants t WHERE t.tenant IS NOT NULL
), room AS (
    SELECT t.tenant, greatest(least(v_limit::integer, coalesce(g.room, p_of_tenant::integer)), 0) AS room
    FROM tenants t LEFT JOIN unnest(p_tenants::text[], p_rooms::integer[]) AS g (tenant, room) ON g.tenant = t.tenant
    WHERE t.tenant IS NOT NULL
), offered AS (
    SELECT o.lane FROM room CROSS JOIN LATERAL (
        SELECT l.lane FROM lane l WHERE l.is_ready AND l.connects = (v_kind = 1)::boolean AND l.tenant = room.tenant
        ORDER BY l.turn, l.lane LIMIT room.room
    ) AS o
), picked AS (
    SELECT lane, turn FROM lane WHERE lane = ANY (ARRAY(SELECT lane FROM offered)) AND coalesce(is_ready, false)
    ORDER BY turn + 0, lane LIMIT v_limit::integer FOR UPDATE SKIP LOCKED
)
UPDATE lane SET is_ready = false, is_wanted = false, due_at = NULL, holder = p_worker, epoch = lane.epoch + 1
FROM picked WHERE lane.lane = picked.lane
  AND EXISTS (SELECT 1 FROM worker WHERE id = p_worker AND leased_until > clock_timestamp())
RETURNING lane.lane, lane.epoch, lane.tenant, picked.turn
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
    v_heads integer;
    v_asked integer;
    v_keys bigint[];
    v_under bigint[];
BEGIN
    IF cardinality(p_keys) = 0 AND NOT true = ANY (p_leaves) THEN
        PERFORM set_config('synchronous_commit', 'off', true);
    END IF;
    IF cardinality(p_lanes) > 0 THEN
        WITH locked AS MATERIALIZED (SELECT lane, is_wanted, holder, epoch FROM lane WHERE lane = ANY (p_lanes::text[]) ORDER BY lane FOR UPDATE)
        SELECT array_agg(l.lane), array_agg(l.lane) FILTER (WHERE l.is_wanted) INTO v_held, v_wanted
        FROM unnest(p_lanes, p_epochs, p_workers) AS g (lane, epoch, worker) JOIN locked l ON l.lane = g.lane
        WHERE l.holder = g.worker AND l.epoch = g.epoch;
    END IF;
    IF cardinality(p_keys) > 0 THEN
        WITH given AS MATERIALIZED (
    SELECT * FROM unnest(p_keys::bigint[], p_next::text[], p_due_at::timestamptz[], p_last_sequence::integer[], p_moved_at::timestamptz[], p_is_final::boolean[],
                         p_expected::text[], p_epoch::bigint[], p_lane::text[], p_worker::text[], p_sought_at::timestamptz[], p_account::text[],
                         p_progress::bytea[], p_deadline_at::timestamptz[], p_frees_order::boolean[])
        AS g (key, next, due_at, last_sequence, at, is_final, expected, epoch, lane, worker, sought_at, account,
              progress, deadline_at, frees_order)
), locked AS MATERIALIZED (
    SELECT key, state, lane, epoch, last_sequence FROM command
    WHERE key = ANY (p_keys::bigint[]) ORDER BY key FOR NO KEY UPDATE
), allowed AS MATERIALIZED (
    SELECT g.*, l.epoch < g.epoch AS begins,
           CASE WHEN l.epoch < g.epoch
                THEN l.state = 'waiting' AND 'running' = ANY (string_to_array(g.expected, ' ')) AND l.lane = g.lane
                ELSE l.state = ANY (string_to_array(g.expected, ' ')) AND l.epoch = g.epoch END
           AND (g.last_sequence = 0 OR l.last_sequence < g.last_sequence)
           AND CASE WHEN g.next <> 'submitting' AND l.epoch = g.epoch THEN true ELSE
                   (SELECT lane.epoch = g.epoch AND lane.holder IS NOT DISTINCT FROM g.worker
                    FROM lane WHERE lane.lane = g.lane) END
           AND CASE WHEN g.next <> 'submitting' THEN true ELSE
                   (SELECT worker.leased_until > clock_timestamp() FROM worker WHERE worker.id = g.worker) END AS may
    FROM given g LEFT JOIN locked l ON l.key = g.key
), moved AS (
    UPDATE command c SET
        state = g.next,
        epoch = g.epoch,
        due_at = g.due_at,
        last_sequence = greatest(c.last_sequence, g.last_sequence),
        submitted_at = CASE WHEN g.next = 'submitting' THEN g.at ELSE c.submitted_at END,
        settled_at = CASE WHEN g.is_final THEN coalesce(c.settled_at, g.at) END,
        secrets = CASE WHEN g.is_final AND g.sought_at IS NULL THEN NULL ELSE c.secrets END,
        sought_at = g.sought_at,
        account = coalesce(g.account, c.account),
        attempts = CASE WHEN g.progress IS NOT NULL AND g.next IN ('running', 'waiting') THEN 1
                        ELSE c.attempts + g.begins::integer END,
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
SELECT coalesce(array_agg(key), '{}') AS keys FROM moved
        INTO v_moved;
        FOREACH key IN ARRAY v_moved LOOP
            RETURN NEXT;
        END LOOP;
        IF cardinality(p_nudging) > 0 THEN
            UPDATE follower SET nudges = nudges + 1 WHERE first_key = ANY (p_nudging::bigint[]);
        END IF;
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
            SELECT array_agg(h.key) FILTER (WHERE h.is_plain), array_agg(h.epoch) FILTER (WHERE h.is_plain),
           array_agg(h.lane) FILTER (WHERE NOT h.is_plain), array_agg(h.epoch) FILTER (WHERE NOT h.is_plain)
    INTO v_keys, v_under, v_lanes, v_epochs
    FROM (SELECT h.key, g.lane, g.epoch,
       h.priority = 0 AND h.epoch < g.epoch
       AND (SELECT 1 FROM command d
            WHERE d.state || '' IN ('checking', 'in_doubt') AND d.lane = g.lane AND d.fingerprint = h.fingerprint LIMIT 1
           ) IS NULL
       AND (SELECT 1 FROM command q
            WHERE q.lane = g.lane AND starts_with(q.state, 'waiting') AND q.priority = 1 LIMIT 1) IS NULL AS is_plain
FROM unnest(v_lanes::text[], v_epochs::bigint[]) AS g (lane, epoch)
CROSS JOIN LATERAL (SELECT c.key, c.priority, c.due_at, c.fingerprint, c.epoch FROM command c
                    WHERE c.lane = g.lane AND starts_with(c.state, 'waiting') ORDER BY c.priority, c.key LIMIT 1) AS h
WHERE h.due_at IS NULL OR h.due_at <= p_at) AS h;
    IF v_keys IS NOT NULL THEN
        RETURN QUERY SELECT c.key, c.source, c.id, c.type, 'running', c.reply_to, c.correlation_id, c.traceparent, c.tracestate,
       c.received_at, c.lane, g.epoch, c.attempts + 1, c.last_sequence, c.deadline_at, c.submitted_at, c.settled_at,
       c.seller, c.order_no, c.order_hash, c.order_claim, c.fingerprint, c.follows, c.invoice_number, c.account,
       c.sought_at, c.look_ups, c.progress, c.breaks, c.secrets,
       (SELECT p.data FROM payload p WHERE p.key = c.key), (SELECT p.warnings FROM payload p WHERE p.key = c.key)
FROM unnest(v_keys::bigint[], v_under::bigint[]) AS g (key, epoch) JOIN command c ON c.key = g.key AND c.key = ANY (v_keys::bigint[]);
    END IF;
    IF v_lanes IS NOT NULL THEN
            FOR v_round IN 1..50 LOOP
        RETURN QUERY WITH first AS MATERIALIZED (
    SELECT h.key, h.priority, h.fingerprint, g.lane, g.epoch
    FROM unnest(v_lanes::text[], v_epochs::bigint[]) AS g (lane, epoch)
    CROSS JOIN LATERAL (SELECT c.key, c.priority, c.due_at, c.fingerprint FROM command c
                        WHERE c.lane = g.lane AND starts_with(c.state, 'waiting')
                        ORDER BY c.priority, c.key LIMIT 1) AS h
    WHERE h.due_at IS NULL OR h.due_at <= p_at
), judged AS (
    SELECT f.*, (
        SELECT 1 FROM command d
        WHERE d.state || '' IN ('checking', 'in_doubt') AND d.lane = f.lane AND d.fingerprint = f.fingerprint LIMIT 1
    ) IS NOT NULL AS has_twin
    FROM first f
), head AS MATERIALIZED (
    SELECT coalesce(q.key, j.key) AS key, j.lane, j.epoch, j.has_twin, q.key IS NOT NULL AS is_let_before,
           q.key IS NOT NULL OR j.priority <> 0 AS asks
    FROM judged j LEFT JOIN LATERAL (
        SELECT o.key FROM (SELECT c.key, c.due_at, c.received_at FROM command c
                           WHERE c.lane = j.lane AND starts_with(c.state, 'waiting') AND c.priority = 1
                           ORDER BY c.priority, c.key LIMIT 1) AS o
        WHERE coalesce(o.due_at, o.received_at) <= p_before
          AND (SELECT l.asked_at IS NULL OR l.asked_at <= p_before FROM lane l WHERE l.lane = j.lane)
    ) AS q ON j.priority = 0 AND NOT j.has_twin
), asking AS (
    UPDATE lane SET asked_at = p_at FROM head
    WHERE lane.lane = head.lane AND lane.lane = ANY (v_lanes::text[]) AND head.asks
      AND NOT starts_with(head.lane, chr(31))
)
UPDATE command c SET
    state = CASE WHEN head.has_twin THEN 'held' ELSE 'running' END,
    priority = CASE WHEN head.is_let_before THEN -1 ELSE c.priority END,
    epoch = head.epoch,
    attempts = c.attempts + CASE WHEN head.has_twin THEN 0 ELSE 1 END,
    due_at = NULL
FROM head
WHERE c.key = head.key AND c.key = ANY (ARRAY(SELECT key FROM head)) AND coalesce(c.state = 'waiting', false)
RETURNING c.key, c.source, c.id, c.type, c.state, c.reply_to, c.correlation_id, c.traceparent, c.tracestate,
          c.received_at, c.lane, c.epoch, c.attempts, c.last_sequence, c.deadline_at, c.submitted_at, c.settled_at,
          c.seller, c.order_no, c.order_hash, c.order_claim, c.fingerprint, c.follows, c.invoice_number, c.account,
          c.sought_at, c.look_ups, c.progress, c.breaks, c.secrets,
          (SELECT p.data FROM payload p WHERE p.key = c.key) AS data,
          (SELECT p.warnings FROM payload p WHERE p.key = c.key) AS warnings;
        GET DIAGNOSTICS v_heads = ROW_COUNT;
        EXIT WHEN v_heads = 0;
        v_asked := cardinality(v_lanes);
        SELECT array_agg(g.lane), array_agg(g.epoch) INTO v_lanes, v_epochs
        FROM unnest(v_lanes, v_epochs) AS g (lane, epoch)
        WHERE g.lane <> ALL (ARRAY(SELECT g.lane FROM unnest(v_lanes::text[]) AS g (lane)
WHERE (SELECT 1 FROM command c WHERE c.lane = g.lane AND c.state IN ('running', 'submitting', 'scanning') LIMIT 1)
      IS NOT NULL));
        EXIT WHEN v_lanes IS NULL OR v_heads = v_asked - cardinality(v_lanes);
    END LOOP;
    END IF;
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
    LEFT JOIN LATERAL (SELECT source, due_at FROM command c WHERE c.lane = g.lane AND starts_with(c.state, 'waiting')
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
        PERFORM 1 FROM (SELECT pg_advisory_xact_lock(o.number)
FROM (SELECT DISTINCT hashtextextended(g.claim, 0) AS number FROM unnest(p_claim::text[]) AS g (claim)
      WHERE cardinality(p_claim::text[]) <= 200 ORDER BY 1) AS o) AS locked;
    END IF;
    PERFORM 1 FROM (SELECT c.key, c.source, c.id, c.content_hash
FROM unnest(p_source::text[], p_id::text[]) AS g (source, id) JOIN command c ON c.id = g.id AND c.source = g.source
FOR KEY SHARE OF c) AS same;
    IF FOUND THEN
        RETURN false;
    END IF;
    IF cardinality(p_claim) > 0 THEN
        PERFORM 1 FROM (SELECT g.source, g.claim, holder.key
FROM unnest(p_claim_source::text[], p_claim::text[], p_claim_seller::text[], p_claim_order_no::text[], p_is_shared::boolean[])
    AS g (source, claim, seller, order_no, is_shared)
CROSS JOIN LATERAL (
    SELECT c.key FROM command c
    WHERE c.seller = g.seller AND c.order_no = g.order_no AND c.order_no IS NOT NULL AND c.order_claim IS NOT NULL
      AND (c.order_claim = g.claim OR c.source = g.source OR g.is_shared)
    ORDER BY c.source = g.source DESC, c.key LIMIT 1
) AS holder) AS taken;
        IF FOUND THEN
            RETURN false;
        END IF;
    END IF;
    IF p_waiting_max IS NOT NULL THEN
        FOR v_row IN SELECT g.source, count(*) AS entering FROM unnest(p_source) AS g (source) GROUP BY g.source LOOP
            PERFORM 1 FROM (SELECT count(*) AS waiting FROM (SELECT 1 FROM command WHERE source = v_row.source AND state = 'waiting' LIMIT p_waiting_max) AS w) AS w
            WHERE w.waiting + v_row.entering > p_waiting_max;
            IF FOUND THEN
                RETURN false;
            END IF;
        END LOOP;
    END IF;
    FOR v_row IN WITH clock AS (
    SELECT coalesce((SELECT min(turn) FROM lane WHERE is_ready), (SELECT max(turn) FROM lane), 0) AS turn
), given AS (
    SELECT g.lane, g.tenant, row_number() OVER (PARTITION BY g.tenant ORDER BY g.place) - 1 AS place
    FROM unnest(p_lanes::text[], p_tenants::text[]) WITH ORDINALITY AS g (lane, tenant, place)
), tenants AS (
    SELECT t.tenant, coalesce((SELECT max(turn) FROM lane WHERE lane.tenant = t.tenant) + 1, 0) AS turn
    FROM (SELECT DISTINCT tenant FROM given) AS t
)
INSERT INTO lane AS l (lane, tenant, turn, is_ready, connects)
SELECT g.lane, g.tenant, greatest(clock.turn, t.turn) + g.place, true, NOT starts_with(g.lane, chr(31))
FROM given g JOIN tenants t USING (tenant) CROSS JOIN clock
ORDER BY g.lane
ON CONFLICT (lane) DO UPDATE SET
    is_wanted = l.holder IS NOT NULL,
    is_ready = l.holder IS NULL AND l.due_at IS NULL,
    connects = excluded.connects,
    tenant = CASE WHEN l.holder IS NULL AND l.due_at IS NULL THEN excluded.tenant ELSE l.tenant END,
    turn = CASE WHEN l.holder IS NULL AND l.due_at IS NULL THEN excluded.turn ELSE l.turn END
WHERE NOT l.is_ready AND NOT l.is_wanted AND l.holder IS DISTINCT FROM p_worker::text
RETURNING l.lane, l.due_at IS NOT NULL AS is_delayed LOOP
        IF v_row.is_delayed THEN
            v_delayed := v_delayed || v_row.lane;
        END IF;
    END LOOP;
    FOR v_row IN WITH given AS (
    SELECT * FROM unnest(
        p_source::text[], p_id::text[], p_type::text[], p_content_hash::text[], p_state::text[], p_lane::text[], p_priority::smallint[], p_last_sequence::integer[],
        p_deadline_at::timestamptz[], p_received_at::timestamptz[], p_settled_at::timestamptz[], p_reply_to::text[], p_correlation_id::text[], p_traceparent::text[], p_tracestate::text[],
        p_seller::text[], p_order_no::text[], p_follows::bigint[], p_fingerprint::text[], p_secrets::bytea[], p_order_claim::text[], p_order_hash::text[], p_data::bytea[],
        p_warnings::bytea[], p_buyer::text[], p_total_cents::bigint[], p_expected_cents::bigint[], p_mark::text[]
    ) WITH ORDINALITY AS g (
        source, id, type, content_hash, state, lane, priority, last_sequence,
        deadline_at, received_at, settled_at, reply_to, correlation_id, traceparent, tracestate,
        seller, order_no, follows, fingerprint, secrets, order_claim, order_hash, data, warnings, buyer,
        total_cents, expected_cents, mark, place
    )
), entered AS (
    INSERT INTO command (source, id, type, content_hash, state, lane, priority, last_sequence, deadline_at,
                         received_at, settled_at, reply_to, correlation_id, traceparent, tracestate, seller, order_no,
                         follows, fingerprint, secrets, order_claim, order_hash, buyer, total_cents, expected_cents,
                         mark)
    SELECT source, id, type, content_hash, state, lane, priority, last_sequence, deadline_at, received_at, settled_at,
           reply_to, correlation_id, traceparent, tracestate, seller, order_no, follows, fingerprint, secrets,
           order_claim, order_hash, buyer, total_cents, expected_cents, mark
    FROM given ORDER BY place
    ON CONFLICT DO NOTHING
    RETURNING key, source, id
), kept AS (
    INSERT INTO payload (key, data, warnings)
    SELECT e.key, g.data, g.warnings FROM entered e JOIN given g ON g.id = e.id AND g.source = e.source
)
SELECT key, source, id FROM entered
    LOOP
        v_keys := v_keys || v_row.key;
    END LOOP;
    IF cardinality(v_keys) < cardinality(p_id) THEN
        RAISE EXCEPTION 'another worker has one of them meanwhile';
    END IF;
    IF cardinality(v_delayed) > 0 THEN
        WITH clock AS (
    SELECT coalesce((SELECT min(turn) FROM lane WHERE is_ready), (SELECT max(turn) FROM lane), 0) AS turn
), seen AS (
    SELECT g.lane, a.source AS unfinished, a.state AS stands, h.source AS head, h.due_at
    FROM unnest(v_delayed::text[]) AS g (lane)
    LEFT JOIN LATERAL (SELECT source, state FROM command c WHERE c.lane = g.lane
                       AND c.state IN ('running', 'submitting', 'scanning') LIMIT 1) AS a ON true
    LEFT JOIN LATERAL (SELECT source, due_at FROM command c WHERE c.lane = g.lane AND starts_with(c.state, 'waiting')
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
    IF cardinality(p_since) > 0 THEN
        PERFORM 1 FROM (SELECT g.key, d.id FROM unnest(v_keys::bigint[], p_fingerprint::text[], p_since::timestamptz[], p_source::text[], p_lane::text[], p_id::text[])
    AS g (key, fingerprint, since, source, lane, id)
CROSS JOIN LATERAL (
    SELECT c.id FROM command c
    WHERE c.fingerprint = g.fingerprint AND c.fingerprint IS NOT NULL AND c.received_at >= g.since
      AND c.source = g.source AND c.lane = g.lane AND c.id <> g.id
      AND (c.key < g.key OR c.key <> ALL (v_keys::bigint[]))
      AND c.state NOT IN ('failed', 'rejected')
    ORDER BY c.key LIMIT 1
) AS d) AS double;
        IF FOUND THEN
            RAISE EXCEPTION 'one of them came a moment ago under another id';
        END IF;
    END IF;
    RETURN true;
END
$routine$;
