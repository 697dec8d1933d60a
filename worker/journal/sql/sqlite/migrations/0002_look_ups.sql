-- Look-ups: what is sought, what was found, and forgetting by age.
--
-- SQLite cannot alter a CHECK, so the table of commands is made anew and filled from the old one, in the order that
-- SQLite's manual gives. Foreign keys are off meanwhile and checked before the commit. Numbers once given are not given
-- again.

CREATE TABLE command_new (
    key             INTEGER PRIMARY KEY AUTOINCREMENT,
    source          TEXT    NOT NULL,
    id              TEXT    NOT NULL,
    type            TEXT    NOT NULL,
    content_hash    TEXT    NOT NULL,
    state           TEXT    NOT NULL,
    lane            TEXT,
    priority        INTEGER NOT NULL,
    epoch           INTEGER NOT NULL DEFAULT 0,
    attempts        INTEGER NOT NULL DEFAULT 0,
    last_sequence   INTEGER NOT NULL DEFAULT 0,
    due_at          INTEGER,
    deadline_at     INTEGER,
    received_at     INTEGER NOT NULL,
    submitted_at    INTEGER,
    settled_at      INTEGER,
    reply_to        TEXT,
    correlation_id  TEXT    NOT NULL,
    traceparent     TEXT,
    tracestate      TEXT,
    seller          TEXT,
    order_no        TEXT,
    follows         INTEGER REFERENCES command (key),
    fingerprint     TEXT,
    invoice_number  TEXT,
    secrets         BLOB,
    account         TEXT,
    sought_at       INTEGER,
    look_ups        INTEGER NOT NULL DEFAULT 0,
    progress        BLOB,
    is_emptied      INTEGER NOT NULL DEFAULT 0,
    CHECK (instr(' waiting held following running submitting scanning checking in_doubt completed failed rejected ',
                 ' ' || state || ' ') > 0),
    CHECK (secrets IS NULL OR sought_at IS NOT NULL
           OR (state <> 'completed' AND state <> 'failed' AND state <> 'rejected'))
) STRICT;

INSERT INTO command_new (key, source, id, type, content_hash, state, lane, priority, epoch, attempts, last_sequence,
                         due_at, deadline_at, received_at, submitted_at, settled_at, reply_to, correlation_id,
                         traceparent, tracestate, seller, order_no, follows, fingerprint, invoice_number, secrets)
SELECT key, source, id, type, content_hash, state, lane, priority, epoch, attempts, last_sequence,
       due_at, deadline_at, received_at, submitted_at, settled_at, reply_to, correlation_id,
       traceparent, tracestate, seller, order_no, follows, fingerprint, invoice_number, secrets
FROM command ORDER BY key;

DELETE FROM sqlite_sequence WHERE name = 'command_new';
INSERT INTO sqlite_sequence (name, seq) SELECT 'command_new', seq FROM sqlite_sequence WHERE name = 'command';
DROP TABLE command;
ALTER TABLE command_new RENAME TO command;

-- The id comes first, so that a person may look for an id without knowing its source.
CREATE UNIQUE INDEX command_identity ON command (id, source);
-- The promise behind all others: whatever the code does, a lane has one running command.
CREATE UNIQUE INDEX one_running_per_lane ON command (lane)
    WHERE state = 'running' OR state = 'submitting' OR state = 'scanning';
CREATE UNIQUE INDEX one_command_per_order ON command (seller, order_no) WHERE order_no IS NOT NULL AND follows IS NULL;
CREATE UNIQUE INDEX one_command_per_invoice ON command (invoice_number) WHERE invoice_number IS NOT NULL;
-- However often work is looked for, there is one look-up for what is sought on a lane with an account.
CREATE UNIQUE INDEX one_look_up_per_account ON command (lane, account) WHERE type = 'look_up';
CREATE INDEX command_state ON command (state, key);
CREATE INDEX command_waiting ON command (lane, priority, key) WHERE state = 'waiting';
CREATE INDEX command_waiting_tenant ON command (source) WHERE state = 'waiting';
CREATE INDEX command_deadline ON command (deadline_at)
    WHERE deadline_at IS NOT NULL AND (state = 'waiting' OR state = 'held');
