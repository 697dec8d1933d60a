-- Forgetting by age. An issue keeps its row and its end for ever.

-- name: count_prunable
SELECT
    (SELECT count(*) FROM command c
     WHERE c.settled_at IS NOT NULL AND (c.type <> 'invoice.issue' OR c.state = 'rejected') AND c.settled_at < :before
       AND c.sought_at IS NULL AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.command_key = c.key)
       AND NOT EXISTS (SELECT 1 FROM command f WHERE f.follows = c.key)) AS commands,
    (SELECT count(*) FROM command c
     WHERE c.settled_at IS NOT NULL AND c.type = 'invoice.issue' AND c.state <> 'rejected' AND c.is_emptied = 0
       AND c.settled_at < :before AND c.sought_at IS NULL
       AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.command_key = c.key)) AS payloads,
    (SELECT count(*) FROM invoice i
     WHERE i.seen_at < :before
       AND NOT EXISTS (SELECT 1 FROM command_invoice ci JOIN command c ON c.key = ci.command_key
                       WHERE ci.invoice_key = i.key AND c.settled_at IS NULL)) AS invoices,
    (SELECT count(*) FROM invoice_items WHERE fetched_at < :before) AS items,
    (SELECT count(*) FROM invoice_file WHERE fetched_at < :before) AS files,
    (SELECT count(*) FROM stray s
     WHERE s.at < :before
       AND NOT EXISTS (SELECT 1 FROM command c WHERE c.key = s.command_key AND c.settled_at IS NULL)) AS strays;

-- name: pick_commands
SELECT c.key, c.last_sequence FROM command c
WHERE c.settled_at IS NOT NULL AND (c.type <> 'invoice.issue' OR c.state = 'rejected') AND c.settled_at < :before
  AND c.sought_at IS NULL AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.command_key = c.key)
  AND NOT EXISTS (SELECT 1 FROM command f WHERE f.follows = c.key)
ORDER BY c.settled_at LIMIT :limit;

-- name: forget_links
DELETE FROM command_invoice WHERE command_key = :key;

-- name: forget_listeners
DELETE FROM listener WHERE command_key = :key;

-- name: forget_events
DELETE FROM event WHERE command_key = :key;

-- name: loosen_strays
UPDATE stray SET command_key = NULL WHERE command_key = :key;

-- name: pick_issues
SELECT c.key, c.last_sequence FROM command c
WHERE c.settled_at IS NOT NULL AND c.type = 'invoice.issue' AND c.state <> 'rejected' AND c.is_emptied = 0
  AND c.settled_at < :before AND c.sought_at IS NULL
  AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.command_key = c.key)
ORDER BY c.settled_at LIMIT :limit;

-- name: forget_earlier_events
DELETE FROM event WHERE command_key = :key AND type NOT LIKE '%.completed' AND type NOT LIKE '%.failed';

-- name: empty_payload
UPDATE payload SET data = CAST('{}' AS BLOB), warnings = CAST('[]' AS BLOB) WHERE key = :key;

-- name: set_emptied
UPDATE command SET is_emptied = 1 WHERE key = :key;

-- name: pick_invoices
SELECT i.key FROM invoice i
WHERE i.seen_at < :before
  AND NOT EXISTS (SELECT 1 FROM command_invoice ci JOIN command c ON c.key = ci.command_key
                  WHERE ci.invoice_key = i.key AND c.settled_at IS NULL)
ORDER BY i.seen_at LIMIT :limit;

-- name: forget_links_to
DELETE FROM command_invoice WHERE invoice_key = :key;

-- name: forget_invoice
DELETE FROM invoice WHERE key = :key;

-- name: forget_items
DELETE FROM invoice_items WHERE invoice_id IN (
    SELECT invoice_id FROM invoice_items WHERE fetched_at < :before ORDER BY fetched_at LIMIT :limit);

-- name: forget_files
DELETE FROM invoice_file WHERE (invoice_id, type) IN (
    SELECT invoice_id, type FROM invoice_file WHERE fetched_at < :before ORDER BY fetched_at LIMIT :limit);

-- name: forget_strays
DELETE FROM stray WHERE id IN (
    SELECT s.id FROM stray s
    WHERE s.at < :before AND NOT EXISTS (SELECT 1 FROM command c WHERE c.key = s.command_key AND c.settled_at IS NULL)
    ORDER BY s.at LIMIT :limit);
