-- Look-ups are the journal's own: no query here shows one.

-- name: ping
SELECT 1 AS alive;

-- name: times
SELECT (SELECT received_at FROM command ORDER BY key DESC LIMIT 1) AS newest_at, clock_timestamp() AS server_at;

-- name: mark_session
SELECT set_config('fapiao.session', $1::text, false);

-- name: read_session_mark
SELECT current_setting('fapiao.session', true) AS mark;

-- name: is_read_only
SELECT current_setting('transaction_read_only')::boolean AS is_so;

-- name: commit_something
-- A commit of nothing, which waits for the synchronous standby like any other.
SELECT pg_logical_emit_message(true, 'fapiao-worker', '');

-- name: used_bytes
SELECT pg_database_size(current_database()) AS number;

-- name: sealing_keys
SELECT DISTINCT substring(secrets FROM 2 FOR 4) AS key_id FROM command
WHERE state IN ('waiting', 'held', 'following', 'running', 'submitting', 'scanning', 'checking', 'in_doubt')
  AND secrets IS NOT NULL
UNION
SELECT substring(secrets FROM 2 FOR 4) FROM command
WHERE sought_at IS NOT NULL AND account IS NOT NULL AND secrets IS NOT NULL;

-- name: stale_secrets
SELECT key, source, id, secrets FROM command
WHERE state = $1 AND key > $3 AND secrets IS NOT NULL AND substring(secrets FROM 1 FOR 5) <> $2::bytea
ORDER BY key LIMIT $4;

-- name: stale_secrets_sought
-- Of ended commands: their number is sought.
SELECT key, source, id, secrets FROM command
WHERE sought_at IS NOT NULL AND account IS NOT NULL AND state = 'completed' AND key > $2
  AND secrets IS NOT NULL AND substring(secrets FROM 1 FOR 5) <> $1::bytea
ORDER BY key LIMIT $3;

-- name: replace_secrets
UPDATE command SET secrets = $3 WHERE key = $1 AND secrets = $2 RETURNING key;

-- name: lacking_privileges
SELECT g.privilege, g.name FROM unnest($1::text[], $2::text[]) AS g (privilege, name)
WHERE to_regclass(g.name) IS NOT NULL AND NOT has_table_privilege(g.name, g.privilege)
ORDER BY g.name, g.privilege;

-- name: read_command
SELECT c.*, p.data, p.warnings FROM command c JOIN payload p ON p.key = c.key WHERE c.key = $1;

-- name: find_by_id
SELECT c.*, p.data, p.warnings FROM command c JOIN payload p ON p.key = c.key
WHERE c.id = $1 AND c.type <> 'look_up' ORDER BY c.key DESC;

-- name: find_by_identity
SELECT c.*, p.data, p.warnings FROM command c JOIN payload p ON p.key = c.key
WHERE c.id = $1 AND c.source = $2 AND c.type <> 'look_up';

-- name: find_by_invoice
SELECT c.*, p.data, p.warnings FROM command c JOIN payload p ON p.key = c.key WHERE c.invoice_number = $1;

-- name: list_of_order
-- Sellers one by one, each a probe of the index that begins with them: a number alone has none.
WITH RECURSIVE of (seller) AS (
    SELECT min(seller) FROM command WHERE order_no IS NOT NULL
    UNION ALL
    SELECT (SELECT min(n.seller) FROM command n WHERE n.order_no IS NOT NULL AND n.seller > of.seller)
    FROM of WHERE of.seller IS NOT NULL
)
SELECT c.*, p.data, p.warnings
FROM of JOIN command c ON c.seller = of.seller AND c.order_no = $1 AND c.order_no IS NOT NULL
JOIN payload p ON p.key = c.key
WHERE $2::text IS NULL OR c.source = $2
ORDER BY c.order_claim IS NOT NULL DESC, c.key DESC LIMIT $3;

-- name: list_commands
SELECT c.*, p.data, p.warnings FROM command c JOIN payload p ON p.key = c.key
WHERE c.type <> 'look_up'
  AND ($2::text IS NULL OR c.lane = $2 OR starts_with(c.lane, $3)) AND ($4::text IS NULL OR c.source = $4)
