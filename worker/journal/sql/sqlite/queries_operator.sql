-- name: ping
SELECT 1 AS alive FROM command LIMIT 1;

-- name: used_bytes
SELECT (count.page_count - free.freelist_count) * size.page_size AS used
FROM pragma_page_count() AS count, pragma_freelist_count() AS free, pragma_page_size() AS size;

-- name: sealing_keys
SELECT DISTINCT substr(secrets, 2, 4) AS key_id FROM command
WHERE state IN ('waiting', 'held', 'following', 'running', 'submitting', 'scanning', 'in_doubt')
  AND secrets IS NOT NULL;

-- name: stale_secrets
SELECT key, source, id, secrets FROM command
WHERE state = :state AND key > :after AND secrets IS NOT NULL AND substr(secrets, 1, 5) <> :head
ORDER BY key LIMIT :limit;

-- name: replace_secrets
UPDATE command SET secrets = :new WHERE key = :key AND secrets = :old;

-- name: read_command
SELECT c.*, p.data, p.warnings FROM command c JOIN payload p ON p.key = c.key WHERE c.key = :key;

-- name: find_by_id
SELECT c.*, p.data, p.warnings FROM command c JOIN payload p ON p.key = c.key WHERE c.id = :id ORDER BY c.key DESC;

-- name: find_by_identity
SELECT c.*, p.data, p.warnings FROM command c JOIN payload p ON p.key = c.key WHERE c.id = :id AND c.source = :source;

-- name: list_commands
SELECT c.*, p.data, p.warnings FROM command c JOIN payload p ON p.key = c.key ORDER BY c.key DESC LIMIT :limit;

-- name: list_in_state
SELECT c.*, p.data, p.warnings FROM command c JOIN payload p ON p.key = c.key
WHERE c.state = :state ORDER BY c.key DESC LIMIT :limit;

-- name: events_of
SELECT sequence, id AS event_id, type AS event_type, body, created_at FROM event
WHERE command_key = :key ORDER BY sequence;

-- name: copies_of
SELECT sequence, copy, destination, state = 'undeliverable' AS is_undeliverable FROM outbox WHERE command_key = :key;

-- name: count_in_state
SELECT count(*) AS number FROM (SELECT 1 FROM command WHERE state = :state LIMIT :limit);

-- name: oldest_waiting
SELECT received_at FROM command WHERE state = 'waiting' ORDER BY key LIMIT 1;

-- name: outbox_depth
SELECT (SELECT count(*) FROM (SELECT 1 FROM outbox WHERE state = 'pending' LIMIT :limit)) AS pending,
       (SELECT count(*) FROM (SELECT 1 FROM outbox WHERE state = 'undeliverable' LIMIT :limit)) AS undeliverable,
       (SELECT created_at FROM outbox WHERE state = 'pending' ORDER BY seq LIMIT 1) AS oldest_at;

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
