-- Files to fetch into the vault, files kept there, and who is told of them.

-- name: unentered_files
-- Of an invoice that came through several users one row is enough: they tell the same of it.
SELECT wanted.invoice_id, wanted.type, wanted.url, i.number, i.seller_id, i.invoice_date
FROM (SELECT invoice_id, type, url FROM invoice_file WHERE is_entered = 0 ORDER BY fetched_at LIMIT :limit) wanted
LEFT JOIN invoice i ON i.key = (
    SELECT max(key) FROM invoice WHERE invoice_id = wanted.invoice_id AND number IS NOT NULL);

-- name: set_entered
UPDATE invoice_file SET is_entered = 1 WHERE invoice_id = :invoice_id AND type = :type;

-- name: enter_vault_file
-- A new address for what was missing makes it due anew; what is kept stays as it is.
INSERT INTO vault_file (number, type, state, invoice_id, seller_id, invoice_date, url, due_at)
VALUES (:number, :type, 'due', :invoice_id, :seller_id, :invoice_date, :url, :now)
ON CONFLICT (number, type) DO UPDATE SET
    invoice_id = excluded.invoice_id, url = excluded.url, state = 'due',
    due_at = CASE WHEN vault_file.state = 'due' THEN vault_file.due_at ELSE excluded.due_at END,
    attempts = CASE WHEN vault_file.state = 'due' THEN vault_file.attempts ELSE 0 END
WHERE vault_file.state <> 'kept' AND (vault_file.state <> 'missing' OR vault_file.url <> excluded.url);

-- name: enter_tellings
INSERT INTO vault_telling (command_key, file_key, state)
SELECT wanted.key, v.key, CASE v.state WHEN 'due' THEN 'open' ELSE 'ready' END
FROM vault_file v
JOIN (SELECT ci.command_key AS key FROM invoice i JOIN command_invoice ci ON ci.invoice_key = i.key
      WHERE i.number = :number
      UNION SELECT key FROM command WHERE invoice_number = :number) wanted
WHERE v.number = :number AND v.type = :type
ON CONFLICT (command_key, file_key) DO NOTHING;

-- name: open_tellings
-- What was told to be missing is told again when it is kept.
UPDATE vault_telling SET state = 'open'
WHERE state <> 'open'
  AND file_key IN (SELECT key FROM vault_file WHERE number = :number AND type = :type AND state = 'due');

-- name: take_due_files
UPDATE vault_file SET due_at = :until, attempts = attempts + 1
WHERE key IN (SELECT key FROM vault_file WHERE state = 'due' AND due_at <= :now ORDER BY due_at LIMIT :limit)
RETURNING key, number, type, invoice_id, seller_id, invoice_date, url, attempts;

-- name: invoice_by_number
SELECT * FROM invoice WHERE number = :number ORDER BY seen_at DESC LIMIT 1;

-- name: keep_vault_file
UPDATE vault_file SET state = 'kept', vault_key = :vault_key, sha256 = :sha256, size = :size, stored_at = :at,
                      differs = :differs, url = :url, reason = NULL
WHERE key = :key AND state = 'due';

-- name: put_off_vault_file
UPDATE vault_file SET due_at = :due_at, reason = :reason, url = :url WHERE key = :key AND state = 'due';

-- name: miss_vault_file
UPDATE vault_file SET state = 'missing', reason = :reason WHERE key = :key AND state = 'due';

-- name: ready_tellings
UPDATE vault_telling SET state = 'ready' WHERE file_key = :key AND state = 'open';

-- name: commands_to_tell
-- Once nothing more of an invoice is under way for a command that has ended.
SELECT DISTINCT t.command_key FROM vault_telling t
JOIN command c ON c.key = t.command_key
JOIN vault_file v ON v.key = t.file_key
WHERE t.state = 'ready' AND c.settled_at IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM vault_telling o JOIN vault_file w ON w.key = o.file_key
                  WHERE o.command_key = t.command_key AND o.state = 'open' AND w.number = v.number)
LIMIT :limit;

-- name: files_to_tell
SELECT v.* FROM vault_telling t JOIN vault_file v ON v.key = t.file_key
WHERE t.command_key = :command_key AND t.state = 'ready' AND v.state <> 'due' ORDER BY v.number, v.type LIMIT :limit;

-- name: count_event
UPDATE command SET last_sequence = :last_sequence
WHERE key = :key AND last_sequence = :known_sequence AND settled_at IS NOT NULL;

-- name: set_told
-- Unless it was told as missing and is kept by now: that is told next.
UPDATE vault_telling SET state = 'told'
WHERE command_key = :command_key AND file_key = :file_key AND state = 'ready'
  AND NOT (:is_missing AND (SELECT state FROM vault_file WHERE key = :file_key) = 'kept');

-- name: forget_tellings
DELETE FROM vault_telling WHERE command_key = :key;

-- name: kept_files
SELECT * FROM vault_file
WHERE state = 'kept' AND key > :after AND (:number IS NULL OR number = :number) ORDER BY key LIMIT :limit;

-- name: vault_years
SELECT strftime('%Y', invoice_date / 1000000, 'unixepoch', '+8 hours') AS year, type, state, count(*) AS files,
       coalesce(sum(size), 0) AS bytes
FROM vault_file GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