ORDER BY c.key DESC LIMIT $1;

-- name: list_in_state
SELECT c.*, p.data, p.warnings FROM command c JOIN payload p ON p.key = c.key
WHERE c.state = $5 AND c.type <> 'look_up'
  AND ($2::text IS NULL OR c.lane = $2 OR starts_with(c.lane, $3)) AND ($4::text IS NULL OR c.source = $4)
ORDER BY c.key DESC LIMIT $1;

-- name: list_broken
SELECT c.*, p.data, p.warnings FROM command c JOIN payload p ON p.key = c.key
WHERE c.breaks > 0
  AND ($2::text IS NULL OR c.lane = $2 OR starts_with(c.lane, $3)) AND ($4::text IS NULL OR c.source = $4)
ORDER BY c.key DESC LIMIT $1;

-- name: list_unconfirmed
SELECT c.*, p.data, p.warnings FROM command c JOIN payload p ON p.key = c.key
WHERE c.type = 'invoice.issue' AND c.state = 'completed' AND c.invoice_number IS NULL AND c.sought_at IS NULL
  AND c.look_ups > 0
  AND ($2::text IS NULL OR c.lane = $2 OR starts_with(c.lane, $3)) AND ($4::text IS NULL OR c.source = $4)
ORDER BY c.key DESC LIMIT $1;

-- name: find_tenants_order
-- The command that holds the number goes before those that have let go of it.
SELECT c.*, p.data, p.warnings FROM command c JOIN payload p ON p.key = c.key
WHERE c.seller = $2 AND c.order_no = $3 AND c.order_no IS NOT NULL AND c.source = $1
ORDER BY c.order_claim IS NOT NULL DESC, c.key DESC LIMIT 1;

-- name: events_of
SELECT sequence, id AS event_id, type AS event_type, body, created_at FROM event
WHERE command_key = $1 ORDER BY sequence;

-- name: copies_of
SELECT sequence, copy, destination, state = 'undeliverable' AS is_undeliverable FROM outbox WHERE command_key = $1;

-- name: lock_command
-- FOR KEY SHARE: `prune` must not delete the command while its events are queued again.
SELECT key FROM command WHERE key = $1 FOR KEY SHARE;

-- name: count_waiting_all
-- Without look-ups, whose source is empty: `source > ''` begins behind them in the index of tenants.
SELECT count(*) AS number FROM (SELECT 1 FROM command WHERE state = 'waiting' AND source > '' LIMIT $1) AS c;

-- name: count_sought
SELECT count(*) AS number
FROM (SELECT 1 FROM command WHERE sought_at IS NOT NULL AND account IS NOT NULL LIMIT $1) AS c;

-- name: count_unconfirmed
SELECT count(*) AS number
FROM (SELECT 1 FROM command
      WHERE type = 'invoice.issue' AND state = 'completed' AND invoice_number IS NULL AND sought_at IS NULL
        AND look_ups > 0 LIMIT $1) AS c;

-- name: count_in_state
SELECT count(*) AS number FROM (SELECT 1 FROM command WHERE state = $1 LIMIT $2) AS c;

-- name: oldest_waiting
-- The state is a parameter: with that, no index of what waits can be gone through instead of the one that is in order.
SELECT received_at FROM command WHERE state = $1 AND type <> 'look_up' ORDER BY key LIMIT 1;

-- name: outbox_depth
SELECT (SELECT count(*) FROM (SELECT 1 FROM outbox WHERE state = 'pending' LIMIT $1) AS p) AS pending,
       (SELECT count(*) FROM (SELECT 1 FROM outbox WHERE state = 'undeliverable' LIMIT $1) AS u) AS undeliverable,
       (SELECT created_at FROM outbox WHERE state = 'pending' ORDER BY seq LIMIT 1) AS oldest_at;

