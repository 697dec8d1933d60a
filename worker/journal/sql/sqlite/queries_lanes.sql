-- Turns are start tags of fair queueing: the least turn is claimed first. The virtual time is the least turn of the
-- ready lanes or, where none is ready, the greatest turn of all lanes. A lane that becomes ready gets the virtual time,
-- or one more than its tenant's last turn, whichever is later. So a tenant of a thousand lanes takes turns with a
-- tenant of one, and an idle tenant saves up nothing.
--
-- Nothing is locked here: one writer thread does one transaction after the other.

-- name: register_worker
INSERT INTO worker (id, leased_until) VALUES (:worker, :until)
ON CONFLICT (id) DO UPDATE SET leased_until = excluded.leased_until;

-- name: renew_worker
UPDATE worker SET leased_until = :until WHERE id = :worker AND leased_until > :clock;

-- name: retire_worker
DELETE FROM worker WHERE id = :worker;

-- name: expire_workers
DELETE FROM worker WHERE leased_until <= :clock;

-- name: is_alive
SELECT 1 FROM worker WHERE id = :worker AND leased_until > :clock;

-- name: dead_holders
WITH RECURSIVE holders (id) AS (
    SELECT min(holder) FROM lane WHERE holder IS NOT NULL
    UNION ALL
    SELECT (SELECT min(holder) FROM lane WHERE holder IS NOT NULL AND holder > holders.id)
    FROM holders WHERE holders.id IS NOT NULL
)
SELECT id FROM holders WHERE id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM worker WHERE worker.id = holders.id);

-- name: held_lanes
SELECT lane FROM lane WHERE holder = :holder LIMIT :limit;

-- name: delayed_lanes
SELECT lane FROM lane WHERE due_at IS NOT NULL AND due_at <= :now ORDER BY due_at LIMIT :limit;

-- name: read_lane
SELECT lane, is_ready, is_wanted, due_at, holder, epoch FROM lane WHERE lane = :lane;

-- name: look_at_lane
SELECT holder, epoch, is_wanted,
       EXISTS (SELECT 1 FROM command c WHERE c.lane = lane.lane AND c.state = 'waiting') AS has_waiting
FROM lane WHERE lane = :lane;

-- name: insert_lane
INSERT INTO lane (lane, tenant, is_ready, connects, turn)
VALUES (:lane, :tenant, 1, :connects, max(
    coalesce((SELECT min(turn) FROM lane WHERE is_ready = 1), (SELECT max(turn) FROM lane), 0),
    coalesce((SELECT max(turn) FROM lane WHERE tenant = :tenant) + 1, 0)
));

-- name: set_ready
UPDATE lane SET is_ready = 1, is_wanted = 0, holder = NULL, due_at = NULL, tenant = :tenant, connects = :connects,
    turn = max(
    coalesce((SELECT min(turn) FROM lane WHERE is_ready = 1), (SELECT max(turn) FROM lane), 0),
    coalesce((SELECT max(turn) FROM lane WHERE tenant = :tenant) + 1, 0)
)
WHERE lane = :lane;

-- name: set_unready
-- Delayed until due_at, or idle where that is NULL.
UPDATE lane SET is_ready = 0, is_wanted = 0, holder = NULL, due_at = :due_at WHERE lane = :lane;

-- name: forget_lane
DELETE FROM lane WHERE lane = :lane;

-- name: set_wanted
UPDATE lane SET is_wanted = 1 WHERE lane = :lane AND holder IS NOT NULL AND is_wanted = 0;

-- name: clear_wanted
UPDATE lane SET is_wanted = 0 WHERE lane = :lane AND is_wanted = 1;

-- name: leases_of
SELECT lane, epoch FROM lane WHERE holder = :worker;

-- name: wanted_lanes
SELECT lane FROM lane WHERE holder = :worker AND is_wanted = 1;

-- name: count_ready_lanes
SELECT count(*) AS ready FROM (SELECT 1 FROM lane WHERE is_ready = 1 LIMIT :limit);

-- name: count_ready_lanes_of
-- `connects` may be either; it is named because the index begins with it, and no index begins with the tenant.
SELECT count(*) AS ready FROM (
    SELECT 1 FROM lane WHERE is_ready = 1 AND connects IN (0, 1) AND tenant = :tenant LIMIT :limit
);

