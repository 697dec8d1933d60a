-- Files kept in the vault: what is to be fetched, what is kept, and which commands are told of it.

-- Whether the vault has taken note of this address; set back when the address is brought again.
ALTER TABLE invoice_file ADD COLUMN is_entered INTEGER NOT NULL DEFAULT 0;
CREATE INDEX invoice_file_unentered ON invoice_file (fetched_at) WHERE is_entered = 0;

-- One row for each file of an invoice. A kept one is never changed and never forgotten.
CREATE TABLE vault_file (
    key           INTEGER PRIMARY KEY AUTOINCREMENT,
    number        TEXT    NOT NULL,
    type          TEXT    NOT NULL,
    state         TEXT    NOT NULL,
    invoice_id    TEXT    NOT NULL,
    seller_id     TEXT    NOT NULL,
    invoice_date  INTEGER NOT NULL,
    url           TEXT    NOT NULL,
    due_at        INTEGER NOT NULL,
    attempts      INTEGER NOT NULL DEFAULT 0,
    reason        TEXT,
    vault_key     TEXT,
    sha256        TEXT,
    size          INTEGER,
    stored_at     INTEGER,
    differs       BLOB,
    CHECK (instr(' due kept missing ', ' ' || state || ' ') > 0),
    CHECK (state <> 'kept' OR (vault_key IS NOT NULL AND sha256 IS NOT NULL AND size IS NOT NULL
                               AND stored_at IS NOT NULL))
) STRICT;

CREATE UNIQUE INDEX one_vault_file_per_type ON vault_file (number, type);
CREATE INDEX vault_file_due ON vault_file (due_at) WHERE state = 'due';

-- Which command is told of which file: `open` until the file is kept or missing, then `ready`, then `told`.
CREATE TABLE vault_telling (
    command_key  INTEGER NOT NULL REFERENCES command (key),
    file_key     INTEGER NOT NULL REFERENCES vault_file (key),
    state        TEXT    NOT NULL,
    PRIMARY KEY (command_key, file_key),
    CHECK (instr(' open ready told ', ' ' || state || ' ') > 0)
) STRICT, WITHOUT ROWID;

CREATE INDEX vault_telling_file ON vault_telling (file_key);
CREATE INDEX vault_telling_ready ON vault_telling (command_key) WHERE state = 'ready';
