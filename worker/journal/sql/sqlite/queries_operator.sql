-- Look-ups are the journal's own: no query here shows one.

-- name: ping
SELECT 1 AS alive FROM command LIMIT 1;

-- name: newest_command
SELECT received_at FROM command WHERE key = (SELECT max(key) FROM command);

-- name: used_bytes
SELECT (count.page_count - free.freelist_count) * size.page_size AS number
FROM pragma_page_count() AS count, pragma_freelist_count() AS free, pragma_page_size() AS size;

-- name: sealing_keys
SELECT DISTINCT substr(secrets, 2, 4) AS key_id FROM command
WHERE state IN ('waiting', 'held', 'following', 'running', 'submitting', 'scanning', 'checking', 'in_doubt')
  AND secrets IS NOT NULL
UNION
SELECT substr(secrets, 2, 4) FROM command
WHERE sought_at IS NOT NULL AND account IS NOT NULL AND secrets IS NOT NULL;

-- name: stale_secrets
SELECT key, source, id, secrets FROM command
WHERE state = :state AND key > :after AND secrets IS NOT NULL AND substr(secrets, 1, 5) <> :head
ORDER BY key LIMIT :limit;

-- name: stale_secrets_sought
-- Of ended commands: their number is sought.
SELECT key, source, id, secrets FROM command INDEXED BY command_sought
WHERE sought_at IS NOT NULL AND account IS NOT NULL AND state = 'completed' AND key > :after
  AND secrets IS NOT NULL AND substr(secrets, 1, 5) <> :head
ORDER BY key LIMIT :limit;

-- name: replace_secrets
UPDATE command SET secrets = :new WHERE key = :key AND secrets = :old;

-- name: read_command
SELECT c.*, p.data, p.warnings FROM command c JOIN payload p ON p.key = c.key WHERE c.key = :key;

-- name: find_by_id
SELECT c.*, p.data, p.warnings FROM command c JOIN payload p ON p.key = c.key
WHERE c.id = :id AND c.type <> 'look_up' ORDER BY c.key DESC;

-- name: find_by_identity
SELECT c.*, p.data, p.warnings FROM command c JOIN payload p ON p.key = c.key
WHERE c.id = :id AND c.source = :source AND c.type <> 'look_up';

-- name: find_by_invoice
SELECT c.*, p.data, p.warnings FROM command c JOIN payload p ON p.key = c.key WHERE c.invoice_number = :number;

-- name: list_of_order
-- Sellers one by one, each a probe of the index that begins with them: a number alone has none.
WITH RECURSIVE of (seller) AS (
    SELECT min(seller) FROM command WHERE order_no IS NOT NULL
    UNION ALL
    SELECT (SELECT min(n.seller) FROM command n WHERE n.order_no IS NOT NULL AND n.seller > of.seller)
    FROM of WHERE of.seller IS NOT NULL
)
SELECT c.*, p.data, p.warnings
FROM of CROSS JOIN command c INDEXED BY command_order ON c.seller = of.seller AND c.order_no = :order_no
JOIN payload p ON p.key = c.key
WHERE c.order_no IS NOT NULL AND (:source IS NULL OR c.source = :source)
ORDER BY c.order_claim IS NOT NULL DESC, c.key DESC LIMIT :limit;

-- name: list_commands
SELECT c.*, p.data, p.warnings FROM command c JOIN payload p ON p.key = c.key
WHERE c.type <> 'look_up'
  AND (:user_id IS NULL OR c.lane = :user_id OR substr(c.lane, 1, length(:apart)) = :apart)
  AND (:source IS NULL OR c.source = :source)
ORDER BY c.key DESC LIMIT :limit;

-- name: list_in_state
SELECT c.*, p.data, p.warnings FROM command c JOIN payload p ON p.key = c.key
WHERE c.state = :state AND c.type <> 'look_up'
  AND (:user_id IS NULL OR c.lane = :user_id OR substr(c.lane, 1, length(:apart)) = :apart)
  AND (:source IS NULL OR c.source = :source)
ORDER BY c.key DESC LIMIT :limit;

-- name: list_unconfirmed
SELECT c.*, p.data, p.warnings FROM command c INDEXED BY command_unconfirmed JOIN payload p ON p.key = c.key
WHERE c.type = 'invoice.issue' AND c.state = 'completed' AND c.invoice_number IS NULL AND c.sought_at IS NULL
  AND c.look_ups > 0
  AND (:user_id IS NULL OR c.lane = :user_id OR substr(c.lane, 1, length(:apart)) = :apart)
  AND (:source IS NULL OR c.source = :source)
ORDER BY c.key DESC LIMIT :limit;

-- name: list_broken
SELECT c.*, p.data, p.warnings FROM command c INDEXED BY command_broken JOIN payload p ON p.key = c.key
WHERE c.breaks > 0
  AND (:user_id IS NULL OR c.lane = :user_id OR substr(c.lane, 1, length(:apart)) = :apart)
  AND (:source IS NULL OR c.source = :source)
ORDER BY c.key DESC LIMIT :limit;

-- name: find_tenants_order
-- The command that holds the number goes before those that have let go of it.
SELECT c.*, p.data, p.warnings FROM command c JOIN payload p ON p.key = c.key
WHERE c.seller = :seller AND c.order_no = :order_no AND c.source = :source
ORDER BY c.order_claim IS NOT NULL DESC, c.key DESC LIMIT 1;

-- name: events_of
SELECT sequence, id AS event_id, type AS event_type, body, created_at FROM event
WHERE command_key = :key ORDER BY sequence;

-- name: copies_of
SELECT sequence, copy, destination, state = 'undeliverable' AS is_undeliverable FROM outbox WHERE command_key = :key;

