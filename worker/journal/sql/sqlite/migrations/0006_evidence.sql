-- What the newest results of a lane were: a repeat of one is known after a restart too.
CREATE INDEX command_completed ON command (lane, key)
    WHERE state = 'completed' AND type = 'invoice.issue' AND fingerprint IS NOT NULL;
