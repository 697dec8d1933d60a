-- Look-ups: what is sought, what was found, and forgetting by age. No table is rewritten. The new checks allow all that
-- the old ones did, so no row is looked at while the table is locked.

ALTER TABLE command
    ADD COLUMN account    text,
    ADD COLUMN sought_at  timestamptz,
    ADD COLUMN look_ups   integer NOT NULL DEFAULT 0,
    ADD COLUMN progress   bytea,
    ADD COLUMN is_emptied boolean NOT NULL DEFAULT false,
    DROP CONSTRAINT command_state_check,
    DROP CONSTRAINT command_check,
    ADD CONSTRAINT command_state_check
        CHECK (state IN ('waiting', 'held', 'following', 'running', 'submitting', 'scanning', 'checking', 'in_doubt',
                         'completed', 'failed', 'rejected')) NOT VALID,
    ADD CONSTRAINT command_secrets_check
        CHECK (secrets IS NULL OR sought_at IS NOT NULL OR state NOT IN ('completed', 'failed', 'rejected')) NOT VALID;

DROP INDEX command_in_doubt;
CREATE INDEX command_unsettled ON command (lane, fingerprint) WHERE state IN ('checking', 'in_doubt');
CREATE INDEX command_sought ON command (lane, account, sought_at) WHERE sought_at IS NOT NULL AND account IS NOT NULL;
-- However many replicas look for work, there is one look-up for what is sought on a lane with an account.
CREATE UNIQUE INDEX one_look_up_per_account ON command (lane, account) WHERE type = 'look_up';
CREATE INDEX command_unconfirmed ON command (key)
    WHERE type = 'invoice.issue' AND state = 'completed' AND invoice_number IS NULL AND sought_at IS NULL
      AND look_ups > 0;
-- Who could claim an invoice that is listed, whatever lane and account submitted it.
CREATE INDEX command_rival ON command (seller, submitted_at, key)
    WHERE invoice_number IS NULL AND submitted_at IS NOT NULL;
CREATE INDEX command_follows ON command (follows) WHERE follows IS NOT NULL;
CREATE INDEX command_forgettable ON command (settled_at)
    WHERE settled_at IS NOT NULL AND (type <> 'invoice.issue' OR state = 'rejected');
CREATE INDEX command_emptiable ON command (settled_at)
    WHERE settled_at IS NOT NULL AND type = 'invoice.issue' AND state <> 'rejected' AND NOT is_emptied;

CREATE INDEX stray_command ON stray (command_key) WHERE command_key IS NOT NULL;
CREATE INDEX stray_at ON stray (at);

-- What look-ups brought, once per user and identity. Items and files hang on the gateway's id, which is all that is
-- known of them, and which an invoice may change.
CREATE TABLE invoice (
    key           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id       text        NOT NULL,
    identity      text        NOT NULL,
    invoice_id    text        NOT NULL,
    number        text,
    query_type    smallint    NOT NULL,
    invoice_date  timestamptz,
    seller_id     text        NOT NULL,
    seller_name   text        NOT NULL,
    buyer_id      text        NOT NULL,
    buyer_name    text        NOT NULL,
    total         text,
    data          bytea       NOT NULL,
    seen_at       timestamptz NOT NULL
);

-- The identity comes first, so that an invoice may be looked for without knowing through whom it came.
CREATE UNIQUE INDEX one_invoice_per_identity ON invoice (identity, user_id);
CREATE INDEX invoice_id ON invoice (invoice_id);
CREATE INDEX invoice_number ON invoice (number) WHERE number IS NOT NULL;
CREATE INDEX invoice_of_user ON invoice (user_id, invoice_date);
CREATE INDEX invoice_date ON invoice (invoice_date);
CREATE INDEX invoice_seen ON invoice (seen_at);

CREATE TABLE invoice_items (
    invoice_id  text        PRIMARY KEY,
    data        bytea       NOT NULL,
    fetched_at  timestamptz NOT NULL
);

CREATE INDEX invoice_items_fetched ON invoice_items (fetched_at);

CREATE TABLE invoice_file (
    invoice_id  text        NOT NULL,
    type        text        NOT NULL,
    url         text        NOT NULL,
    number      text,
    fetched_at  timestamptz NOT NULL,
    PRIMARY KEY (invoice_id, type)
);

CREATE INDEX invoice_file_fetched ON invoice_file (fetched_at);

-- Which command brought which invoice.
CREATE TABLE command_invoice (
    command_key  bigint  NOT NULL REFERENCES command (key),
    identity     text    NOT NULL,
    invoice_key  bigint  NOT NULL REFERENCES invoice (key),
    lacks_files  boolean NOT NULL,
    PRIMARY KEY (command_key, identity)
);

CREATE INDEX command_invoice_lacking ON command_invoice (command_key, identity) WHERE lacks_files;
CREATE INDEX command_invoice_key ON command_invoice (invoice_key);
