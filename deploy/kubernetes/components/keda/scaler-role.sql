-- The role by which KEDA counts lanes: it may read that one table, and nothing that names a person's invoice.
-- Run it as the owner of the journal's tables, then give the role a password: \password fapiao_scaler
CREATE ROLE fapiao_scaler LOGIN CONNECTION LIMIT 8;
GRANT SELECT (is_ready, holder, due_at) ON lane TO fapiao_scaler;