-- name: pick_lanes
SELECT lane, epoch, tenant FROM lane WHERE is_ready = 1 ORDER BY turn, lane LIMIT :limit;

-- name: ready_tenants
-- A probe per tenant that has such lanes ready, however many each has.
WITH RECURSIVE tenants (tenant) AS (
    SELECT min(tenant) FROM lane INDEXED BY lane_ready_kind WHERE is_ready = 1 AND connects = :connects
    UNION ALL
    SELECT (SELECT min(l.tenant) FROM lane l INDEXED BY lane_ready_kind
            WHERE l.is_ready = 1 AND l.connects = :connects AND l.tenant > tenants.tenant)
    FROM tenants WHERE tenants.tenant IS NOT NULL
)
SELECT tenant FROM tenants WHERE tenant IS NOT NULL;

-- name: pick_lanes_of
SELECT lane, epoch, tenant, turn FROM lane INDEXED BY lane_ready_kind
WHERE is_ready = 1 AND connects = :connects AND tenant = :tenant ORDER BY turn, lane LIMIT :limit;

-- name: take_lane
UPDATE lane SET is_ready = 0, is_wanted = 0, due_at = NULL, holder = :worker, epoch = :epoch WHERE lane = :lane;

-- name: lane_active
SELECT c.*, p.data, p.warnings FROM command c JOIN payload p ON p.key = c.key
WHERE c.lane = :lane AND (c.state = 'running' OR c.state = 'submitting' OR c.state = 'scanning');

-- name: lane_active_tenant
-- A look-up has no tenant (its source is empty): a lane with nothing else keeps the tenant that it had, or one tenant
-- would get the turns of two. A lane whose command was submitted already needs no connection: all that is left to do is
-- to tell that it is in doubt.
SELECT CASE source WHEN '' THEN (SELECT tenant FROM lane WHERE lane.lane = c.lane) ELSE source END AS tenant,
       state <> 'running' AS is_submitted
FROM command c WHERE lane = :lane AND (state = 'running' OR state = 'submitting' OR state = 'scanning');

-- name: lane_head
SELECT c.*, p.data, p.warnings, c.fingerprint IS NOT NULL AND EXISTS (
    SELECT 1 FROM command d
    WHERE (d.state = 'checking' OR d.state = 'in_doubt') AND d.lane = c.lane AND d.fingerprint = c.fingerprint
) AS has_twin, EXISTS (
    SELECT 1 FROM command q WHERE q.lane = c.lane AND q.state = 'waiting' AND q.priority = 1
) AS has_query
FROM command c JOIN payload p ON p.key = c.key
WHERE c.lane = :lane AND c.state = 'waiting' ORDER BY c.priority, c.key LIMIT 1;

-- name: lane_passed_over
-- The oldest query of a lane that has begun nothing but issues since the cutoff, if it has waited since then.
SELECT c.*, p.data, p.warnings, 0 AS has_twin
FROM (SELECT key FROM command WHERE lane = :lane AND state = 'waiting' AND priority = 1
      ORDER BY priority, key LIMIT 1) AS h
JOIN command c ON c.key = h.key JOIN payload p ON p.key = c.key
WHERE coalesce(c.due_at, c.received_at) <= :cutoff
  AND (SELECT asked_at IS NULL OR asked_at <= :cutoff FROM lane WHERE lane.lane = :lane);

-- name: lane_head_due
SELECT CASE source WHEN '' THEN (SELECT tenant FROM lane WHERE lane.lane = c.lane) ELSE source END AS tenant, due_at
FROM command c WHERE lane = :lane AND state = 'waiting' ORDER BY priority, key LIMIT 1;

-- name: resume_command
UPDATE command SET epoch = :epoch WHERE key = :key;

-- name: take_command
UPDATE command SET state = 'running', epoch = :epoch, attempts = attempts + 1, due_at = NULL
WHERE key = :key AND state = 'waiting';

-- name: lift_command
UPDATE command SET priority = -1 WHERE key = :key;

-- name: lane_asks
UPDATE lane SET asked_at = :now WHERE lane = :lane;

-- name: count_break
-- Its run may have broken before the first step, which begins it.
UPDATE command SET breaks = breaks + 1
WHERE key = :key AND (epoch = :epoch OR epoch < :epoch AND state = 'waiting' AND lane = :lane
                      AND EXISTS (SELECT 1 FROM lane
                                  WHERE lane.lane = :lane AND holder = :worker AND lane.epoch = :epoch))
