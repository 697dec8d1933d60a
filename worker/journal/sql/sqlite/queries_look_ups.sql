-- What is sought at the gateway. A look-up is a command of the journal's own: one per lane and account, however much is
-- sought there. Its priority is 2, behind issue (0) and query (1), or -1 once it has waited for too long.

-- name: walk_sought
-- Walks the index of what is sought from one pair of lane and account to the next, beginning behind the given pair: one
-- probe for each pair, however many commands it has. `is_due`: something of the pair is due, and no look-up is entered
-- for it.
WITH RECURSIVE pair (lane, account, sought_at, place) AS (
    VALUES (:lane, :account, NULL, 0)
    UNION ALL
    SELECT c.lane, c.account, c.sought_at, pair.place + 1 FROM pair JOIN command c ON c.key = coalesce(
        (SELECT n.key FROM command n
         WHERE n.sought_at IS NOT NULL AND n.account IS NOT NULL AND n.lane = pair.lane AND n.account > pair.account
         ORDER BY n.account, n.sought_at LIMIT 1),
        (SELECT n.key FROM command n
         WHERE n.sought_at IS NOT NULL AND n.account IS NOT NULL AND n.lane > pair.lane
         ORDER BY n.lane, n.account, n.sought_at LIMIT 1))
    WHERE pair.place < :most
)
SELECT lane, account, sought_at <= :now AND NOT EXISTS (
    SELECT 1 FROM command l WHERE l.type = 'look_up' AND l.lane = pair.lane AND l.account = pair.account) AS is_due
FROM pair WHERE place > 0;

-- name: look_ups_to_lift
SELECT key, lane FROM command INDEXED BY one_look_up_per_account
WHERE type = 'look_up' AND priority = 2 AND received_at <= :cutoff AND state = 'waiting'
  AND (due_at IS NULL OR due_at <= :now)
ORDER BY received_at LIMIT :limit;

-- name: enter_look_up
INSERT INTO command (source, id, type, content_hash, state, lane, account, priority, received_at, correlation_id)
VALUES ('', :lane || char(31) || :account, 'look_up', '', 'waiting', :lane, :account, 2, :now, '');

-- name: lift_look_up
UPDATE command SET priority = -1 WHERE key = :key;

-- name: sought_commands
-- The longest due first, straight from the index.
SELECT c.*, p.data, p.warnings
FROM (SELECT key FROM command
      WHERE lane = :lane AND account = :account AND sought_at IS NOT NULL AND account IS NOT NULL
      ORDER BY sought_at, key LIMIT :limit) AS s
JOIN command c ON c.key = s.key JOIN payload p ON p.key = c.key
ORDER BY c.sought_at, c.key;

-- name: is_own_look_up
SELECT 1 FROM command WHERE key = :key AND type = 'look_up' AND state = 'running' AND epoch = :epoch;

-- name: forget_payload
DELETE FROM payload WHERE key = :key;

-- name: forget_command
DELETE FROM command WHERE key = :key;

-- name: is_refused
SELECT 1 FROM account WHERE id = :id;

-- name: put_off
UPDATE command SET sought_at = :not_before
WHERE lane = :lane AND account = :account AND sought_at IS NOT NULL AND account IS NOT NULL AND sought_at < :not_before;

-- name: unsettled_commands
SELECT c.*, p.data, p.warnings FROM command c JOIN payload p ON p.key = c.key
WHERE c.lane = :lane AND (c.state = 'checking' OR c.state = 'in_doubt') ORDER BY c.key;

-- name: has_earlier
-- Looks at the lane's head alone: while that one is not due, all behind it wait too. A query or look-up that was let go
-- before issues (priority -1) yields to them only when its slice of time is over.
SELECT 1 FROM (SELECT priority, due_at FROM command WHERE lane = :lane AND state = 'waiting'
               ORDER BY priority, key LIMIT 1) AS h
JOIN command c ON c.key = :key JOIN lane l ON l.lane = :lane
WHERE (h.priority < c.priority OR (h.priority = 0 AND c.priority < 0 AND l.asked_at <= :slice_over))
  AND (h.due_at IS NULL OR h.due_at <= :now);

-- name: rival_commands
SELECT c.*, p.data, p.warnings
FROM (SELECT key FROM command INDEXED BY command_rival
      WHERE seller = :seller AND (submitted_at, key) > (:since, :after) AND submitted_at IS NOT NULL
        AND invoice_number IS NULL AND state IN ('submitting', 'scanning', 'checking', 'in_doubt', 'completed')
      ORDER BY submitted_at, key LIMIT :limit) AS s