-- name: outbox_due_since
-- Only the oldest are looked at: with a large backlog a scrape of the metrics must not become expensive.
SELECT min(p.due_at) AS at FROM (
    SELECT seq, command_key, destination, due_at FROM outbox
    WHERE state = 'pending' AND due_at <= $1 ORDER BY seq LIMIT 10000
) AS p WHERE (SELECT 1 FROM outbox e WHERE e.command_key = p.command_key AND e.destination = p.destination
               AND e.seq < p.seq AND e.state || '' = 'pending' LIMIT 1) IS NULL;

-- name: count_overdue
SELECT count(*) AS number FROM (
    SELECT 1 FROM command WHERE deadline_at IS NOT NULL AND state IN ('waiting', 'held') AND deadline_at <= $1
    LIMIT $2) AS o;

-- name: oldest_submitted
SELECT min(submitted_at) AS at FROM command WHERE state IN ('submitting', 'scanning');

-- name: oldest_in_doubt
SELECT submitted_at AS at FROM command WHERE state = 'in_doubt' ORDER BY key LIMIT 1;

-- name: on_lane
SELECT l.holder, c.due_at, r.id, r.source, r.type, r.state,
       (SELECT w.leased_until > clock_timestamp() FROM worker w WHERE w.id = l.holder) AS is_leased,
       (SELECT count(*) FROM (SELECT 1 FROM command b
                              WHERE b.lane = c.lane AND starts_with(b.state, 'waiting') AND c.state = 'waiting'
                                AND (b.priority, b.key) < (c.priority, c.key) LIMIT $2) AS before) AS waiting_before
FROM command c
LEFT JOIN lane l ON l.lane = c.lane
LEFT JOIN command r ON r.lane = c.lane AND (r.state = 'running' OR r.state = 'submitting' OR r.state = 'scanning')
WHERE c.key = $1;

-- name: list_needing_person
SELECT c.*, p.data, p.warnings FROM command c JOIN payload p ON p.key = c.key
WHERE c.state = 'in_doubt' AND (c.sought_at IS NULL OR c.account IS NULL)
  AND ($2::text IS NULL OR c.lane = $2 OR starts_with(c.lane, $3)) AND ($4::text IS NULL OR c.source = $4)
ORDER BY c.key DESC LIMIT $1;

-- name: count_needing_person
SELECT count(*) AS number FROM (
    SELECT 1 FROM command WHERE state = 'in_doubt' AND (sought_at IS NULL OR account IS NULL) LIMIT $1) AS d;

-- name: count_resting
SELECT count(*) AS number FROM (SELECT 1 FROM seller_rest WHERE resting_until > $1 LIMIT $2) AS s;

-- name: count_suspended
SELECT count(*) AS number FROM (SELECT 1 FROM account WHERE suspended_until > $1 LIMIT $2) AS s;

-- name: undeliverable_rows
SELECT o.seq, o.command_id, c.source AS command_source, o.event_id, o.event_type, o.destination, o.body, o.attempts,
       o.created_at
FROM outbox o LEFT JOIN command c ON c.key = o.command_key
WHERE o.state = 'undeliverable' ORDER BY o.seq LIMIT $1;

-- name: resend_rows
UPDATE outbox SET state = 'pending', attempts = 0, due_at = $1, created_at = $1, owner = $2
WHERE state = 'undeliverable' AND ($3::bigint[] IS NULL OR seq = ANY ($3::bigint[])) RETURNING seq;

-- name: discard_rows
DELETE FROM outbox
WHERE state = 'undeliverable' AND ($1::bigint[] IS NULL OR seq = ANY ($1::bigint[])) RETURNING seq;

-- name: refused_accounts
SELECT id, company_code, user_id, is_look_up, refusals, suspended_until, refused_at FROM account
ORDER BY refused_at DESC LIMIT $1;

-- name: forget_refused_accounts
DELETE FROM account WHERE cardinality($1::text[]) = 0 OR id = ANY ($1::text[])
RETURNING user_id, account, is_look_up;

-- name: hasten_look_ups
UPDATE command c SET sought_at = $3 FROM unnest($1::text[], $2::text[]) AS g (lane, account)
WHERE c.lane = g.lane AND c.account = g.account AND c.account IS NOT NULL AND c.sought_at > $3;
