-- A bound for what breaks, and turns for what issues pass over.

ALTER TABLE command ADD COLUMN breaks INTEGER NOT NULL DEFAULT 0;
CREATE INDEX command_broken ON command (key) WHERE breaks > 0;

-- When the lane last began something other than an issue.
ALTER TABLE lane ADD COLUMN asked_at INTEGER;
