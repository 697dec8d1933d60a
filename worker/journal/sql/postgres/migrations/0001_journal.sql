-- The journal as first released. Foreign keys stand where rows are only inserted: in the outbox they would lock a
-- command's row for every copy.

CREATE TABLE command (
    key             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source          text        NOT NULL,
    id              text        NOT NULL,
    type            text        NOT NULL,
    content_hash    text        NOT NULL,
    state           text        NOT NULL
        CHECK (state IN ('waiting', 'held', 'following', 'running', 'submitting', 'scanning', 'in_doubt', 'completed',
                         'failed', 'rejected')),
    lane            text,
    priority        smallint    NOT NULL,
    epoch           bigint      NOT NULL DEFAULT 0,
    attempts        integer     NOT NULL DEFAULT 0,
    last_sequence   integer     NOT NULL DEFAULT 0,
    due_at          timestamptz,
    deadline_at     timestamptz,
    received_at     timestamptz NOT NULL,
    submitted_at    timestamptz,
    settled_at      timestamptz,
    reply_to        text,
    correlation_id  text        NOT NULL,
    traceparent     text,
    tracestate      text,
    seller          text,
    order_no        text,
    follows         bigint      REFERENCES command (key),
    fingerprint     text,
    invoice_number  text,
    secrets         bytea,
    CHECK (secrets IS NULL OR state NOT IN ('completed', 'failed', 'rejected'))
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02,
        autovacuum_vacuum_cost_delay = 0);

-- The id comes first, so that a person may look for an id without knowing its source.
CREATE UNIQUE INDEX command_identity ON command (id, source);
-- The promise behind all others: whatever the code does, a lane has one running command.
CREATE UNIQUE INDEX one_running_per_lane ON command (lane) WHERE state IN ('running', 'submitting', 'scanning');
CREATE UNIQUE INDEX one_command_per_order ON command (seller, order_no) WHERE order_no IS NOT NULL AND follows IS NULL;
CREATE UNIQUE INDEX one_command_per_invoice ON command (invoice_number) WHERE invoice_number IS NOT NULL;
CREATE INDEX command_state ON command (state, key);
CREATE INDEX command_waiting ON command (lane, priority, key) WHERE state = 'waiting';
CREATE INDEX command_waiting_tenant ON command (source) WHERE state = 'waiting';
CREATE INDEX command_deadline ON command (deadline_at)
    WHERE deadline_at IS NOT NULL AND state IN ('waiting', 'held');
CREATE INDEX command_following ON command (follows) WHERE state = 'following';
CREATE INDEX command_in_doubt ON command (lane, fingerprint) WHERE state = 'in_doubt';
CREATE INDEX command_held ON command (lane, fingerprint) WHERE state = 'held';

-- What is written once and may be large stays out of the rows that change.
CREATE TABLE payload (
    key       bigint PRIMARY KEY REFERENCES command (key),
    data      bytea  NOT NULL,
    warnings  bytea  NOT NULL
);

CREATE TABLE event (
    command_key  bigint      NOT NULL REFERENCES command (key),
    sequence     integer     NOT NULL,
    id           text        NOT NULL,
    type         text        NOT NULL,
    body         bytea       NOT NULL,
    created_at   timestamptz NOT NULL,
    PRIMARY KEY (command_key, sequence)
);

-- A row per copy that the broker has not confirmed. The destination is the reply queue, or '' for the topic: the
-- order kept is that of one command at one destination. Answers that are no command's own bring their body along.
-- The owner is the worker that publishes it; rows of nobody were written by the command line.
CREATE TABLE outbox (
    seq             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    command_key     bigint,
    sequence        integer     NOT NULL,
    command_id      text        NOT NULL,
    copy            text        NOT NULL CHECK (copy IN ('r', 't')),
    destination     text        NOT NULL,
    event_id        text        NOT NULL,
    event_type      text        NOT NULL,
    body            bytea,
    correlation_id  text        NOT NULL,
    traceparent     text,
    tracestate      text,
    owner           text,
    state           text        NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'undeliverable')),
    due_at          timestamptz NOT NULL,
    attempts        integer     NOT NULL DEFAULT 0,
    created_at      timestamptz NOT NULL,
    CHECK ((command_key IS NULL) = (body IS NOT NULL))
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000,
        autovacuum_vacuum_cost_delay = 0);

CREATE INDEX outbox_due ON outbox (owner, due_at, seq) WHERE state = 'pending';
CREATE INDEX outbox_stream ON outbox (command_key, destination, seq);
CREATE INDEX outbox_undeliverable ON outbox (seq) WHERE state = 'undeliverable';
CREATE UNIQUE INDEX outbox_answer ON outbox (event_id, destination) WHERE command_key IS NULL;

-- A lane's lease is its holder's: one row is renewed, not thousands. Leases run by this server's clock.
CREATE TABLE worker (
    id            text        PRIMARY KEY,
    leased_until  timestamptz NOT NULL
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000,
        autovacuum_vacuum_cost_delay = 0);

-- Rows are never deleted: the epoch must grow for ever. A lane is held, ready, delayed (due_at) or idle.
CREATE TABLE lane (
    lane       text             PRIMARY KEY,
    tenant     text             NOT NULL,
    turn       double precision NOT NULL,
    is_ready   boolean          NOT NULL DEFAULT false,
    is_wanted  boolean          NOT NULL DEFAULT false,
    due_at     timestamptz,
    holder     text,
    epoch      bigint           NOT NULL DEFAULT 0,
    CHECK (NOT (is_ready AND holder IS NOT NULL))
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000,
        autovacuum_vacuum_cost_delay = 0);

CREATE INDEX lane_ready ON lane (turn, lane) WHERE is_ready;
CREATE INDEX lane_turn ON lane (turn);
CREATE INDEX lane_tenant ON lane (tenant, turn);
CREATE INDEX lane_delayed ON lane (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX lane_holder ON lane (holder) WHERE holder IS NOT NULL;
CREATE INDEX lane_wanted ON lane (holder) WHERE is_wanted;

CREATE TABLE account (
    id               text        PRIMARY KEY,
    refusals         integer     NOT NULL,
    suspended_until  timestamptz
);

CREATE TABLE stray (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    lane         text        NOT NULL,
    command_key  bigint      REFERENCES command (key),
    reason       text        NOT NULL,
    body         bytea       NOT NULL,
    at           timestamptz NOT NULL
);
