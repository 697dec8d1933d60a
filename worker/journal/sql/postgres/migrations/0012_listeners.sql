-- Queues that repeats of a command's message named, and which are told what comes from then on. A copy for the topic
-- brings along one for each of them, whoever wrote it. A trigger's statement sees what was committed while the one that
-- fired it waited for a lock; a part of that one would not. It has its owner's rights, so that workers which run go on
-- before the grants are made anew.

CREATE TABLE listener (
    command_key     bigint      NOT NULL REFERENCES command (key),
    reply_to        text        NOT NULL,
    correlation_id  text        NOT NULL,
    traceparent     text,
    tracestate      text,
    since           timestamptz NOT NULL,
    PRIMARY KEY (command_key, reply_to)
);

CREATE FUNCTION tell_listeners() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT
AS $$
BEGIN
    INSERT INTO outbox (command_key, sequence, command_id, copy, destination, event_id, event_type, correlation_id,
                        traceparent, tracestate, owner, due_at, created_at)
    SELECT NEW.command_key, NEW.sequence, NEW.command_id, 'r', l.reply_to, NEW.event_id, NEW.event_type,
           l.correlation_id, l.traceparent, l.tracestate, NEW.owner, NEW.due_at, NEW.created_at
    FROM listener l WHERE l.command_key = NEW.command_key ORDER BY l.since, l.reply_to;
    RETURN NULL;
END $$;

CREATE TRIGGER outbox_listeners AFTER INSERT ON outbox FOR EACH ROW
    WHEN (NEW.copy = 't' AND NEW.command_key IS NOT NULL) EXECUTE FUNCTION tell_listeners();
