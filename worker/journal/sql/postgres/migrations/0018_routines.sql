-- Where the statistics say that nothing waits, as they do most of the time, each lane's head was looked for among all
-- that waits: an index by tenant or by state looked cheaper than the one by lane. The same with what is held or unsettled
-- on a lane. Now the conditions of these indexes are written as no other index has them.

DROP INDEX command_waiting;
CREATE INDEX command_waiting ON command (lane, priority, key) WHERE starts_with(state, 'waiting');
DROP INDEX command_held;
CREATE INDEX command_held ON command (lane, fingerprint) WHERE starts_with(state, 'held');
DROP INDEX command_unsettled;
CREATE INDEX command_unsettled ON command (lane, fingerprint) WHERE state || '' IN ('checking', 'in_doubt');