JOIN command c ON c.key = s.key JOIN payload p ON p.key = c.key
ORDER BY c.submitted_at, c.key;

-- name: rivals_by_clues
-- One arm for each clue, and each arm a probe of one index: no total (such a submission could claim anything), total
-- alone where the probe names no buyer, buyer and total ('' is an open buyer), expected total, remark. The conditions
-- that every arm repeats are those of the partial indexes. Totals are [low, high, buyer].
SELECT c.*, p.data, p.warnings
FROM (
    SELECT DISTINCT wanted.key FROM (
        SELECT c.key FROM command c INDEXED BY rival_by_total
        WHERE c.seller = :seller AND c.invoice_number IS NULL AND c.submitted_at IS NOT NULL AND c.submitted_at > :since
          AND c.total_cents IS NULL AND c.state IN ('submitting', 'scanning', 'checking', 'in_doubt', 'completed')
        UNION ALL
        SELECT c.key FROM json_each(:totals) g CROSS JOIN command c INDEXED BY rival_by_total
        WHERE json_extract(g.value, '$[2]') IS NULL AND c.total_cents BETWEEN json_extract(g.value, '$[0]') AND json_extract(g.value, '$[1]')
          AND c.seller = :seller AND c.invoice_number IS NULL AND c.submitted_at IS NOT NULL AND c.submitted_at > :since
          AND c.state IN ('submitting', 'scanning', 'checking', 'in_doubt', 'completed')
        UNION ALL
        SELECT c.key FROM json_each(:totals) g CROSS JOIN json_each(json_array('', json_extract(g.value, '$[2]'))) b
        CROSS JOIN command c INDEXED BY rival_by_buyer
        WHERE json_extract(g.value, '$[2]') IS NOT NULL AND c.buyer = b.value AND c.total_cents BETWEEN json_extract(g.value, '$[0]') AND json_extract(g.value, '$[1]')
          AND c.seller = :seller AND c.invoice_number IS NULL AND c.submitted_at IS NOT NULL AND c.submitted_at > :since
          AND c.state IN ('submitting', 'scanning', 'checking', 'in_doubt', 'completed')
        UNION ALL
        SELECT c.key FROM json_each(:totals) g CROSS JOIN command c INDEXED BY rival_by_expected
        WHERE c.expected_cents BETWEEN json_extract(g.value, '$[0]') AND json_extract(g.value, '$[1]') AND c.expected_cents IS NOT NULL
          AND c.seller = :seller AND c.invoice_number IS NULL AND c.submitted_at IS NOT NULL AND c.submitted_at > :since
          AND c.state IN ('submitting', 'scanning', 'checking', 'in_doubt', 'completed')
        UNION ALL
        SELECT c.key FROM json_each(:marks) g CROSS JOIN command c INDEXED BY rival_by_mark
        WHERE c.mark = g.value AND c.mark IS NOT NULL AND c.state IN ('submitting', 'scanning', 'checking', 'in_doubt', 'completed')
          AND c.seller = :seller AND c.invoice_number IS NULL AND c.submitted_at IS NOT NULL AND c.submitted_at > :since
    ) AS wanted
    WHERE wanted.key > :after ORDER BY wanted.key LIMIT :limit
) AS s
JOIN command c ON c.key = s.key JOIN payload p ON p.key = c.key
ORDER BY c.key;

-- name: bound_numbers
SELECT invoice_number FROM command WHERE invoice_number IN (SELECT value FROM json_each(:numbers));

-- name: strays_of
SELECT command_key, reason, body FROM stray
WHERE command_key IN (SELECT value FROM json_each(:keys)) AND reason IN ('does_not_fit', 'fits_several', 'unreadable')
ORDER BY id LIMIT :limit;

-- name: last_results
-- Not those of followers, which were told the address of their first one's invoice: a follower that an earlier version
-- journaled may have other content, and two different orders with one address would say that addresses tell nothing.
SELECT wanted.key, wanted.fingerprint, wanted.submitted_at, e.body FROM (
    SELECT key, fingerprint, submitted_at, settled_at FROM command
    WHERE lane = :lane AND state = 'completed' AND type = 'invoice.issue' AND fingerprint IS NOT NULL
      AND follows IS NULL
    ORDER BY settled_at DESC, key DESC LIMIT :limit) AS wanted
JOIN event e ON e.command_key = wanted.key AND e.type = 'invoice.issue.completed'
ORDER BY wanted.settled_at, wanted.key;