RETURNING breaks;

-- name: put_last
UPDATE command SET priority = 9 WHERE key = :key;

-- name: move_to_lane
UPDATE command SET lane = :lane WHERE key = :key;

-- name: insert_delayed_lane
-- The new lane begins with the command's epoch, not with 0: the first claim makes it greater, and so whatever the
-- holder of the old lane still writes for this command is refused.
INSERT INTO lane (lane, tenant, is_ready, connects, due_at, epoch, turn)
VALUES (:lane, :tenant, 0, 0, :due_at, :epoch, coalesce((SELECT max(turn) FROM lane), 0))
ON CONFLICT (lane) DO NOTHING;

-- name: hold_command
UPDATE command SET state = 'held', due_at = NULL WHERE key = :key AND state = 'waiting';

-- name: free_twins
UPDATE command SET state = 'waiting' WHERE state = 'held' AND lane = :lane AND fingerprint = :fingerprint;

-- name: record_step
-- A step whose events are there already was written before, and only its answer was lost: it is not written again. A
-- command that was let go first (priority -1) and waits again gets its usual priority back, so that it delays nobody. A step whose lane has the command in hand (`look_for_next`) begins it: it still waits,
-- under an earlier epoch.
UPDATE command SET
    state = :to,
    epoch = :epoch,
    due_at = :due_at,
    last_sequence = max(last_sequence, :last_sequence),
    settled_at = CASE WHEN :is_final THEN :at END,
    secrets = CASE WHEN :is_final AND :sought_at IS NULL THEN NULL ELSE secrets END,
    sought_at = :sought_at,
    account = coalesce(:account, account),
    attempts = CASE WHEN :progress IS NOT NULL AND (:to = 'running' OR :to = 'waiting') THEN 1
                    ELSE attempts + (epoch < :epoch) END,
    progress = CASE WHEN :is_final THEN NULL ELSE coalesce(:progress, progress) END,
    deadline_at = coalesce(:deadline_at, deadline_at),
    order_claim = CASE WHEN :frees_order THEN NULL ELSE order_claim END,
    priority = CASE WHEN :to <> 'waiting' THEN priority WHEN type = 'look_up' THEN 2
                    WHEN priority = -1 THEN 1 ELSE priority END
WHERE key = :key
  AND (epoch = :epoch AND instr(:expected, ' ' || state || ' ') > 0
       OR epoch < :epoch AND state = 'waiting' AND instr(:expected, ' running ') > 0
          AND lane = :lane
          AND EXISTS (SELECT 1 FROM lane WHERE lane.lane = :lane AND holder = :worker AND lane.epoch = :epoch))
  AND (:last_sequence = 0 OR last_sequence < :last_sequence);

-- name: record_submission
-- The one compare-and-set that an invoice hangs on: the lease must still run, and the lane still be this worker's. The
-- epoch alone would not do: until the lane is claimed again, a worker whose lease has run out still has the newest one.
UPDATE command SET state = 'submitting', due_at = NULL, last_sequence = max(last_sequence, :last_sequence),
    attempts = attempts + (epoch < :epoch), epoch = :epoch,
    submitted_at = :at, account = coalesce(:account, account), deadline_at = coalesce(:deadline_at, deadline_at)
WHERE key = :key
  AND (epoch = :epoch AND instr(:expected, ' ' || state || ' ') > 0
       OR epoch < :epoch AND state = 'waiting' AND instr(:expected, ' running ') > 0 AND lane = :lane)
  AND (:last_sequence = 0 OR last_sequence < :last_sequence)
  AND EXISTS (SELECT 1 FROM lane JOIN worker ON worker.id = lane.holder
              WHERE lane.lane = :lane AND lane.holder = :worker AND lane.epoch = :epoch
                AND worker.leased_until > :clock);

-- name: settle_command
UPDATE command SET
    state = :to,
    due_at = NULL,
    last_sequence = max(last_sequence, :last_sequence),
    settled_at = CASE WHEN :is_final THEN coalesce(settled_at, :at) END,
    secrets = CASE WHEN :is_final AND :sought_at IS NULL THEN NULL ELSE secrets END,
    sought_at = :sought_at,
    progress = CASE WHEN :is_final THEN NULL ELSE coalesce(:progress, progress) END,
    look_ups = CASE WHEN :to = 'completed' AND state <> 'completed' AND :sought_at IS NOT NULL THEN 0
                    ELSE look_ups + :has_looked END,
    order_claim = CASE WHEN :frees_order THEN NULL ELSE order_claim END,
    invoice_number = coalesce(invoice_number, :invoice_number)
