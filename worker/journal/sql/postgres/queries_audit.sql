-- An audit's rows, beside what the journal knows. Probes are sub-selects with LIMIT, as in queries_found.sql.

-- name: keep_audited
INSERT INTO audit_row (command_key, identity, number, is_in_period, alike, data)
SELECT c.key, g.identity, g.number, g.is_in_period, g.alike, g.data
FROM (SELECT key FROM command WHERE key = $1 AND epoch = $2 AND state = 'running') c
CROSS JOIN unnest($3::text[], $4::text[], $5::boolean[], $6::text[], $7::bytea[])
    AS g (identity, number, is_in_period, alike, data)
ORDER BY g.identity
ON CONFLICT (command_key, identity) DO UPDATE SET
    number = excluded.number, is_in_period = excluded.is_in_period, alike = excluded.alike, data = excluded.data;

-- name: count_audited
SELECT count(*) AS number FROM audit_row WHERE command_key = $1;

-- name: audited
SELECT r.*, c.key AS owner_key, c.source = $4 AS is_own,
       CASE WHEN c.source = $4 THEN c.id END AS owner_id,
       CASE WHEN c.source = $4 THEN c.order_no END AS order_no,
       CASE WHEN c.source = $4 THEN (SELECT p.data FROM payload p WHERE p.key = c.key LIMIT 1) END AS sent,
       CASE WHEN c.source = $4 THEN (SELECT p.warnings FROM payload p WHERE p.key = c.key LIMIT 1) END AS warnings,
       CASE WHEN c.source = $4 THEN (
           SELECT e.body FROM event e WHERE e.command_key = c.key AND e.type = 'invoice.issue.confirmed'
           ORDER BY e.sequence LIMIT 1) END AS confirmed,
       t.identity AS twin_identity, t.number AS twin_number, o.key AS twin_owner,
       CASE WHEN o.source = $4 THEN o.id END AS twin_id
FROM (SELECT * FROM audit_row WHERE command_key = $1 AND identity > $2 ORDER BY identity LIMIT $3) r
LEFT JOIN LATERAL (
    SELECT key, source, id, order_no FROM command WHERE invoice_number = r.number LIMIT 1) c ON true
LEFT JOIN LATERAL (
    SELECT a.identity, a.number FROM audit_row a
    WHERE a.command_key = $1 AND a.alike = r.alike AND a.identity <> r.identity ORDER BY a.identity LIMIT 1) t ON true
LEFT JOIN LATERAL (SELECT key, source, id FROM command WHERE invoice_number = t.number LIMIT 1) o ON true
ORDER BY r.identity;

-- name: unclaim_audited
UPDATE audit_row SET claim = NULL WHERE command_key = $1 AND claim = 0;

-- name: claim_audited
UPDATE audit_row r SET claim = g.claim
FROM unnest($2::text[], $3::bigint[]) AS g (identity, claim)
WHERE r.command_key = $1 AND r.identity = g.identity;

-- name: numbered_commands
SELECT c.key, c.submitted_at, c.source = $6 AS is_own, c.invoice_number AS number, r.identity AS listed,
       CASE WHEN c.source = $6 THEN c.id END AS id,
       CASE WHEN c.source = $6 THEN c.order_no END AS order_no,
       CASE WHEN c.source = $6 AND r.identity IS NULL THEN (
           SELECT e.body FROM event e WHERE e.command_key = c.key AND e.type = 'invoice.issue.confirmed'
           ORDER BY e.sequence LIMIT 1) END AS confirmed,
       CASE WHEN c.source = $6 AND r.identity IS NULL THEN (
           SELECT max(i.invoice_date) FROM invoice i WHERE i.number = c.invoice_number) END AS dated
FROM (SELECT key, source, id, order_no, submitted_at, invoice_number FROM command
      WHERE seller = $2 AND (submitted_at, key) > ($3::timestamptz, $4::bigint) AND submitted_at < $5
        AND submitted_at IS NOT NULL AND invoice_number IS NOT NULL
      ORDER BY submitted_at, key LIMIT $7) AS c
LEFT JOIN LATERAL (
    SELECT a.identity FROM audit_row a WHERE a.command_key = $1 AND a.identity = c.invoice_number LIMIT 1) r ON true
ORDER BY c.submitted_at, c.key;

-- name: forget_audited
WITH gone AS (
    DELETE FROM audit_row WHERE command_key = $1 AND identity = ANY (ARRAY(
        SELECT identity FROM audit_row WHERE command_key = $1 ORDER BY identity LIMIT $2))
    RETURNING 1
)
SELECT count(*) AS number FROM gone;

-- name: forget_audit
DELETE FROM audit_row WHERE command_key = $1;
