-- Files to fetch into the vault, files kept there, and who is told of them.

-- name: lock_unentered_files
-- Another replica that does the same takes other rows.
SELECT invoice_id, type, url FROM invoice_file WHERE NOT is_entered ORDER BY fetched_at LIMIT $1
FOR UPDATE SKIP LOCKED;

-- name: invoices_of_files
-- A statement of its own behind the lock on the files: a file that was brought anew meanwhile came with its invoice,
-- which the statement that took the lock does not see. Of an invoice that came through several users one row is enough:
-- they tell the same of it.
SELECT f.invoice_id, f.type, f.url, i.number, i.seller_id, i.invoice_date
FROM unnest($1::text[], $2::text[], $3::text[]) AS f (invoice_id, type, url)
CROSS JOIN LATERAL (SELECT number, seller_id, invoice_date FROM invoice
                    WHERE invoice_id = f.invoice_id AND number IS NOT NULL ORDER BY key DESC LIMIT 1) i
ORDER BY i.number, f.type;

-- name: set_entered
UPDATE invoice_file SET is_entered = true
FROM unnest($1::text[], $2::text[]) AS g (invoice_id, type)
WHERE invoice_file.invoice_id = g.invoice_id AND invoice_file.type = g.type;

-- name: enter_vault_file
-- A new address for what was missing makes it due anew; what is kept stays as it is.
INSERT INTO vault_file (number, type, state, invoice_id, seller_id, invoice_date, url, due_at)
VALUES ($1, $2, 'due', $3, $4, $5, $6, $7)
ON CONFLICT (number, type) DO UPDATE SET
    invoice_id = excluded.invoice_id, url = excluded.url, state = 'due',
    due_at = CASE WHEN vault_file.state = 'due' THEN vault_file.due_at ELSE excluded.due_at END,
    attempts = CASE WHEN vault_file.state = 'due' THEN vault_file.attempts ELSE 0 END
WHERE vault_file.state <> 'kept' AND (vault_file.state <> 'missing' OR vault_file.url <> excluded.url);

-- name: enter_tellings
-- FOR KEY SHARE waits for a `prune` that is just deleting one of these commands; once it is gone it gets no row.
-- Without the lock the foreign key would refuse the insertion, and all that is entered with it.
INSERT INTO vault_telling (command_key, file_key, state)
SELECT c.key, v.key, CASE v.state WHEN 'due' THEN 'open' ELSE 'ready' END
FROM vault_file v
CROSS JOIN (SELECT key FROM command WHERE key = ANY (ARRAY(
                SELECT ci.command_key FROM invoice i JOIN command_invoice ci ON ci.invoice_key = i.key
                WHERE i.number = $1
                UNION SELECT key FROM command WHERE invoice_number = $1
            )) FOR KEY SHARE) c
WHERE v.number = $1 AND v.type = $2
ON CONFLICT (command_key, file_key) DO NOTHING;

-- name: open_tellings
-- What was told to be missing is told again when it is kept.
UPDATE vault_telling SET state = 'open'
WHERE state <> 'open'
  AND file_key IN (SELECT key FROM vault_file WHERE number = $1 AND type = $2 AND state || '' = 'due');

-- name: take_due_files
-- Replicas share what is due, and never wait for each other. The attempt is counted now: a file that ends its worker
-- must not be tried for ever.
UPDATE vault_file SET due_at = $2, attempts = attempts + 1
WHERE key IN (SELECT key FROM vault_file WHERE state = 'due' AND due_at <= $1 ORDER BY due_at LIMIT $3
              FOR UPDATE SKIP LOCKED)
RETURNING key, number, type, invoice_id, seller_id, invoice_date, url, attempts;

-- name: invoice_by_number
SELECT * FROM invoice WHERE number = $1 ORDER BY seen_at DESC LIMIT 1;

-- name: keep_vault_file
UPDATE vault_file SET state = 'kept', vault_key = $2, sha256 = $3, size = $4, stored_at = $5, differs = $6, url = $7,
                      reason = NULL
WHERE key = $1 AND state || '' = 'due' RETURNING key;

-- name: put_off_vault_file
UPDATE vault_file SET due_at = $2, reason = $3, url = $4 WHERE key = $1 AND state || '' = 'due';

-- name: miss_vault_file
UPDATE vault_file SET state = 'missing', reason = $2 WHERE key = $1 AND state || '' = 'due' RETURNING key;

-- name: ready_tellings
UPDATE vault_telling SET state = 'ready' WHERE file_key = $1 AND state = 'open';

-- name: commands_to_tell
-- Once nothing more of an invoice is under way for a command that has ended.
SELECT DISTINCT t.command_key FROM vault_telling t
JOIN command c ON c.key = t.command_key
JOIN vault_file v ON v.key = t.file_key
WHERE t.state = 'ready' AND c.settled_at IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM vault_telling o JOIN vault_file w ON w.key = o.file_key
                  WHERE o.command_key = t.command_key AND o.state = 'open' AND w.number = v.number)
LIMIT $1;

-- name: files_to_tell
SELECT v.* FROM vault_telling t JOIN vault_file v ON v.key = t.file_key
WHERE t.command_key = $1 AND t.state = 'ready' AND v.state <> 'due' ORDER BY v.number, v.type LIMIT $2;

-- name: count_event
UPDATE command SET last_sequence = $2
WHERE key = $1 AND last_sequence = $3 AND settled_at IS NOT NULL RETURNING key;

-- name: set_told
-- Unless it was told as missing ($3) and is kept by now: that is told next.
UPDATE vault_telling SET state = 'told' FROM vault_file v
WHERE command_key = $1 AND file_key = ANY ($2::bigint[]) AND vault_telling.state = 'ready' AND v.key = file_key
  AND NOT (v.state = 'kept' AND file_key = ANY ($3::bigint[]));

-- name: kept_files
SELECT * FROM vault_file
WHERE state = 'kept' AND key > $1 AND ($2::text IS NULL OR number = $2) ORDER BY key LIMIT $3;

-- name: vault_years
SELECT to_char(invoice_date AT TIME ZONE 'Asia/Shanghai', 'YYYY') AS year, type, state, count(*) AS files,
       coalesce(sum(size), 0)::bigint AS bytes
FROM vault_file GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
