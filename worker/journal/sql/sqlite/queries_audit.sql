-- An audit's rows, beside what the journal knows.

-- name: keep_audited
INSERT INTO audit_row (command_key, identity, number, is_in_period, alike, data)
SELECT key, :identity, :number, :is_in_period, :alike, :data FROM command
WHERE key = :key AND epoch = :epoch AND state = 'running'
ON CONFLICT (command_key, identity) DO UPDATE SET
    number = excluded.number, is_in_period = excluded.is_in_period, alike = excluded.alike, data = excluded.data;

-- name: count_audited
SELECT count(*) AS number FROM audit_row WHERE command_key = :key;

-- name: audited
SELECT s.*, c.key AS owner_key, c.source = :source AS is_own,
       CASE WHEN c.source = :source THEN c.id END AS owner_id,
       CASE WHEN c.source = :source THEN c.order_no END AS order_no,
       CASE WHEN c.source = :source THEN p.data END AS sent,
       CASE WHEN c.source = :source THEN p.warnings END AS warnings,
       CASE WHEN c.source = :source THEN (
           SELECT e.body FROM event e WHERE e.command_key = c.key AND e.type = 'invoice.issue.confirmed'
           ORDER BY e.sequence LIMIT 1) END AS confirmed,
       t.identity AS twin_identity, t.number AS twin_number, o.key AS twin_owner,
       CASE WHEN o.source = :source THEN o.id END AS twin_id
FROM (SELECT * FROM audit_row WHERE command_key = :key AND identity > :after ORDER BY identity LIMIT :limit) s
LEFT JOIN command c ON c.invoice_number = s.number
LEFT JOIN payload p ON p.key = c.key
LEFT JOIN audit_row t ON t.command_key = :key AND t.identity = (
    SELECT a.identity FROM audit_row a
    WHERE a.command_key = :key AND a.alike = s.alike AND a.identity <> s.identity ORDER BY a.identity LIMIT 1)
LEFT JOIN command o ON o.invoice_number = t.number
ORDER BY s.identity;

-- name: unclaim_audited
UPDATE audit_row SET claim = NULL WHERE command_key = :key AND claim = 0;

-- name: claim_audited
UPDATE audit_row SET claim = :claim WHERE command_key = :key AND identity = :identity;

-- name: numbered_commands
SELECT c.key, c.submitted_at, c.source = :source AS is_own, c.invoice_number AS number, r.identity AS listed,
       CASE WHEN c.source = :source THEN c.id END AS id,
       CASE WHEN c.source = :source THEN c.order_no END AS order_no,
       CASE WHEN c.source = :source AND r.identity IS NULL THEN (
           SELECT e.body FROM event e WHERE e.command_key = c.key AND e.type = 'invoice.issue.confirmed'
           ORDER BY e.sequence LIMIT 1) END AS confirmed,
       CASE WHEN c.source = :source AND r.identity IS NULL THEN (
           SELECT max(i.invoice_date) FROM invoice i WHERE i.number = c.invoice_number) END AS dated
FROM (SELECT key FROM command INDEXED BY command_numbered
      WHERE seller = :seller AND (submitted_at, key) > (:since, :after) AND submitted_at < :until
        AND submitted_at IS NOT NULL AND invoice_number IS NOT NULL
      ORDER BY submitted_at, key LIMIT :limit) AS s
JOIN command c ON c.key = s.key
LEFT JOIN audit_row r ON r.command_key = :key AND r.identity = c.invoice_number
ORDER BY c.submitted_at, c.key;

-- name: forget_audited
DELETE FROM audit_row WHERE command_key = :key AND identity IN (
    SELECT identity FROM audit_row WHERE command_key = :key ORDER BY identity LIMIT :limit);

-- name: forget_audit
DELETE FROM audit_row WHERE command_key = :key;
