-- The journal as first released. Chains of OR, where IN would read better: SQLite builds a table for each IN it checks.
-- Times are microseconds since 1970 (UTC), truths are 0 or 1.

CREATE TABLE command (
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
    CHECK (instr(' waiting held following running submitting scanning in_doubt completed failed rejected ',
                 ' ' || state || ' ') > 0),
    CHECK (secrets IS NULL OR (state <> 'completed' AND state <> 'failed' AND state <> 'rejected'))
) STRICT;

-- The id comes first, so that a person may look for an id without knowing its source.
CREATE UNIQUE INDEX command_identity ON command (id, source);
-- The promise behind all others: whatever the code does, a lane has one running command.
CREATE UNIQUE INDEX one_running_per_lane ON command (lane) 
    WHERE state = 'running' OR state = 'submitting' OR state = 'scanning';
CREATE UNIQUE INDEX one_command_per_order ON command (seller, order_no) WHERE order_no IS NOT NULL AND follows IS NULL;
CREATE UNIQUE INDEX one_command_per_invoice ON command (invoice_number) WHERE invoice_number IS NOT NULL;
CREATE INDEX command_state ON command (state, key);
CREATE INDEX command_waiting ON command (lane, priority, key) WHERE state = 'waiting';
CREATE INDEX command_waiting_tenant ON command (source) WHERE state = 'waiting';
CREATE INDEX command_deadline ON command (deadline_at) 
    WHERE deadline_at IS NOT NULL AND (state = 'waiting' OR state = 'held');
CREATE INDEX command_following ON command (follows) WHERE state = 'following';
CREATE INDEX command_in_doubt ON command (lane, fingerprint) WHERE state = 'in_doubt';
CREATE INDEX command_held ON command (lane, fingerprint) WHERE state = 'held';

-- What is written once and may be large stays out of the rows that change.
CREATE TABLE payload (
    key       INTEGER PRIMARY KEY REFERENCES command (key),
    data      BLOB NOT NULL,
    warnings  BLOB NOT NULL
) STRICT;

CREATE TABLE event (
    command_key  INTEGER NOT NULL REFERENCES command (key),
    sequence     INTEGER NOT NULL,
    id           TEXT    NOT NULL,
    type         TEXT    NOT NULL,
    body         BLOB    NOT NULL,
    created_at   INTEGER NOT NULL,
    PRIMARY KEY (command_key, sequence)
) STRICT;

-- A row per copy that the broker has not confirmed. The destination is the reply queue, or '' for the topic: the
-- order kept is that of one command at one destination. Answers that are no command's own bring their body along.
-- No row has an owner: the file has one process, and that has one relay.
CREATE TABLE outbox (
    seq             INTEGER PRIMARY KEY AUTOINCREMENT,
    command_key     INTEGER REFERENCES command (key),
    sequence        INTEGER NOT NULL,
    command_id      TEXT    NOT NULL,
    copy            TEXT    NOT NULL CHECK (copy = 'r' OR copy = 't'),
    destination     TEXT    NOT NULL,
    event_id        TEXT    NOT NULL,
    event_type      TEXT    NOT NULL,
    body            BLOB,
    correlation_id  TEXT    NOT NULL,
    traceparent     TEXT,
    tracestate      TEXT,
    state           TEXT    NOT NULL DEFAULT 'pending' CHECK (state = 'pending' OR state = 'undeliverable'),
    due_at          INTEGER NOT NULL,
    attempts        INTEGER NOT NULL DEFAULT 0,
    created_at      INTEGER NOT NULL,
    CHECK ((command_key IS NULL) = (body IS NOT NULL))
) STRICT;

CREATE INDEX outbox_due ON outbox (due_at, seq) WHERE state = 'pending';
CREATE INDEX outbox_stream ON outbox (command_key, destination, seq);
CREATE INDEX outbox_undeliverable ON outbox (seq) WHERE state = 'undeliverable';
CREATE UNIQUE INDEX outbox_answer ON outbox (event_id, destination) WHERE command_key IS NULL;

-- A lane's lease is its holder's: one row is renewed, not thousands. `leased_until` is in microseconds of the
-- machine's monotonic clock, for one process only ever reads it.
CREATE TABLE worker (
    id            TEXT    PRIMARY KEY,
    leased_until  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Rows are never deleted: the epoch must grow for ever. A lane is held, ready, delayed (due_at) or idle.
CREATE TABLE lane (
    lane       TEXT    PRIMARY KEY,
    tenant     TEXT    NOT NULL,
    turn       REAL    NOT NULL,
    is_ready   INTEGER NOT NULL DEFAULT 0,
    is_wanted  INTEGER NOT NULL DEFAULT 0,
    due_at     INTEGER,
    holder     TEXT,
    epoch      INTEGER NOT NULL DEFAULT 0,
    CHECK (NOT (is_ready AND holder IS NOT NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX lane_ready ON lane (turn, lane) WHERE is_ready = 1;
CREATE INDEX lane_turn ON lane (turn);
CREATE INDEX lane_tenant ON lane (tenant, turn);
CREATE INDEX lane_delayed ON lane (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX lane_holder ON lane (holder, is_wanted) WHERE holder IS NOT NULL;

CREATE TABLE account (
    id               TEXT    PRIMARY KEY,
    refusals         INTEGER NOT NULL,
    suspended_until  INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE stray (
    id           INTEGER PRIMARY KEY,
    lane         TEXT    NOT NULL,
    command_key  INTEGER REFERENCES command (key),
    reason       TEXT    NOT NULL,
    body         BLOB    NOT NULL,
    at           INTEGER NOT NULL
) STRICT;
