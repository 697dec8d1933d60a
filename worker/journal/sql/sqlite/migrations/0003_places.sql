-- Who may have which place: a lane that is ready says whether its next work needs a session with the gateway.

ALTER TABLE lane ADD COLUMN connects INTEGER NOT NULL DEFAULT 1;
-- What was submitted is told as in doubt without a session, but is left to the next refresh: lanes are freed at a start.
UPDATE lane SET connects = 0 WHERE substr(lane, 1, 1) = char(31);

CREATE INDEX lane_ready_kind ON lane (connects, tenant, turn, lane) WHERE is_ready = 1;
