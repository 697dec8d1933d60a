-- name: due_rows
-- What is to be published now, by due time, so that a backlog is read from its front. A row is passed over where an
-- earlier row of its stream (same command, same destination) is not due, for it would overtake that one. To look for
-- such a row costs no more than the limit: the earlier rows that are due are returned themselves.
SELECT o.seq, o.command_key, o.command_id, o.copy, o.destination, o.event_id, o.event_type,
       coalesce(o.body, e.body) AS body, o.correlation_id, o.traceparent, o.tracestate, o.attempts, o.created_at
FROM outbox o LEFT JOIN event e ON e.command_key = o.command_key AND e.sequence = o.sequence
WHERE o.state = 'pending' AND o.due_at <= :now
  AND NOT EXISTS (SELECT 1 FROM outbox p WHERE p.command_key = o.command_key AND p.destination = o.destination
                  AND p.seq < o.seq AND p.state = 'pending' AND p.due_at > :now)
ORDER BY o.due_at, o.seq LIMIT :limit;

-- name: has_gap
-- Whether the limit has cut an earlier row of one of these streams off: then that stream's times are out of order. A
-- stream is given as key, destination, its last row and how many rows there are.
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
-- The rows behind a postponed one wait with it, and as long: a missing queue must not fill the front of the index.
UPDATE outbox SET due_at = :due_at
WHERE seq > :seq AND state = 'pending' AND due_at <> :due_at
  AND (command_key, destination) = (SELECT command_key, destination FROM outbox WHERE seq = :seq);

-- name: set_undeliverable
UPDATE outbox SET state = 'undeliverable' WHERE seq = :seq AND state = 'pending';