-- name: count_waiting_all
-- Without look-ups, whose source is empty: `source > ''` begins behind them in the index of tenants.
SELECT count(*) AS number
FROM (SELECT 1 FROM command INDEXED BY command_waiting_tenant WHERE state = 'waiting' AND source > '' LIMIT :limit);

-- name: count_sought
SELECT count(*) AS number
FROM (SELECT 1 FROM command WHERE sought_at IS NOT NULL AND account IS NOT NULL LIMIT :limit);

-- name: count_unconfirmed
SELECT count(*) AS number
FROM (SELECT 1 FROM command INDEXED BY command_unconfirmed
      WHERE type = 'invoice.issue' AND state = 'completed' AND invoice_number IS NULL AND sought_at IS NULL
        AND look_ups > 0 LIMIT :limit);

-- name: count_in_state
SELECT count(*) AS number FROM (SELECT 1 FROM command WHERE state = :state LIMIT :limit);

-- name: oldest_waiting
SELECT received_at FROM command WHERE state = 'waiting' AND type <> 'look_up' ORDER BY key LIMIT 1;

-- name: outbox_depth
SELECT (SELECT count(*) FROM (SELECT 1 FROM outbox WHERE state = 'pending' LIMIT :limit)) AS pending,
       (SELECT count(*) FROM (SELECT 1 FROM outbox WHERE state = 'undeliverable' LIMIT :limit)) AS undeliverable,
       (SELECT created_at FROM outbox WHERE state = 'pending' ORDER BY seq LIMIT 1) AS oldest_at;

-- name: outbox_due_since
-- Only the oldest are looked at: with a large backlog a scrape of the metrics must not become expensive.
SELECT min(p.due_at) AS at FROM (
    SELECT seq, command_key, destination, due_at FROM outbox
    WHERE state = 'pending' AND due_at <= :now ORDER BY due_at, seq LIMIT 10000
) p WHERE NOT EXISTS (SELECT 1 FROM outbox e WHERE e.command_key = p.command_key AND e.destination = p.destination
                      AND e.seq < p.seq AND e.state = 'pending');

-- name: count_overdue
SELECT count(*) AS number FROM (
    SELECT 1 FROM command WHERE deadline_at IS NOT NULL AND state IN ('waiting', 'held') AND deadline_at <= :now
    LIMIT :limit);

-- name: oldest_submitted
SELECT min(submitted_at) AS at FROM command WHERE state IN ('submitting', 'scanning');

-- name: oldest_in_doubt
SELECT submitted_at AS at FROM command WHERE state = 'in_doubt' ORDER BY key LIMIT 1;

-- name: on_lane
SELECT l.holder, c.due_at, r.id, r.source, r.type, r.state,
       (SELECT w.leased_until > :clock FROM worker w WHERE w.id = l.holder) AS is_leased,
       (SELECT count(*) FROM (SELECT 1 FROM command b
                              WHERE b.lane = c.lane AND b.state = 'waiting' AND c.state = 'waiting'
                                AND (b.priority, b.key) < (c.priority, c.key) LIMIT :limit)) AS waiting_before
FROM command c
LEFT JOIN lane l ON l.lane = c.lane
LEFT JOIN command r ON r.lane = c.lane AND (r.state = 'running' OR r.state = 'submitting' OR r.state = 'scanning')
WHERE c.key = :key;

-- name: list_needing_person
SELECT c.*, p.data, p.warnings FROM command c JOIN payload p ON p.key = c.key
WHERE c.state = 'in_doubt' AND (c.sought_at IS NULL OR c.account IS NULL)
  AND (:user_id IS NULL OR c.lane = :user_id OR substr(c.lane, 1, length(:apart)) = :apart)
  AND (:source IS NULL OR c.source = :source)
ORDER BY c.key DESC LIMIT :limit;

-- name: count_needing_person
SELECT count(*) AS number FROM (
    SELECT 1 FROM command WHERE state = 'in_doubt' AND (sought_at IS NULL OR account IS NULL) LIMIT :limit);

-- name: count_resting
SELECT count(*) AS number FROM (SELECT 1 FROM seller_rest WHERE resting_until > :now LIMIT :limit);

-- name: count_suspended
SELECT count(*) AS number FROM (SELECT 1 FROM account WHERE suspended_until > :now LIMIT :limit);

-- name: undeliverable_rows
SELECT o.seq, o.command_id, c.source AS command_source, o.event_id, o.event_type, o.destination, o.body, o.attempts,
       o.created_at
FROM outbox o LEFT JOIN command c ON c.key = o.command_key
WHERE o.state = 'undeliverable' ORDER BY o.seq LIMIT :limit;

-- name: resend_row
UPDATE outbox SET state = 'pending', attempts = 0, due_at = :now, created_at = :now
WHERE seq = :seq AND state = 'undeliverable';

-- name: resend_all_rows
UPDATE outbox SET state = 'pending', attempts = 0, due_at = :now, created_at = :now WHERE state = 'undeliverable';

-- name: discard_row
DELETE FROM outbox WHERE seq = :seq AND state = 'undeliverable';

-- name: discard_all_rows
DELETE FROM outbox WHERE state = 'undeliverable';

-- name: refused_accounts
SELECT id, company_code, user_id, is_look_up, refusals, suspended_until, refused_at FROM account
ORDER BY refused_at DESC LIMIT :limit;

-- name: resume_account
DELETE FROM account WHERE id = :id;

-- name: hasten_look_ups
UPDATE command SET sought_at = :now
WHERE lane = (SELECT user_id FROM account WHERE id = :id AND is_look_up = 1)
  AND account = (SELECT account FROM account WHERE id = :id AND is_look_up = 1)
  AND account IS NOT NULL AND sought_at > :now;
