-- Queues that repeats of a command's message named, and which are told what comes from then on. A copy for the topic
-- brings along one for each of them, whoever wrote it.

CREATE TABLE listener (
    command_key     INTEGER NOT NULL REFERENCES command (key),
    reply_to        TEXT    NOT NULL,
    correlation_id  TEXT    NOT NULL,
    traceparent     TEXT,
    tracestate      TEXT,
    since           INTEGER NOT NULL,
    PRIMARY KEY (command_key, reply_to)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER outbox_listeners AFTER INSERT ON outbox WHEN NEW.copy = 't' AND NEW.command_key IS NOT NULL
BEGIN
    INSERT INTO outbox (command_key, sequence, command_id, copy, destination, event_id, event_type, correlation_id,
                        traceparent, tracestate, due_at, created_at)
    SELECT NEW.command_key, NEW.sequence, NEW.command_id, 'r', l.reply_to, NEW.event_id, NEW.event_type,
           l.correlation_id, l.traceparent, l.tracestate, NEW.due_at, NEW.created_at
    FROM listener l WHERE l.command_key = NEW.command_key ORDER BY l.since, l.reply_to;
END;
