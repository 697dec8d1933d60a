-- What look-ups brought.

-- name: keep_invoice
INSERT INTO invoice (user_id, identity, invoice_id, number, query_type, invoice_date, seller_id, seller_name, buyer_id,
                     buyer_name, total, data, seen_at)
VALUES (:user_id, :identity, :invoice_id, :number, :query_type, :invoice_date, :seller_id, :seller_name, :buyer_id,
        :buyer_name, :total, :data, :at)
ON CONFLICT (identity, user_id) DO UPDATE SET
    invoice_id = excluded.invoice_id, number = excluded.number, query_type = excluded.query_type,
    invoice_date = excluded.invoice_date, seller_id = excluded.seller_id, seller_name = excluded.seller_name,
    buyer_id = excluded.buyer_id, buyer_name = excluded.buyer_name, total = excluded.total, data = excluded.data,
    seen_at = excluded.seen_at;

-- name: link_invoice
INSERT INTO command_invoice (command_key, identity, invoice_key, lacks_files)
SELECT :command_key, identity, key, :lacks_files FROM invoice WHERE identity = :identity AND user_id = :user_id
ON CONFLICT (command_key, identity) DO UPDATE SET
    invoice_key = excluded.invoice_key, lacks_files = excluded.lacks_files;

-- name: keep_items
INSERT INTO invoice_items (invoice_id, data, fetched_at) VALUES (:invoice_id, :data, :at)
ON CONFLICT (invoice_id) DO UPDATE SET data = excluded.data, fetched_at = excluded.fetched_at;

-- name: keep_file
INSERT INTO invoice_file (invoice_id, type, url, number, fetched_at) VALUES (:invoice_id, :type, :url, :number, :at)
ON CONFLICT (invoice_id, type) DO UPDATE SET
    url = excluded.url, number = excluded.number, fetched_at = excluded.fetched_at, is_entered = 0;

-- name: seen_identities
SELECT identity FROM command_invoice
WHERE command_key = :key AND identity IN (SELECT value FROM json_each(:identities));

-- name: lacking_invoices
SELECT i.* FROM command_invoice ci JOIN invoice i ON i.key = ci.invoice_key
WHERE ci.command_key = :key AND ci.lacks_files = 1 AND ci.identity > :after ORDER BY ci.identity LIMIT :limit;

-- name: count_files
SELECT count(*) AS number FROM invoice_file WHERE invoice_id IN (
    SELECT i.invoice_id FROM command_invoice ci JOIN invoice i ON i.key = ci.invoice_key WHERE ci.command_key = :key);

-- name: brought_ids
SELECT DISTINCT i.invoice_id FROM invoice i
WHERE i.invoice_id IN (SELECT value FROM json_each(:invoice_ids))
  AND (EXISTS (SELECT 1 FROM command_invoice ci JOIN command c ON c.key = ci.command_key
               WHERE ci.invoice_key = i.key AND c.source = :source)
       OR EXISTS (SELECT 1 FROM command c WHERE c.invoice_number = i.number AND c.source = :source));

-- name: find_stored
-- Of the arms of `named` only the narrowest that fits what is asked for gives rows; the filters below apply in any
-- case.
WITH named AS (
    SELECT key FROM (
        SELECT invoice_key AS key FROM command_invoice WHERE command_key = :command_key
        UNION
        SELECT i.key FROM command c JOIN invoice i ON i.number = c.invoice_number WHERE c.key = :command_key)
    UNION ALL
    SELECT key FROM invoice WHERE :command_key IS NULL AND invoice_id IN (SELECT value FROM json_each(:invoice_ids))
    UNION ALL
    SELECT key FROM invoice
    WHERE :command_key IS NULL AND :invoice_ids IS NULL AND (number = :number OR identity = :number)
    UNION ALL
    SELECT key FROM invoice
    WHERE :command_key IS NULL AND :invoice_ids IS NULL AND :number IS NULL AND user_id = :user_id
    UNION ALL
    SELECT key FROM invoice
    WHERE :command_key IS NULL AND :invoice_ids IS NULL AND :number IS NULL AND :user_id IS NULL
), wanted AS MATERIALIZED (
    SELECT i.key, i.invoice_date, i.identity FROM named n JOIN invoice i ON i.key = n.key
    WHERE (:user_id IS NULL OR i.user_id = :user_id)
      AND (:number IS NULL OR i.number = :number OR i.identity = :number)
      AND (:invoice_ids IS NULL OR i.invoice_id IN (SELECT value FROM json_each(:invoice_ids)))
      AND (:buyer IS NULL OR i.buyer_id = :buyer OR instr(i.buyer_name, :buyer) > 0)
      AND (:since IS NULL OR i.invoice_date >= :since)
      AND (:until IS NULL OR i.invoice_date < :until)
      AND (:source IS NULL
           OR EXISTS (SELECT 1 FROM command_invoice ci JOIN command c ON c.key = ci.command_key
                      WHERE ci.invoice_key = i.key AND c.source = :source)
           OR EXISTS (SELECT 1 FROM command c WHERE c.invoice_number = i.number AND c.source = :source))
)
SELECT (SELECT count(*) FROM wanted) AS found,
       (SELECT json_group_array(key) FROM (
           SELECT key FROM wanted ORDER BY invoice_date DESC NULLS LAST, identity, key LIMIT :limit OFFSET :offset
       )) AS keys;

-- name: read_stored
SELECT i.*, s.data AS items, c.id AS command_id, c.state AS command_state
FROM json_each(:keys) g
JOIN invoice i ON i.key = g.value
LEFT JOIN invoice_items s ON s.invoice_id = i.invoice_id
LEFT JOIN command c ON c.invoice_number = i.number AND (:source IS NULL OR c.source = :source)
ORDER BY g.key;

-- name: files_of
SELECT f.invoice_id, f.type, f.url, f.number, v.vault_key, v.sha256, v.size, v.stored_at, v.differs
FROM invoice_file f LEFT JOIN vault_file v ON v.type = f.type AND v.state = 'kept' AND v.number = coalesce(
    f.number, (SELECT max(number) FROM invoice i WHERE i.invoice_id = f.invoice_id))
WHERE f.invoice_id IN (SELECT value FROM json_each(:invoice_ids)) ORDER BY f.invoice_id, f.type;
