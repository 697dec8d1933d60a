-- PostgreSQL analyses the outbox while it is empty, most of the time. By such statistics the planner would look for the
-- earlier rows of a stream in the index of all pending rows, and go through that once for each row. So the state is
-- written as `state || ''` there, which no index has.

-- name: due_rows
-- What this worker is to publish now, by due time, so that a backlog is read from its front. A row is passed over where
-- an earlier row of its stream (same command, same destination) is not due or is another worker's, for it would
-- overtake that one. To look for such a row costs no more than the limit: the earlier rows that are due are returned
-- themselves. Where the limit cut the answer off, `has_gap` tells whether it lacks an earlier row of some stream: then
-- that stream's times are out of order, and the caller asks for `due_heads`.
WITH due AS MATERIALIZED (
    SELECT * FROM (
        (SELECT * FROM outbox m WHERE m.state = 'pending' AND m.owner = $1 AND m.due_at <= $2
         AND (SELECT 1 FROM outbox p WHERE p.command_key = m.command_key AND p.destination = m.destination
              AND p.seq < m.seq AND p.state || '' = 'pending'
              AND (p.due_at > $2 OR p.owner IS DISTINCT FROM m.owner) LIMIT 1) IS NULL
         ORDER BY m.due_at, m.seq LIMIT $3)
        UNION ALL
        (SELECT * FROM outbox m WHERE m.state = 'pending' AND m.owner IS NULL AND m.due_at <= $2
         AND (SELECT 1 FROM outbox p WHERE p.command_key = m.command_key AND p.destination = m.destination
              AND p.seq < m.seq AND p.state || '' = 'pending'
              AND (p.due_at > $2 OR p.owner IS DISTINCT FROM m.owner) LIMIT 1) IS NULL
         ORDER BY m.due_at, m.seq LIMIT $3)
    ) AS o ORDER BY o.due_at, o.seq LIMIT $3
)
SELECT o.seq, o.command_key, o.command_id, o.copy, o.destination, o.event_id, o.event_type,
       coalesce(o.body, (SELECT e.body FROM event e
                         WHERE e.command_key = o.command_key AND e.sequence = o.sequence LIMIT 1)) AS body,
       o.correlation_id, o.traceparent, o.tracestate, o.attempts, o.created_at,
       CASE WHEN (SELECT count(*) FROM due) < $3 THEN false ELSE EXISTS (
           SELECT 1 FROM (SELECT d.command_key, d.destination, max(d.seq) AS last, count(*) AS number
                          FROM due d WHERE d.command_key IS NOT NULL GROUP BY d.command_key, d.destination) AS g
           WHERE g.number <> (SELECT count(*) FROM outbox p WHERE p.command_key = g.command_key
                              AND p.destination = g.destination AND p.seq <= g.last AND p.state || '' = 'pending')
       ) END AS has_gap
FROM due o
ORDER BY o.due_at, o.seq;

-- name: due_heads
-- The first row of each stream only, whatever the times of those behind it.
SELECT o.seq, o.command_key, o.command_id, o.copy, o.destination, o.event_id, o.event_type,
       coalesce(o.body, (SELECT e.body FROM event e
                         WHERE e.command_key = o.command_key AND e.sequence = o.sequence LIMIT 1)) AS body,
       o.correlation_id, o.traceparent, o.tracestate, o.attempts, o.created_at
FROM (
    (SELECT * FROM outbox m WHERE m.state = 'pending' AND m.owner = $1 AND m.due_at <= $2
     AND (SELECT 1 FROM outbox p WHERE p.command_key = m.command_key AND p.destination = m.destination
          AND p.seq < m.seq AND p.state || '' = 'pending' LIMIT 1) IS NULL
     ORDER BY m.due_at, m.seq LIMIT $3)
    UNION ALL
    (SELECT * FROM outbox m WHERE m.state = 'pending' AND m.owner IS NULL AND m.due_at <= $2
     AND (SELECT 1 FROM outbox p WHERE p.command_key = m.command_key AND p.destination = m.destination
          AND p.seq < m.seq AND p.state || '' = 'pending' LIMIT 1) IS NULL
     ORDER BY m.due_at, m.seq LIMIT $3)
) AS o
ORDER BY o.due_at, o.seq LIMIT $3;

-- name: delete_rows
DELETE FROM outbox WHERE seq = ANY ($1::bigint[]);

-- name: postpone_rows
UPDATE outbox o SET due_at = g.due_at, attempts = o.attempts + 1
FROM unnest($1::bigint[], $2::timestamptz[]) AS g (seq, due_at)
WHERE o.seq = g.seq AND o.seq = ANY ($1::bigint[]) AND o.state || '' = 'pending';

-- name: postpone_streams
-- The rows behind a postponed one wait with it, and as long: a missing queue must not fill the front of the index.
WITH behind AS MATERIALIZED (
    SELECT b.seq, max(g.due_at) AS due_at FROM unnest($1::bigint[], $2::timestamptz[]) AS g (seq, due_at)
    CROSS JOIN LATERAL (SELECT command_key, destination FROM outbox WHERE seq = g.seq LIMIT 1) AS f
    CROSS JOIN LATERAL (SELECT o.seq FROM outbox o
                        WHERE o.command_key = f.command_key AND o.destination = f.destination AND o.seq > g.seq
                          AND o.state || '' = 'pending' OFFSET 0) AS b
    GROUP BY b.seq
)
UPDATE outbox o SET due_at = b.due_at FROM behind b
WHERE o.seq = b.seq AND o.seq = ANY (ARRAY(SELECT seq FROM behind)) AND o.state || '' = 'pending'
  AND o.due_at <> b.due_at;

-- name: set_undeliverable
UPDATE outbox SET state = 'undeliverable' WHERE seq = ANY ($1::bigint[]) AND state || '' = 'pending';

-- name: dead_owners
WITH RECURSIVE owners (id) AS (
    SELECT min(owner) FROM outbox WHERE state = 'pending' AND owner IS NOT NULL
    UNION ALL
    SELECT (SELECT min(owner) FROM outbox WHERE state = 'pending' AND owner > owners.id)
    FROM owners WHERE owners.id IS NOT NULL
)
SELECT id FROM owners WHERE id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM worker WHERE worker.id = owners.id);

-- name: give_up_rows
-- Their owner becomes '', which is no worker's name, so they are adopted like those of a dead worker. NULL would not
-- do: every worker publishes rows without an owner, and until one has adopted them several would publish each.
UPDATE outbox SET owner = '' WHERE seq = ANY (ARRAY(
    SELECT seq FROM outbox WHERE state = 'pending' AND owner = $1 AND EXISTS (SELECT 1 FROM worker WHERE id <> $1)
    LIMIT $2 FOR UPDATE SKIP LOCKED
)) RETURNING seq;

-- name: adopt_rows
-- Replicas that adopt at once share the rows. In no order: `due_rows` gives them out in order anyway.
UPDATE outbox SET owner = $1 WHERE seq = ANY (ARRAY(
    SELECT seq FROM outbox WHERE state = 'pending' AND owner = ANY ($2::text[]) LIMIT $3 FOR UPDATE SKIP LOCKED
)) RETURNING seq;

-- name: adopt_unowned_rows
UPDATE outbox SET owner = $1 WHERE seq = ANY (ARRAY(
    SELECT seq FROM outbox WHERE state = 'pending' AND owner IS NULL LIMIT $2 FOR UPDATE SKIP LOCKED
)) RETURNING seq;
