-- Batches come as arrays, one per column, so that a batch of any size is one statement.

-- name: insert_commands
-- What is not returned ran into a row that another worker has just entered (the same identity, or the same order
-- number): the caller looks at it again in the next round.
WITH given AS (
    SELECT * FROM unnest(
        $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::smallint[], $8::integer[],
        $9::timestamptz[], $10::timestamptz[], $11::timestamptz[], $12::text[], $13::text[], $14::text[], $15::text[],
        $16::text[], $17::text[], $18::bigint[], $19::text[], $20::bytea[], $21::text[], $22::text[], $23::bytea[],
        $24::bytea[], $25::text[], $26::bigint[], $27::bigint[], $28::text[]
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
SELECT key, source, id FROM entered;

-- name: admit_plain
SELECT fapiao_admit_plain(
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23,
    $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36, $37, $38, $39
) AS is_done;

-- name: find_same
-- FOR KEY SHARE: `prune` must not delete a command while its events are queued for a repeat.
SELECT c.key, c.source, c.id, c.content_hash
FROM unnest($1::text[], $2::text[]) AS g (source, id) JOIN command c ON c.id = g.id AND c.source = g.source
FOR KEY SHARE OF c;

-- name: lanes_of_waiting
SELECT lane, source FROM command WHERE key = ANY ($1::bigint[]) AND state || '' = 'waiting';

-- name: lock_orders
-- Until the commit, and in one order everywhere: commands take their numbers in the order of their coming, so two batches
-- that name the same two on different lanes could wait for each other. Not for more than a usual batch has: the server's
-- table of such locks is small and everybody's, and of two batches that deadlock one is done again.
SELECT pg_advisory_xact_lock(o.number)
FROM (SELECT DISTINCT hashtextextended(g.claim, 0) AS number FROM unnest($1::text[]) AS g (claim)
      WHERE cardinality($1::text[]) <= 200 ORDER BY 1) AS o;

-- name: find_orders
-- The command that holds each of these order numbers; one of the same source, if there is one. Another source's counts
-- only where all sources share their numbers ($5).
SELECT g.source, g.claim, holder.key
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::boolean[])
    AS g (source, claim, seller, order_no, is_shared)
CROSS JOIN LATERAL (
    SELECT c.key FROM command c
    WHERE c.seller = g.seller AND c.order_no = g.order_no AND c.order_no IS NOT NULL AND c.order_claim IS NOT NULL
      AND (c.order_claim = g.claim OR c.source = g.source OR g.is_shared)
    ORDER BY c.source = g.source DESC, c.key LIMIT 1
) AS holder;

-- name: insert_followers
INSERT INTO follower (key, first_key, claim) SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[]);

-- name: find_doubles
-- Of two doubles in the same batch only the later one is a double (`c.key < g.key`).
SELECT g.key, d.id FROM unnest($1::bigint[], $2::text[], $3::timestamptz[], $4::text[], $5::text[], $6::text[])
    AS g (key, fingerprint, since, source, lane, id)
CROSS JOIN LATERAL (
    SELECT c.id FROM command c
    WHERE c.fingerprint = g.fingerprint AND c.fingerprint IS NOT NULL AND c.received_at >= g.since
      AND c.source = g.source AND c.lane = g.lane AND c.id <> g.id
      AND (c.key < g.key OR c.key <> ALL ($1::bigint[]))
      AND c.state NOT IN ('failed', 'rejected')
    ORDER BY c.key LIMIT 1
) AS d;

-- name: replace_warnings
UPDATE payload p SET warnings = g.warnings
FROM unnest($1::bigint[], $2::bytea[]) AS g (key, warnings) WHERE p.key = g.key AND p.key = ANY ($1::bigint[]);

-- name: leave_out_payloads
DELETE FROM payload WHERE key = ANY ($1::bigint[]);

-- name: leave_out_commands
DELETE FROM command WHERE key = ANY ($1::bigint[]);

-- name: count_waiting
SELECT count(*) AS waiting FROM (SELECT 1 FROM command WHERE source = $1 AND state = 'waiting' LIMIT $2) AS w;

-- name: lock_commands_in_order
-- For commands that are followed, or that came again. A step that moves one of them at the same time has either
-- committed before this lock was had, and its events are seen; or it waits for the lock, and then finds the new
-- follower or listener. Without the lock it could be neither, and the caller would hear nothing.
SELECT key FROM command WHERE key = ANY ($1::bigint[]) ORDER BY key FOR NO KEY UPDATE;

