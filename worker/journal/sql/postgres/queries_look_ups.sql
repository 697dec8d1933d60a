-- What is sought at the gateway. A look-up is a command of the journal's own: one per lane and account, however much is
-- sought there. Its priority is 2, behind issue (0) and query (1), or -1 once it has waited for too long.

-- name: walk_sought
-- Walks the index of what is sought from one pair of lane and account to the next, beginning behind the given pair: one
-- probe for each pair, however many commands it has. `is_due`: something of the pair is due, and no look-up is entered
-- for it. That look-up is read as a value, for an EXISTS could be joined with all look-ups.
WITH RECURSIVE pair AS (
    SELECT $1::text AS lane, $2::text AS account, NULL::timestamptz AS sought_at, 0 AS place
    UNION ALL
    SELECT following.*, pair.place + 1 FROM pair CROSS JOIN LATERAL (
        SELECT lane, account, sought_at FROM command
        WHERE sought_at IS NOT NULL AND account IS NOT NULL AND (lane, account) > (pair.lane, pair.account)
        ORDER BY lane, account, sought_at LIMIT 1) AS following
    WHERE pair.place < $3
)
SELECT lane, account, sought_at <= $4 AND
    (SELECT l.key FROM command l WHERE l.type = 'look_up' AND l.lane = pair.lane AND l.account = pair.account) IS NULL
    AS is_due
FROM pair WHERE place > 0;

-- name: look_ups_to_lift
-- `coalesce`, which no index has: an index of all that waits would be gone through.
SELECT key, lane FROM command
WHERE type = 'look_up' AND priority = 2 AND received_at <= $1 AND coalesce(state = 'waiting', false)
  AND (due_at IS NULL OR due_at <= $2)
ORDER BY received_at LIMIT $3;

-- name: lock_lanes
-- Passes over lanes that are being worked on: what is due there is entered by a later round, and nobody waits.
SELECT lane, is_ready, holder FROM lane WHERE lane = ANY ($1::text[]) ORDER BY lane FOR UPDATE SKIP LOCKED;

-- name: enter_look_ups
-- `walk_sought` read what is due before the lanes were locked, so it is asked once more: another replica may have
-- entered a look-up since (ON CONFLICT: one for each pair), or even ended one, and then nothing is due.
WITH given AS (
    SELECT g.lane, g.account FROM unnest($1::text[], $2::text[]) AS g (lane, account)
    WHERE (SELECT 1 FROM command c WHERE c.lane = g.lane AND c.account = g.account AND c.sought_at <= $3
           LIMIT 1) IS NOT NULL
), entered AS (
    INSERT INTO command (source, id, type, content_hash, state, lane, account, priority, received_at, correlation_id)
    SELECT '', lane || chr(31) || account, 'look_up', '', 'waiting', lane, account, 2, $3, '' FROM given
    ON CONFLICT DO NOTHING
    RETURNING key
), kept AS (
    INSERT INTO payload (key, data, warnings) SELECT key, '{}'::bytea, '[]'::bytea FROM entered
)
SELECT key FROM entered;

-- name: lift_look_ups
UPDATE command SET priority = -1
WHERE key = ANY ($1::bigint[]) AND type || '' = 'look_up' AND state || '' = 'waiting' AND priority = 2
RETURNING key;

-- name: sought_commands
-- The longest due first, straight from the index.
SELECT c.*, p.data, p.warnings
FROM (SELECT key FROM command
      WHERE lane = $1 AND account = $2 AND sought_at IS NOT NULL AND account IS NOT NULL
      ORDER BY sought_at, key LIMIT $3) AS s
JOIN command c ON c.key = s.key JOIN payload p ON p.key = c.key
ORDER BY c.sought_at, c.key;

-- name: lock_refused
-- Keeps the account's row from being deleted until what the look-up puts off is committed. Whoever resumes the account,
-- or brings a new password, deletes that row first and then hastens what was put off: it either waits here and finds
-- that, or it was first, there is no row, and nothing is put off. Without the lock, what somebody has just resumed
-- could rest for hours.
SELECT 1 FROM account WHERE id = $1 FOR KEY SHARE;

-- name: end_look_up
WITH ended AS (
    DELETE FROM command WHERE key = $1 AND type || '' = 'look_up' AND state || '' = 'running' AND epoch = $2
    RETURNING key, lane, account
), emptied AS (
    DELETE FROM payload USING ended WHERE payload.key = ended.key
), put_off AS (
    UPDATE command c SET sought_at = $3::timestamptz FROM ended
    WHERE c.lane = ended.lane AND c.account = ended.account AND c.sought_at IS NOT NULL AND c.account IS NOT NULL
      AND c.sought_at < $3::timestamptz
)
SELECT key FROM ended;

-- name: unsettled_commands
SELECT c.*, p.data, p.warnings FROM command c JOIN payload p ON p.key = c.key
WHERE c.lane = ANY ($1::text[]) AND c.state || '' IN ('checking', 'in_doubt') ORDER BY c.key;

-- name: has_earlier
-- Looks at the lane's head alone: while that one is not due, all behind it wait too. A query or look-up that was let go
-- before issues (priority -1) yields to them only when its slice of time is over ($4).
SELECT 1 FROM (SELECT priority, due_at FROM command WHERE lane = $1 AND starts_with(state, 'waiting')
               ORDER BY priority, key LIMIT 1) AS h
