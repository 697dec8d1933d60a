-- What look-ups brought. Batches come as arrays and are written in the order of their keys, so that two workers that
-- write the same rows wait for each other instead of for ever. Where a probe per row is wanted, it is a sub-select with
-- LIMIT: an EXISTS would be joined to whole tables by a planner that thinks them small.

-- name: keep_invoices
WITH given AS (
    SELECT * FROM unnest($4::text[], $5::text[], $6::text[], $7::smallint[], $8::timestamptz[], $9::text[], $10::text[],
                         $11::text[], $12::text[], $13::text[], $14::bytea[], $15::boolean[])
        AS g (identity, invoice_id, number, query_type, invoice_date, seller_id, seller_name, buyer_id, buyer_name,
              total, data, lacks_files)
), kept AS (
    INSERT INTO invoice (user_id, identity, invoice_id, number, query_type, invoice_date, seller_id, seller_name,
                         buyer_id, buyer_name, total, data, seen_at)
    SELECT $1::text, identity, invoice_id, number, query_type, invoice_date, seller_id, seller_name, buyer_id,
           buyer_name, total, data, $2::timestamptz
    FROM given ORDER BY identity
    ON CONFLICT (identity, user_id) DO UPDATE SET
        invoice_id = excluded.invoice_id, number = excluded.number, query_type = excluded.query_type,
        invoice_date = excluded.invoice_date, seller_id = excluded.seller_id, seller_name = excluded.seller_name,
        buyer_id = excluded.buyer_id, buyer_name = excluded.buyer_name, total = excluded.total, data = excluded.data,
        seen_at = excluded.seen_at
    RETURNING key, identity
)
INSERT INTO command_invoice (command_key, identity, invoice_key, lacks_files)
SELECT $3::bigint, k.identity, k.key, g.lacks_files FROM kept k JOIN given g ON g.identity = k.identity
WHERE $3::bigint IS NOT NULL
ON CONFLICT (command_key, identity) DO UPDATE SET
    invoice_key = excluded.invoice_key, lacks_files = excluded.lacks_files;

-- name: keep_items
INSERT INTO invoice_items (invoice_id, data, fetched_at)
SELECT invoice_id, data, $1::timestamptz FROM unnest($2::text[], $3::bytea[]) AS g (invoice_id, data)
ORDER BY invoice_id
ON CONFLICT (invoice_id) DO UPDATE SET data = excluded.data, fetched_at = excluded.fetched_at;

-- name: keep_files
INSERT INTO invoice_file (invoice_id, type, url, number, fetched_at)
SELECT invoice_id, type, url, number, $1::timestamptz
FROM unnest($2::text[], $3::text[], $4::text[], $5::text[]) AS g (invoice_id, type, url, number)
ORDER BY invoice_id, type
ON CONFLICT (invoice_id, type) DO UPDATE SET
    url = excluded.url, number = excluded.number, fetched_at = excluded.fetched_at, is_entered = false;

-- name: seen_identities
SELECT identity FROM command_invoice WHERE command_key = $1 AND identity = ANY ($2::text[]);

-- name: lacking_invoices
SELECT i.* FROM command_invoice ci JOIN invoice i ON i.key = ci.invoice_key
WHERE ci.command_key = $1 AND ci.lacks_files AND ci.identity > $2 ORDER BY ci.identity LIMIT $3;

-- name: count_files
SELECT count(*) AS number FROM invoice_file WHERE invoice_id IN (
    SELECT i.invoice_id FROM command_invoice ci JOIN invoice i ON i.key = ci.invoice_key WHERE ci.command_key = $1);

-- name: brought_ids
SELECT DISTINCT i.invoice_id FROM invoice i
WHERE i.invoice_id = ANY ($2::text[])
  AND ((SELECT 1 FROM command_invoice ci JOIN command c ON c.key = ci.command_key
        WHERE ci.invoice_key = i.key AND c.source = $1 LIMIT 1) IS NOT NULL
       OR (SELECT 1 FROM command c WHERE c.invoice_number = i.number AND c.source = $1) IS NOT NULL);

-- name: find_stored
-- Of the arms of `named` only the narrowest that fits what is asked for gives rows; the filters below apply in any
-- case. OFFSET 0 makes the planner read each invoice by its key. Else it would go through all of them, expecting that
-- the filters leave none.
WITH named AS (
    (SELECT invoice_key AS key FROM command_invoice WHERE command_key = $3::bigint
     UNION
     SELECT i.key FROM command c JOIN invoice i ON i.number = c.invoice_number WHERE c.key = $3::bigint)
    UNION ALL
    SELECT key FROM invoice WHERE $3::bigint IS NULL AND invoice_id = ANY ($5::text[])
    UNION ALL
    SELECT key FROM invoice
    WHERE $3::bigint IS NULL AND $5::text[] IS NULL AND (number = $4::text OR identity = $4::text)
    UNION ALL
    SELECT key FROM invoice
    WHERE $3::bigint IS NULL AND $5::text[] IS NULL AND $4::text IS NULL AND user_id = $1::text
    UNION ALL
    SELECT key FROM invoice
    WHERE $3::bigint IS NULL AND $5::text[] IS NULL AND $4::text IS NULL AND $1::text IS NULL
), wanted AS MATERIALIZED (
    SELECT i.key, i.invoice_date, i.identity
    FROM named n CROSS JOIN LATERAL (SELECT * FROM invoice WHERE invoice.key = n.key OFFSET 0) AS i
    WHERE ($1::text IS NULL OR i.user_id = $1::text)
      AND ($4::text IS NULL OR i.number = $4::text OR i.identity = $4::text)
      AND ($5::text[] IS NULL OR i.invoice_id = ANY ($5::text[]))
      AND ($6::text IS NULL OR i.buyer_id = $6::text OR strpos(i.buyer_name, $6::text) > 0)
      AND ($7::timestamptz IS NULL OR i.invoice_date >= $7::timestamptz)
      AND ($8::timestamptz IS NULL OR i.invoice_date < $8::timestamptz)
      AND ($2::text IS NULL
           OR (SELECT 1 FROM command_invoice ci JOIN command c ON c.key = ci.command_key
               WHERE ci.invoice_key = i.key AND c.source = $2::text LIMIT 1) IS NOT NULL
           OR (SELECT 1 FROM command c WHERE c.invoice_number = i.number AND c.source = $2::text) IS NOT NULL)
)
SELECT (SELECT count(*) FROM wanted) AS found,
       ARRAY(SELECT key FROM wanted ORDER BY invoice_date DESC NULLS LAST, identity, key LIMIT $9 OFFSET $10) AS keys;

-- name: read_stored
SELECT i.*, s.data AS items, c.id AS command_id, c.state AS command_state
FROM unnest($1::bigint[]) WITH ORDINALITY AS g (key, place)
JOIN invoice i ON i.key = g.key
LEFT JOIN invoice_items s ON s.invoice_id = i.invoice_id
LEFT JOIN command c ON c.invoice_number = i.number AND ($2::text IS NULL OR c.source = $2::text)
ORDER BY g.place;

-- name: files_of
SELECT f.invoice_id, f.type, f.url, f.number, v.vault_key, v.sha256, v.size, v.stored_at, v.differs
FROM invoice_file f LEFT JOIN LATERAL (
    SELECT * FROM vault_file WHERE type = f.type AND state = 'kept' AND number = coalesce(
        f.number, (SELECT max(number) FROM invoice i WHERE i.invoice_id = f.invoice_id)) LIMIT 1
) AS v ON true
WHERE f.invoice_id = ANY ($1::text[]) ORDER BY f.invoice_id, f.type;