WHERE key = :key AND last_sequence = :known_sequence AND instr(:expected, ' ' || state || ' ') > 0
  AND (:invoice_number IS NULL OR invoice_number IS NULL OR invoice_number = :invoice_number);

-- name: number_owner
SELECT key FROM command WHERE invoice_number = :invoice_number;

-- name: overdue_commands
SELECT c.*, p.data, p.warnings FROM command c INDEXED BY command_deadline JOIN payload p ON p.key = c.key
WHERE (c.state = 'waiting' OR c.state = 'held') AND c.deadline_at IS NOT NULL AND c.deadline_at <= :now
ORDER BY c.deadline_at LIMIT :limit;

-- name: nudge_followers
UPDATE follower SET nudges = nudges + 1 WHERE first_key = :first;

-- name: nudged_followers
SELECT key, first_key, claim, heard, nudges FROM follower INDEXED BY follower_nudged
WHERE nudges > heeded ORDER BY key LIMIT :limit;

-- name: events_since
SELECT sequence, id AS event_id, type AS event_type, body FROM event
WHERE command_key = :key AND sequence > :heard ORDER BY sequence;

-- name: heed_nudges
-- A look that is older than another one must not set the count back: events would be told again.
UPDATE follower SET heeded = :nudges, heard = :heard WHERE key = :key AND heeded < :nudges;

-- name: forget_follower
DELETE FROM follower WHERE key = :key;

-- name: find_claim
SELECT key FROM command WHERE order_claim = :claim;

-- name: take_order
UPDATE command SET state = 'waiting', follows = NULL, order_claim = :claim WHERE key = :key AND state = 'following';

-- name: follow_another
UPDATE command SET follows = :first WHERE key = :key AND state = 'following';

-- name: listen_to_another
-- Starts from the beginning with the new first: nothing is heard of it yet, and one nudge is not heeded. A follower
-- that listens to this one already goes on as it is.
UPDATE follower SET first_key = :first, heard = 0, heeded = nudges, nudges = nudges + 1
WHERE key = :key AND first_key <> :first;

-- name: forget_secrets
UPDATE command SET secrets = NULL WHERE key = :key;

-- name: read_account
SELECT (SELECT refusals FROM account WHERE id = :id) AS refusals,
       (SELECT suspended_until FROM account WHERE id = :id) AS suspended_until,
       EXISTS (SELECT 1 FROM account WHERE account = :account AND user_id = :user_id AND is_look_up = 1)
           AS has_refused_look_ups;

-- name: refuse_login
-- The count is kept when the suspension ends: one more refusal suspends again.
INSERT INTO account (id, account, company_code, user_id, is_look_up, refused_at, refusals, suspended_until)
VALUES (:id, :account, :company_code, :user_id, :is_look_up, :now, 1, CASE WHEN 1 >= :threshold THEN :until END)
ON CONFLICT (id) DO UPDATE SET
    refusals = refusals + 1,
    refused_at = excluded.refused_at,
    user_id = excluded.user_id,
    suspended_until = CASE WHEN refusals + 1 >= :threshold THEN :until ELSE suspended_until END
RETURNING refusals, suspended_until;

-- name: forget_old_refusals
DELETE FROM account WHERE refused_at < :before;

-- name: accept_login
DELETE FROM account WHERE id = :id;

-- name: accept_look_ups
DELETE FROM account WHERE account = :account AND user_id = :user_id AND is_look_up = 1;

-- name: sought_secrets
SELECT key, source, id, secrets FROM command
WHERE lane = :lane AND account = :account AND sought_at IS NOT NULL AND secrets IS NOT NULL LIMIT :limit;

-- name: renew_secrets
UPDATE command SET secrets = :new, sought_at = min(sought_at, :now) WHERE key = :key AND secrets = :old;

-- name: insert_stray
-- The row of a look-up is deleted when it is done, so a stray never points to one: the foreign key would be broken.
INSERT INTO stray (lane, command_key, reason, body, at)
VALUES (:lane, (SELECT key FROM command WHERE key = :key AND type <> 'look_up'), :reason, :body, :at);

-- name: forget_workers
DELETE FROM worker;