JOIN command c ON c.key = $2 JOIN lane l ON l.lane = $1
WHERE (h.priority < c.priority OR (h.priority = 0 AND c.priority < 0 AND l.asked_at <= $4))
  AND (h.due_at IS NULL OR h.due_at <= $3);

-- name: rival_commands
SELECT c.*, p.data, p.warnings
FROM (SELECT key FROM command
      WHERE seller = $1 AND (submitted_at, key) > ($2::timestamptz, $3::bigint) AND submitted_at IS NOT NULL
        AND invoice_number IS NULL AND state IN ('submitting', 'scanning', 'checking', 'in_doubt', 'completed')
      ORDER BY submitted_at, key LIMIT $4) AS s
JOIN command c ON c.key = s.key JOIN payload p ON p.key = c.key
ORDER BY c.submitted_at, c.key;

-- name: rivals_by_clues
-- One arm for each clue, and each arm a probe of one index: no total (such a submission could claim anything), total
-- alone where the probe names no buyer, buyer and total ('' is an open buyer), expected total, remark. The conditions
-- that every arm repeats are those of the partial indexes; an arm that lacked one could not use its index.
SELECT c.*, p.data, p.warnings
FROM (
    SELECT DISTINCT wanted.key FROM (
        SELECT c.key FROM command c
        WHERE c.seller = $1 AND c.invoice_number IS NULL AND c.submitted_at IS NOT NULL AND c.submitted_at > $2
          AND c.total_cents IS NULL AND c.state IN ('submitting', 'scanning', 'checking', 'in_doubt', 'completed')
        UNION ALL
        SELECT c.key FROM unnest($3::bigint[], $4::bigint[], $5::text[]) AS g (low, high, buyer)
        CROSS JOIN LATERAL (
            SELECT c.key FROM command c
            WHERE g.buyer IS NULL AND c.total_cents BETWEEN g.low AND g.high
              AND c.seller = $1 AND c.invoice_number IS NULL AND c.submitted_at IS NOT NULL AND c.submitted_at > $2
              AND c.state IN ('submitting', 'scanning', 'checking', 'in_doubt', 'completed')) AS c
        UNION ALL
        SELECT c.key FROM unnest($3::bigint[], $4::bigint[], $5::text[]) AS g (low, high, buyer)
        CROSS JOIN LATERAL unnest(ARRAY['', g.buyer]) AS b (buyer)
        CROSS JOIN LATERAL (
            SELECT c.key FROM command c
            WHERE g.buyer IS NOT NULL AND c.buyer = b.buyer AND c.total_cents BETWEEN g.low AND g.high
              AND c.seller = $1 AND c.invoice_number IS NULL AND c.submitted_at IS NOT NULL AND c.submitted_at > $2
              AND c.state IN ('submitting', 'scanning', 'checking', 'in_doubt', 'completed')) AS c
        UNION ALL
        SELECT c.key FROM unnest($3::bigint[], $4::bigint[]) AS g (low, high)
        CROSS JOIN LATERAL (
            SELECT c.key FROM command c
            WHERE c.expected_cents BETWEEN g.low AND g.high AND c.expected_cents IS NOT NULL
              AND c.seller = $1 AND c.invoice_number IS NULL AND c.submitted_at IS NOT NULL AND c.submitted_at > $2
              AND c.state IN ('submitting', 'scanning', 'checking', 'in_doubt', 'completed')) AS c
        UNION ALL
        SELECT c.key FROM unnest($6::text[]) AS g (mark)
        CROSS JOIN LATERAL (
            SELECT c.key FROM command c
            WHERE c.mark = g.mark AND c.mark IS NOT NULL AND c.state IN ('submitting', 'scanning', 'checking', 'in_doubt', 'completed')
              AND c.seller = $1 AND c.invoice_number IS NULL AND c.submitted_at IS NOT NULL AND c.submitted_at > $2) AS c
    ) AS wanted
    WHERE wanted.key > $7 ORDER BY wanted.key LIMIT $8
) AS s
JOIN command c ON c.key = s.key JOIN payload p ON p.key = c.key
ORDER BY c.key;

-- name: bound_numbers
SELECT invoice_number FROM command WHERE invoice_number = ANY ($1::text[]);

-- name: strays_of
SELECT command_key, reason, body FROM stray
WHERE command_key = ANY ($1::bigint[]) AND reason IN ('does_not_fit', 'fits_several', 'unreadable')
ORDER BY id LIMIT $2;

-- name: last_results
-- The results that settled orders of these lanes last, so many of each at most. Not those of followers, which were told
-- the address of their first one's invoice: a follower that an earlier version journaled may have other content, and
-- two different orders with one address would say that addresses tell nothing (`InvoiceAddresses`).
SELECT g.lane, wanted.key, wanted.fingerprint, wanted.submitted_at, told.body FROM unnest($1::text[], $2::integer[]) AS g (lane, number)
CROSS JOIN LATERAL (
    SELECT c.key, c.fingerprint, c.submitted_at, c.settled_at FROM command c
    WHERE c.lane = g.lane AND c.state = 'completed' AND c.type = 'invoice.issue' AND c.fingerprint IS NOT NULL
      AND c.follows IS NULL
    ORDER BY c.settled_at DESC, c.key DESC LIMIT g.number) AS wanted
CROSS JOIN LATERAL (
    SELECT e.body FROM event e WHERE e.command_key = wanted.key AND e.type = 'invoice.issue.completed'
    ORDER BY e.sequence LIMIT 1) AS told
ORDER BY wanted.settled_at, wanted.key;
