-- name: due_rows
-- Rows that are due come in the order of their time, so that a backlog is read from its front. A row behind one of its
-- stream that is not due is passed over. How far a row looks before itself is bounded by the limit: whatever is before
-- it is returned with it.
SELECT o.seq, o.command_key, o.command_id, o.copy, o.destination, o.event_id, o.event_type,
       coalesce(o.body, e.body) AS body, o.correlation_id, o.traceparent, o.tracestate, o.attempts, o.created_at
FROM outbox o LEFT JOIN event e ON e.command_key = o.command_key AND e.sequence = o.sequence
WHERE o.state = 'pending' AND o.due_at <= :now
  AND NOT EXISTS (SELECT 1 FROM outbox p WHERE p.command_key = o.command_key AND p.destination = o.destination
                  AND p.seq < o.seq AND p.state = 'pending' AND p.due_at > :now)
ORDER BY o.due_at, o.seq LIMIT :limit;

-- name: has_gap
-- Streams as keys, destinations, last row and number of rows: whether one of them has a row before its last that is not
-- among them.
SELECT EXISTS (
    SELECT 1 FROM json_each(:streams) AS g
    WHERE g.value ->> 3 <> (SELECT count(*) FROM outbox p WHERE p.command_key = g.value ->> 0
                            AND p.destination = g.value ->> 1 AND p.seq <= g.value ->> 2 AND p.state = 'pending')
) AS has_gap;

-- name: due_heads
-- The first row of each stream only, whatever the times of those behind it.
SELECT o.seq, o.command_key, o.command_id, o.copy, o.destination, o.event_id, o.event_type,
       coalesce(o.body, e.body) AS body, o.correlation_id, o.traceparent, o.tracestate, o.attempts, o.created_at
FROM outbox o LEFT JOIN event e ON e.command_key = o.command_key AND e.sequence = o.sequence
WHERE o.state = 'pending' AND o.due_at <= :now
  AND NOT EXISTS (SELECT 1 FROM outbox p WHERE p.command_key = o.command_key AND p.destination = o.destination
                  AND p.seq < o.seq AND p.state = 'pending')
ORDER BY o.due_at, o.seq LIMIT :limit;

-- name: delete_row
DELETE FROM outbox WHERE seq = :seq;

-- name: postpone_row
UPDATE outbox SET due_at = :due_at, attempts = attempts + 1 WHERE seq = :seq AND state = 'pending';

-- name: postpone_stream
-- The rows behind a postponed one wait with it: a missing queue must not fill the front of the index.
UPDATE outbox SET due_at = :due_at
WHERE seq > :seq AND state = 'pending' AND due_at < :due_at
  AND (command_key, destination) = (SELECT command_key, destination FROM outbox WHERE seq = :seq);

-- name: set_undeliverable
UPDATE outbox SET state = 'undeliverable' WHERE seq = :seq AND state = 'pending';