-- name: listen
-- One more queue for this command's events, unless they go there anyway.
INSERT INTO listener (command_key, reply_to, correlation_id, traceparent, tracestate, since)
SELECT key, $2, $3, $4, $5, $6 FROM command WHERE key = $1 AND reply_to IS DISTINCT FROM $2
ON CONFLICT DO NOTHING
RETURNING command_key;

-- name: forget_oldest_listeners
DELETE FROM listener WHERE command_key = $1 AND reply_to = ANY (ARRAY(
    SELECT reply_to FROM listener WHERE command_key = $1 ORDER BY since DESC, reply_to OFFSET $2));

-- name: events_for_repeat
-- What a repeat is answered: the command's end and all that followed it. Before its end: the newest event, and that
-- only where the queue did not listen yet ($2).
SELECT sequence, id AS event_id, type AS event_type, body FROM event
WHERE command_key = $1 AND sequence >= coalesce(
    (SELECT min(sequence) FROM event
     WHERE command_key = $1 AND (type LIKE '%.completed' OR type LIKE '%.failed' OR type LIKE '%.rejected')),
    (SELECT max(sequence) FROM event WHERE command_key = $1 AND $2::boolean))
ORDER BY sequence;

-- name: has_second_pending
-- Whether two copies of this event wait for this queue. One alone is no reason to leave the answer out: it may have
-- reached the caller and only not be marked as published yet, and the caller who then asks again would hear nothing.
SELECT 1 FROM outbox
WHERE command_key = $1 AND destination = $2 AND event_id = $3 AND copy = $4 AND state || '' = 'pending'
LIMIT 1 OFFSET 1;

-- name: insert_events
INSERT INTO event (command_key, sequence, id, type, body, created_at)
SELECT * FROM unnest($1::bigint[], $2::integer[], $3::text[], $4::text[], $5::bytea[], $6::timestamptz[]);

-- name: insert_copies
-- ON CONFLICT: an answer that belongs to no command, while the same answer still waits. It takes that one's place under
-- a new number (`seq`). The old copy may have reached the caller, who then asked again; when the relay marks it as
-- published, by its number, the new copy must stay.
INSERT INTO outbox (command_key, sequence, command_id, copy, destination, event_id, event_type, body, correlation_id,
                    traceparent, tracestate, owner, due_at, created_at)
SELECT command_key, sequence, command_id, copy, destination, event_id, event_type, body, correlation_id, traceparent,
       tracestate, $12::text, at, at
FROM unnest($1::bigint[], $2::integer[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bytea[],
            $9::text[], $10::text[], $11::text[], $13::timestamptz[])
    WITH ORDINALITY AS g (command_key, sequence, command_id, copy, destination, event_id, event_type, body,
                          correlation_id, traceparent, tracestate, at, place)
ORDER BY place
ON CONFLICT (event_id, destination) WHERE command_key IS NULL DO UPDATE SET
    seq = DEFAULT, state = 'pending', attempts = 0, owner = excluded.owner, due_at = excluded.due_at,
    created_at = excluded.created_at, body = excluded.body, correlation_id = excluded.correlation_id,
    traceparent = excluded.traceparent, tracestate = excluded.tracestate;

-- name: offer_lanes
-- Work is coming to these lanes: makes a free one ready, marks a held one as wanted, and creates a new one. ON CONFLICT
-- locks a row even where its WHERE changes nothing, so that until the commit nobody can give the lane up without having
-- seen the work. A lane that the asking worker holds ($3) gets no mark: the worker wakes it itself. A lane that waits
-- for its head's time is returned as delayed and not made ready: the newcomer may go before that head or not, and the
-- caller refreshes the lane once the work is written.
WITH clock AS (
    SELECT coalesce((SELECT min(turn) FROM lane WHERE is_ready), (SELECT max(turn) FROM lane), 0) AS turn
), given AS (
    SELECT g.lane, g.tenant, row_number() OVER (PARTITION BY g.tenant ORDER BY g.place) - 1 AS place
    FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS g (lane, tenant, place)
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
WHERE NOT l.is_ready AND NOT l.is_wanted AND l.holder IS DISTINCT FROM $3::text
RETURNING l.lane, l.due_at IS NOT NULL AS is_delayed;
