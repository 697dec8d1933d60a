-- What `fapiao-worker run` needs in PostgreSQL, and nothing else. Run it as the owner of the tables, after each
-- `fapiao-worker db upgrade` (the owner runs that as well; the worker's role could not):
--
--     psql "$OWNER_URL" -v ON_ERROR_STOP=1 -f deploy/permissions/postgres.sql
--
-- The role fapiao_worker must exist: CREATE ROLE fapiao_worker LOGIN PASSWORD '...';
-- `worker/journal/postgres/schema.py` has the same list; a test compares both with the statements, and runs a worker.

DO $$ BEGIN EXECUTE format('GRANT CONNECT ON DATABASE %I TO fapiao_worker', current_database()); END $$;
GRANT USAGE ON SCHEMA public TO fapiao_worker;

GRANT SELECT, INSERT, UPDATE, DELETE ON account TO fapiao_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON audit_row TO fapiao_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON command TO fapiao_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON command_invoice TO fapiao_worker;
GRANT SELECT, INSERT, DELETE ON event TO fapiao_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON follower TO fapiao_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON invoice TO fapiao_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON invoice_file TO fapiao_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON invoice_items TO fapiao_worker;
GRANT SELECT ON journal_schema TO fapiao_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON lane TO fapiao_worker;
GRANT SELECT, INSERT, DELETE ON listener TO fapiao_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON outbox TO fapiao_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON payload TO fapiao_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON seller_rest TO fapiao_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON stray TO fapiao_worker;
GRANT SELECT, INSERT, UPDATE ON vault_file TO fapiao_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON vault_telling TO fapiao_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON worker TO fapiao_worker;