CREATE INDEX command_following ON command (follows) WHERE state = 'following';
-- Who could claim an invoice that is listed, whatever lane and account submitted it.
CREATE INDEX command_rival ON command (seller, submitted_at, key)
    WHERE invoice_number IS NULL AND submitted_at IS NOT NULL;
CREATE INDEX command_follows ON command (follows) WHERE follows IS NOT NULL;
CREATE INDEX command_unsettled ON command (lane, fingerprint) WHERE state = 'checking' OR state = 'in_doubt';
CREATE INDEX command_held ON command (lane, fingerprint) WHERE state = 'held';
CREATE INDEX command_sought ON command (lane, account, sought_at) WHERE sought_at IS NOT NULL AND account IS NOT NULL;
CREATE INDEX command_unconfirmed ON command (key)
    WHERE type = 'invoice.issue' AND state = 'completed' AND invoice_number IS NULL AND sought_at IS NULL
      AND look_ups > 0;
CREATE INDEX command_forgettable ON command (settled_at)
    WHERE settled_at IS NOT NULL AND (type <> 'invoice.issue' OR state = 'rejected');
CREATE INDEX command_emptiable ON command (settled_at)
    WHERE settled_at IS NOT NULL AND type = 'invoice.issue' AND state <> 'rejected' AND is_emptied = 0;

CREATE INDEX stray_command ON stray (command_key) WHERE command_key IS NOT NULL;
CREATE INDEX stray_at ON stray (at);

-- What look-ups brought, once per user and identity. Items and files hang on the gateway's id, which is all that is
-- known of them, and which an invoice may change.
CREATE TABLE invoice (
    key           INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id       TEXT    NOT NULL,
    identity      TEXT    NOT NULL,
    invoice_id    TEXT    NOT NULL,
    number        TEXT,
    query_type    INTEGER NOT NULL,
    invoice_date  INTEGER,
    seller_id     TEXT    NOT NULL,
    seller_name   TEXT    NOT NULL,
    buyer_id      TEXT    NOT NULL,
    buyer_name    TEXT    NOT NULL,
    total         TEXT,
    data          BLOB    NOT NULL,
    seen_at       INTEGER NOT NULL
) STRICT;

-- The identity comes first, so that an invoice may be looked for without knowing through whom it came.
CREATE UNIQUE INDEX one_invoice_per_identity ON invoice (identity, user_id);
CREATE INDEX invoice_id ON invoice (invoice_id);
CREATE INDEX invoice_number ON invoice (number) WHERE number IS NOT NULL;
CREATE INDEX invoice_of_user ON invoice (user_id, invoice_date);
CREATE INDEX invoice_date ON invoice (invoice_date);
CREATE INDEX invoice_seen ON invoice (seen_at);

CREATE TABLE invoice_items (
    invoice_id  TEXT    PRIMARY KEY,
    data        BLOB    NOT NULL,
    fetched_at  INTEGER NOT NULL
) STRICT;

CREATE INDEX invoice_items_fetched ON invoice_items (fetched_at);

CREATE TABLE invoice_file (
    invoice_id  TEXT    NOT NULL,
    type        TEXT    NOT NULL,
    url         TEXT    NOT NULL,
    number      TEXT,
    fetched_at  INTEGER NOT NULL,
    PRIMARY KEY (invoice_id, type)
) STRICT, WITHOUT ROWID;

CREATE INDEX invoice_file_fetched ON invoice_file (fetched_at);

-- Which command brought which invoice.
CREATE TABLE command_invoice (
    command_key  INTEGER NOT NULL REFERENCES command (key),
    identity     TEXT    NOT NULL,
    invoice_key  INTEGER NOT NULL REFERENCES invoice (key),
    lacks_files  INTEGER NOT NULL,
    PRIMARY KEY (command_key, identity)
) STRICT, WITHOUT ROWID;

CREATE INDEX command_invoice_lacking ON command_invoice (command_key, identity) WHERE lacks_files = 1;
CREATE INDEX command_invoice_key ON command_invoice (invoice_key);
