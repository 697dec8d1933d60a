-- Files kept in the vault: what is to be fetched, what is kept, and which commands are told of it.

-- Whether the vault has taken note of this address; set back when the address is brought again.
ALTER TABLE invoice_file ADD COLUMN is_entered boolean NOT NULL DEFAULT false;
CREATE INDEX invoice_file_unentered ON invoice_file (fetched_at) WHERE NOT is_entered;

-- One row for each file of an invoice. A kept one is never changed and never forgotten.
CREATE TABLE vault_file (
    key           bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    number        text        NOT NULL,
    type          text        NOT NULL,
    state         text        NOT NULL CHECK (state IN ('due', 'kept', 'missing')),
    invoice_id    text        NOT NULL,
    seller_id     text        NOT NULL,
    invoice_date  timestamptz NOT NULL,
    url           text        NOT NULL,
    due_at        timestamptz NOT NULL,
    attempts      integer     NOT NULL DEFAULT 0,
    reason        text,
    vault_key     text,
    sha256        text,
    size          bigint,
    stored_at     timestamptz,
    differs       bytea,
    CHECK (state <> 'kept' OR (vault_key IS NOT NULL AND sha256 IS NOT NULL AND size IS NOT NULL
                               AND stored_at IS NOT NULL))
);

CREATE UNIQUE INDEX one_vault_file_per_type ON vault_file (number, type);
CREATE INDEX vault_file_due ON vault_file (due_at) WHERE state = 'due';

-- Which command is told of which file: `open` until the file is kept or missing, then `ready`, then `told`.
CREATE TABLE vault_telling (
    command_key  bigint NOT NULL REFERENCES command (key),
    file_key     bigint NOT NULL REFERENCES vault_file (key),
    state        text   NOT NULL CHECK (state IN ('open', 'ready', 'told')),
    PRIMARY KEY (command_key, file_key)
);

CREATE INDEX vault_telling_file ON vault_telling (file_key);
CREATE INDEX vault_telling_ready ON vault_telling (command_key) WHERE state = 'ready';
