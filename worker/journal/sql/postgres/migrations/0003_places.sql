-- Who may have which place: a lane that is ready says whether its next work needs a session with the gateway.

ALTER TABLE lane ADD COLUMN connects boolean NOT NULL DEFAULT true;
-- What was submitted is told as in doubt without a session, but is left to the next refresh: a dead holder's lanes get one.
UPDATE lane SET connects = false WHERE starts_with(lane, chr(31));

CREATE INDEX lane_ready_kind ON lane (connects, tenant, turn, lane) WHERE is_ready;
