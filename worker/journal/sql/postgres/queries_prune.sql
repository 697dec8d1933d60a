-- Forgetting by age. Whoever forgets a command locks its row first and looks at its copies in a later statement; an
-- issue keeps its row and its end for ever.

-- name: count_prunable
SELECT
    (SELECT count(*) FROM command c
     WHERE c.settled_at IS NOT NULL AND (c.type <> 'invoice.issue' OR c.state = 'rejected') AND c.settled_at < $1
       AND c.sought_at IS NULL AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.command_key = c.key)
       AND NOT EXISTS (SELECT 1 FROM command f WHERE f.follows = c.key)) AS commands,
    (SELECT count(*) FROM command c
     WHERE c.settled_at IS NOT NULL AND c.type = 'invoice.issue' AND c.state <> 'rejected' AND NOT c.is_emptied
       AND c.settled_at < $1 AND c.sought_at IS NULL
       AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.command_key = c.key)) AS payloads,
    (SELECT count(*) FROM invoice i
     WHERE i.seen_at < $1
       AND NOT EXISTS (SELECT 1 FROM command_invoice ci JOIN command c ON c.key = ci.command_key
                       WHERE ci.invoice_key = i.key AND c.settled_at IS NULL)) AS invoices,
    (SELECT count(*) FROM invoice_items WHERE fetched_at < $1) AS items,
    (SELECT count(*) FROM invoice_file WHERE fetched_at < $1) AS files,
    (SELECT count(*) FROM stray s
     WHERE s.at < $1
       AND NOT EXISTS (SELECT 1 FROM command c WHERE c.key = s.command_key AND c.settled_at IS NULL)) AS strays;

-- name: pick_commands
SELECT c.key, c.last_sequence FROM command c
WHERE c.settled_at IS NOT NULL AND (c.type <> 'invoice.issue' OR c.state = 'rejected') AND c.settled_at < $1
  AND c.sought_at IS NULL AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.command_key = c.key)
  AND NOT EXISTS (SELECT 1 FROM command f WHERE f.follows = c.key)
ORDER BY c.settled_at LIMIT $2 FOR UPDATE OF c SKIP LOCKED;

-- name: forget_commands
WITH chosen AS (
    SELECT g.key FROM unnest($1::bigint[]) AS g (key)
    WHERE NOT EXISTS (SELECT 1 FROM outbox o WHERE o.command_key = g.key)
), links AS (
    DELETE FROM command_invoice USING chosen WHERE command_key = chosen.key
), events AS (
    DELETE FROM event USING chosen WHERE command_key = chosen.key
), payloads AS (
    DELETE FROM payload USING chosen WHERE payload.key = chosen.key
), strays AS (
    UPDATE stray SET command_key = NULL FROM chosen WHERE command_key = chosen.key
)
DELETE FROM command USING chosen WHERE command.key = chosen.key RETURNING command.key;

-- name: pick_issues
SELECT c.key, c.last_sequence FROM command c
WHERE c.settled_at IS NOT NULL AND c.type = 'invoice.issue' AND c.state <> 'rejected' AND NOT c.is_emptied
  AND c.settled_at < $1 AND c.sought_at IS NULL
  AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.command_key = c.key)
ORDER BY c.settled_at LIMIT $2 FOR UPDATE OF c SKIP LOCKED;

-- name: empty_issues
WITH chosen AS (
    SELECT g.key FROM unnest($1::bigint[]) AS g (key)
    WHERE NOT EXISTS (SELECT 1 FROM outbox o WHERE o.command_key = g.key)
), events AS (
    DELETE FROM event USING chosen
    WHERE command_key = chosen.key AND type NOT LIKE '%.completed' AND type NOT LIKE '%.failed'
), payloads AS (
    UPDATE payload SET data = '{}', warnings = '[]' FROM chosen WHERE payload.key = chosen.key
)
UPDATE command SET is_emptied = true FROM chosen WHERE command.key = chosen.key RETURNING command.key;

-- name: pick_invoices
SELECT i.key FROM invoice i
WHERE i.seen_at < $1
  AND NOT EXISTS (SELECT 1 FROM command_invoice ci JOIN command c ON c.key = ci.command_key
                  WHERE ci.invoice_key = i.key AND c.settled_at IS NULL)
ORDER BY i.seen_at LIMIT $2 FOR UPDATE OF i SKIP LOCKED;

-- name: forget_invoices
WITH links AS (DELETE FROM command_invoice WHERE invoice_key = ANY ($1::bigint[]))
DELETE FROM invoice WHERE key = ANY ($1::bigint[]) RETURNING key;

-- name: forget_items
DELETE FROM invoice_items WHERE invoice_id IN (
    SELECT invoice_id FROM invoice_items WHERE fetched_at < $1 ORDER BY fetched_at LIMIT $2 FOR UPDATE SKIP LOCKED
) RETURNING invoice_id;

-- name: forget_files
DELETE FROM invoice_file WHERE (invoice_id, type) IN (
    SELECT invoice_id, type FROM invoice_file WHERE fetched_at < $1 ORDER BY fetched_at LIMIT $2 FOR UPDATE SKIP LOCKED
) RETURNING invoice_id;

-- name: forget_strays
DELETE FROM stray WHERE id IN (
    SELECT s.id FROM stray s
    WHERE s.at < $1 AND NOT EXISTS (SELECT 1 FROM command c WHERE c.key = s.command_key AND c.settled_at IS NULL)
    ORDER BY s.at LIMIT $2 FOR UPDATE OF s SKIP LOCKED
) RETURNING id;
