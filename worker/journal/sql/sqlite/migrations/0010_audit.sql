-- What an audit keeps of a period's list until it has gone through it.

CREATE TABLE audit_row (
    command_key   INTEGER NOT NULL REFERENCES command (key),
    identity      TEXT    NOT NULL,
    number        TEXT,
    is_in_period  INTEGER NOT NULL,
    alike         TEXT,
    claim         INTEGER,
    data          BLOB    NOT NULL,
    PRIMARY KEY (command_key, identity)
) STRICT, WITHOUT ROWID;

CREATE INDEX audit_row_alike ON audit_row (command_key, alike, identity) WHERE alike IS NOT NULL;
-- Whose invoices a period's list must have.
CREATE INDEX command_numbered ON command (seller, submitted_at, key)
    WHERE invoice_number IS NOT NULL AND submitted_at IS NOT NULL;
