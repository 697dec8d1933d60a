-- Orders: a number is claimed by one command and let go of again; whoever names it meanwhile follows that one.

ALTER TABLE command ADD COLUMN order_claim TEXT;
ALTER TABLE command ADD COLUMN order_hash TEXT;

-- What the first release bound for ever is free where no invoice came of it. There a number was one over all sources.
UPDATE command SET order_claim = source || char(31) || coalesce(seller, '') || char(31) || order_no
WHERE order_no IS NOT NULL AND follows IS NULL AND state <> 'rejected'
  AND (state <> 'failed' OR EXISTS (
      SELECT 1 FROM event e WHERE e.command_key = command.key AND e.type LIKE '%.failed'
        AND instr(CAST(e.body AS TEXT), '"code":"saved_as_draft"') > 0));

DROP INDEX one_command_per_order;
DROP INDEX command_following;
CREATE UNIQUE INDEX one_claim_per_order ON command (order_claim) WHERE order_claim IS NOT NULL;
CREATE INDEX command_order ON command (seller, order_no) WHERE order_no IS NOT NULL;
-- Where an order came a moment ago under another id.
CREATE INDEX command_lately ON command (fingerprint, received_at) WHERE fingerprint IS NOT NULL;

-- Commands that listen to another one of the same order, until nothing more can come of that one. Whatever moves the
-- first nudges them; one that has not heeded all nudges is to be looked at.
CREATE TABLE follower (
    key        INTEGER PRIMARY KEY REFERENCES command (key),
    first_key  INTEGER NOT NULL REFERENCES command (key),
    claim      TEXT    NOT NULL,
    heard      INTEGER NOT NULL DEFAULT 0,
    nudges     INTEGER NOT NULL DEFAULT 1,
    heeded     INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX follower_first ON follower (first_key);
CREATE INDEX follower_nudged ON follower (key) WHERE nudges > heeded;

INSERT INTO follower (key, first_key, claim)
SELECT key, follows, source || char(31) || coalesce(seller, '') || char(31) || coalesce(order_no, '')
FROM command WHERE state = 'following' AND follows IS NOT NULL;
