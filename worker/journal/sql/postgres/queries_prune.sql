-- Forgetting by age. Whoever forgets a command locks its row first and looks at its copies in a later statement; an
-- issue keeps its row and its end for ever. Sub-selects with LIMIT, and arrays, keep the planner to probes by index: it
-- would join whole tables where it thinks them small.

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
-- Passes over what somebody is moving: the next round takes it, and no worker waits for an operator.
SELECT c.key, c.last_sequence FROM command c
WHERE c.settled_at IS NOT NULL AND (c.type <> 'invoice.issue' OR c.state = 'rejected') AND c.settled_at < $1
  AND c.sought_at IS NULL AND (SELECT 1 FROM outbox o WHERE o.command_key = c.key LIMIT 1) IS NULL
  AND (SELECT 1 FROM command f WHERE f.follows = c.key LIMIT 1) IS NULL
ORDER BY c.settled_at LIMIT $2 FOR UPDATE OF c SKIP LOCKED;

-- name: without_copies
SELECT g.key FROM unnest($1::bigint[]) AS g (key)
WHERE (SELECT 1 FROM outbox o WHERE o.command_key = g.key LIMIT 1) IS NULL;

-- name: forget_commands
WITH links AS (
    DELETE FROM command_invoice WHERE command_key = ANY ($1::bigint[])
), audits AS (
    DELETE FROM audit_row WHERE command_key = ANY ($1::bigint[])
), listeners AS (
    DELETE FROM listener WHERE command_key = ANY ($1::bigint[])
), events AS (
    DELETE FROM event WHERE command_key = ANY ($1::bigint[])
), payloads AS (
    DELETE FROM payload WHERE key = ANY ($1::bigint[])
), strays AS (
    UPDATE stray SET command_key = NULL WHERE command_key = ANY ($1::bigint[])
), tellings AS (
    DELETE FROM vault_telling WHERE command_key = ANY ($1::bigint[])
)
DELETE FROM command WHERE key = ANY ($1::bigint[]);

-- name: pick_issues
SELECT c.key, c.last_sequence FROM command c
WHERE c.settled_at IS NOT NULL AND c.type = 'invoice.issue' AND c.state <> 'rejected' AND NOT c.is_emptied
  AND c.settled_at < $1 AND c.sought_at IS NULL
  AND (SELECT 1 FROM outbox o WHERE o.command_key = c.key LIMIT 1) IS NULL
ORDER BY c.settled_at LIMIT $2 FOR UPDATE OF c SKIP LOCKED;

-- name: empty_issues
WITH events AS (
    DELETE FROM event
    WHERE command_key = ANY ($1::bigint[]) AND type NOT LIKE '%.completed' AND type NOT LIKE '%.failed'
), listeners AS (
    DELETE FROM listener WHERE command_key = ANY ($1::bigint[])
), payloads AS (
    UPDATE payload SET data = '{}', warnings = '[]' WHERE key = ANY ($1::bigint[])
)
UPDATE command SET is_emptied = true WHERE key = ANY ($1::bigint[]);

-- name: pick_invoices
SELECT i.key FROM invoice i
WHERE i.seen_at < $1
  AND (SELECT 1 FROM command_invoice ci JOIN command c ON c.key = ci.command_key
       WHERE ci.invoice_key = i.key AND c.settled_at IS NULL LIMIT 1) IS NULL
ORDER BY i.seen_at LIMIT $2 FOR UPDATE OF i SKIP LOCKED;

-- name: forget_invoices
WITH links AS (DELETE FROM command_invoice WHERE invoice_key = ANY ($1::bigint[]))
DELETE FROM invoice WHERE key = ANY ($1::bigint[]);

-- name: forget_items
-- Two that forget at once share the rows, as in all that follows.
DELETE FROM invoice_items WHERE invoice_id = ANY (ARRAY(
    SELECT invoice_id FROM invoice_items WHERE fetched_at < $1 ORDER BY fetched_at LIMIT $2 FOR UPDATE SKIP LOCKED
)) RETURNING invoice_id;

-- name: forget_files
DELETE FROM invoice_file WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM invoice_file WHERE fetched_at < $1 ORDER BY fetched_at LIMIT $2 FOR UPDATE SKIP LOCKED
)) RETURNING invoice_id;

-- name: forget_strays
DELETE FROM stray WHERE id = ANY (ARRAY(
    SELECT s.id FROM stray s
    WHERE s.at < $1 AND (SELECT 1 FROM command c WHERE c.key = s.command_key AND c.settled_at IS NULL) IS NULL
    ORDER BY s.at LIMIT $2 FOR UPDATE OF s SKIP LOCKED
)) RETURNING id;
