-- Turns are start tags of fair queueing: the least turn is claimed first. The virtual time is the least turn of the
-- ready lanes or, where none is ready, the greatest turn of all lanes. A lane that becomes ready gets the virtual time,
-- or one more than its tenant's last turn, whichever is later. So a tenant of a thousand lanes takes turns with a
-- tenant of one, and an idle tenant saves up nothing.
--
-- A transaction that changes what a lane has to do locks the lane's row first, and reads its commands in a later
-- statement. A statement sees what was committed when it began: one that locked and read at once would read the
-- commands as they were before it waited for the lock, and could leave a lane idle that has just got work.

-- name: register_worker
INSERT INTO worker (id, leased_until) VALUES ($1, clock_timestamp() + $2::interval)
ON CONFLICT (id) DO UPDATE SET leased_until = excluded.leased_until;

-- name: renew_worker
UPDATE worker SET leased_until = clock_timestamp() + $2::interval
WHERE id = $1 AND leased_until > clock_timestamp() RETURNING id;

-- name: retire_worker
DELETE FROM worker WHERE id = $1;

-- name: expire_workers
DELETE FROM worker WHERE leased_until <= clock_timestamp();

-- name: dead_holders
-- Walks the index from holder to holder: one probe for each, however many lanes it has.
WITH RECURSIVE holders (id) AS (
    SELECT min(holder) FROM lane WHERE holder IS NOT NULL
    UNION ALL
    SELECT (SELECT min(holder) FROM lane WHERE holder IS NOT NULL AND holder > holders.id)
    FROM holders WHERE holders.id IS NOT NULL
)
SELECT id FROM holders WHERE id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM worker WHERE worker.id = holders.id);

-- name: end_frozen_sessions
-- A worker that froze between two messages of the protocol keeps its transaction and its locks. The server calls such a
-- session active, so `idle_in_transaction_session_timeout` never ends it; without this, nobody could free its lanes.
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND usename = current_user AND application_name = 'fapiao-worker'
  AND pid <> pg_backend_pid() AND state = 'active' AND wait_event = 'ClientRead'
  AND xact_start < clock_timestamp() - $1::interval;

-- name: lock_held_lanes
-- SKIP LOCKED: freeing waits for nobody's transaction, and the next round takes what was passed over. The holder is
-- looked up once more, for it may have registered anew since `dead_holders` was read: freed then, its lane would go to
-- another worker while its own session is open.
SELECT lane FROM lane WHERE holder = ANY($1::text[]) AND (SELECT 1 FROM worker WHERE id = holder LIMIT 1) IS NULL
ORDER BY lane LIMIT $2 FOR UPDATE OF lane SKIP LOCKED;

-- name: lock_own_lanes
-- No SKIP LOCKED here: the worker registers anew behind this statement and counts as alive, so nobody would ever free a
-- lane that was passed over. It would be held for ever and served by nobody.
SELECT lane FROM lane WHERE holder = $1 ORDER BY lane FOR UPDATE;

-- name: lock_delayed_lanes
-- SKIP LOCKED: a lane that is locked is just being refreshed by another replica, or is getting work.
SELECT lane FROM lane WHERE due_at IS NOT NULL AND due_at <= $1 ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED;

-- name: lock_lane
-- Waits for the lock: what follows must see the lane as its last holder left it.
SELECT lane, is_ready, is_wanted, holder, epoch FROM lane WHERE lane = $1 FOR UPDATE;

-- name: lock_lanes_in_order
-- In the order of their names, as everywhere: two transactions that lock the same lanes in two orders would deadlock.
SELECT lane, is_wanted, holder, epoch FROM lane WHERE lane = ANY ($1::text[]) ORDER BY lane FOR UPDATE;

-- name: refresh_lanes
-- Makes each lane ready, delayed or idle, by its commands as they are now, and takes it from its holder. `seen` reads
-- each lane's unfinished command and its head, `judged` what they make of the lane, `ranked` its turn. A look-up has no
-- tenant (its source is empty): a lane with nothing else keeps the tenant that it had, or one tenant would get the
-- turns of two. A lane that one command has for itself (chr(31)) is deleted when that command is over: there may be
-- millions. A lane whose command was submitted already needs no connection: all that is left to do is to tell that it
-- is in doubt.
WITH clock AS (
    SELECT coalesce((SELECT min(turn) FROM lane WHERE is_ready), (SELECT max(turn) FROM lane), 0) AS turn
), seen AS (
    SELECT g.lane, a.source AS unfinished, a.state AS stands, h.source AS head, h.due_at
    FROM unnest($1::text[]) AS g (lane)
    LEFT JOIN LATERAL (SELECT source, state FROM command c WHERE c.lane = g.lane
                       AND c.state IN ('running', 'submitting', 'scanning') LIMIT 1) AS a ON true
    LEFT JOIN LATERAL (SELECT source, due_at FROM command c WHERE c.lane = g.lane AND starts_with(c.state, 'waiting')
                       ORDER BY c.priority, c.key LIMIT 1) AS h ON true
), judged AS (
    SELECT s.lane, coalesce(nullif(coalesce(s.unfinished, s.head), ''), l.tenant) AS tenant, s.due_at,
           s.unfinished IS NOT NULL OR (s.head IS NOT NULL AND (s.due_at IS NULL OR s.due_at <= $2)) AS is_ready,
           NOT (starts_with(s.lane, chr(31)) OR coalesce(s.stands <> 'running', false)) AS connects,
           s.unfinished IS NULL AND s.head IS NULL AND starts_with(s.lane, chr(31)) AS is_over
    FROM seen s JOIN lane l ON l.lane = s.lane
), gone AS (
    DELETE FROM lane USING judged j WHERE lane.lane = j.lane AND j.is_over
), tenants AS (
    SELECT t.tenant, coalesce((SELECT max(turn) FROM lane WHERE lane.tenant = t.tenant) + 1, 0) AS turn
    FROM (SELECT DISTINCT tenant FROM judged WHERE is_ready) AS t
), ranked AS (
    SELECT j.lane, j.tenant, j.due_at, j.is_ready, j.connects,
           greatest(clock.turn, t.turn) + row_number() OVER (PARTITION BY j.is_ready, j.tenant ORDER BY j.lane) - 1
               AS turn
    FROM judged j CROSS JOIN clock LEFT JOIN tenants t ON t.tenant = j.tenant
    WHERE NOT j.is_over
)
UPDATE lane SET
    holder = NULL,
    is_wanted = false,
    is_ready = r.is_ready,
    connects = r.connects,
    due_at = CASE WHEN r.is_ready THEN NULL ELSE r.due_at END,
    tenant = CASE WHEN r.is_ready THEN r.tenant ELSE lane.tenant END,
    turn = CASE WHEN r.is_ready THEN r.turn ELSE lane.turn END
FROM ranked r WHERE lane.lane = r.lane;

-- name: set_wanted
UPDATE lane SET is_wanted = true WHERE lane = ANY ($1::text[]) AND NOT is_wanted;

-- name: clear_wanted
UPDATE lane SET is_wanted = false WHERE lane = ANY ($1::text[]) AND is_wanted;

-- name: leases_of
SELECT lane, epoch FROM lane WHERE holder = $1;

-- name: wanted_lanes
SELECT lane FROM lane WHERE holder = $1 AND is_wanted;

-- name: count_ready_lanes
SELECT count(*) AS ready FROM (SELECT 1 FROM lane WHERE is_ready LIMIT $1) AS r;

-- name: count_ready_lanes_of
-- `connects` may be either; it is named because the index begins with it, and no index begins with the tenant.
SELECT count(*) AS ready FROM (
    SELECT 1 FROM lane WHERE is_ready AND connects IN (true, false) AND tenant = $1 LIMIT $2
) AS r;

-- name: take_lanes
-- SKIP LOCKED: replicas that claim at once take different lanes, and none waits for another. The lease is checked in
-- the same statement and by the server's clock, so that a worker whose lease has ended takes nothing, whatever its own
-- clock says. The epoch grows with each claim: whatever an earlier holder still writes finds another epoch, and is
-- refused.
WITH picked AS (
    SELECT lane, turn FROM lane WHERE is_ready ORDER BY turn, lane LIMIT $2 FOR UPDATE SKIP LOCKED
)
UPDATE lane SET is_ready = false, is_wanted = false, due_at = NULL, holder = $1, epoch = lane.epoch + 1
FROM picked WHERE lane.lane = picked.lane
  AND EXISTS (SELECT 1 FROM worker WHERE id = $1 AND leased_until > clock_timestamp())
RETURNING lane.lane, lane.epoch, lane.tenant, picked.turn;

-- name: take_lanes_of_kind
-- As `take_lanes`, for lanes that need a connection or for the others ($3), and bounded by tenant: at most $4 lanes of
-- each, but of the tenants in $5, which hold lanes already, only as many as $6 says. `tenants` walks the index from
-- tenant to tenant, so the cost grows with the tenants that have such lanes ready, not with the lanes. `offered` locks
-- nothing and may be out of date by the time that `picked` locks: so that one asks for `is_ready` again.
WITH RECURSIVE tenants (tenant) AS (
    SELECT min(tenant) FROM lane WHERE is_ready AND connects = $3::boolean
    UNION ALL
    SELECT (SELECT min(l.tenant) FROM lane l WHERE l.is_ready AND l.connects = $3::boolean AND l.tenant > t.tenant)
    FROM tenants t WHERE t.tenant IS NOT NULL
), room AS (
    SELECT t.tenant, greatest(least($2::integer, coalesce(g.room, $4::integer)), 0) AS room
    FROM tenants t LEFT JOIN unnest($5::text[], $6::integer[]) AS g (tenant, room) ON g.tenant = t.tenant
    WHERE t.tenant IS NOT NULL
), offered AS (
    SELECT o.lane FROM room CROSS JOIN LATERAL (
        SELECT l.lane FROM lane l WHERE l.is_ready AND l.connects = $3::boolean AND l.tenant = room.tenant
        ORDER BY l.turn, l.lane LIMIT room.room
    ) AS o
), picked AS (
    -- Found by name: readiness and turn are written as no index has them.
    SELECT lane, turn FROM lane WHERE lane = ANY (ARRAY(SELECT lane FROM offered)) AND coalesce(is_ready, false)
    ORDER BY turn + 0, lane LIMIT $2::integer FOR UPDATE SKIP LOCKED
)
UPDATE lane SET is_ready = false, is_wanted = false, due_at = NULL, holder = $1, epoch = lane.epoch + 1
FROM picked WHERE lane.lane = picked.lane
  AND EXISTS (SELECT 1 FROM worker WHERE id = $1 AND leased_until > clock_timestamp())
RETURNING lane.lane, lane.epoch, lane.tenant, picked.turn;

-- name: resume_commands
-- What an earlier holder left unfinished on lanes that were just claimed gets the new epoch, so that whatever that
-- holder still writes is refused. Found by lane and updated by key, for the reason told at `take_heads`.
WITH unfinished AS MATERIALIZED (
    SELECT u.key, g.epoch
    FROM unnest($1::text[], $2::bigint[]) AS g (lane, epoch)
    CROSS JOIN LATERAL (SELECT c.key FROM command c
                        WHERE c.lane = g.lane AND c.state IN ('running', 'submitting', 'scanning') LIMIT 1) AS u
)
UPDATE command c SET epoch = u.epoch
FROM unfinished u
WHERE c.key = u.key AND c.key = ANY (ARRAY(SELECT key FROM unfinished))
  AND c.state || '' IN ('running', 'submitting', 'scanning')
RETURNING c.key, c.source, c.id, c.type, c.state, c.reply_to, c.correlation_id, c.traceparent, c.tracestate,
          c.received_at, c.lane, c.epoch, c.attempts, c.last_sequence, c.deadline_at, c.submitted_at, c.settled_at,
          c.seller, c.order_no, c.order_hash, c.order_claim, c.fingerprint, c.follows, c.invoice_number, c.account,
          c.sought_at, c.look_ups, c.progress, c.breaks, c.secrets,
          (SELECT p.data FROM payload p WHERE p.key = c.key) AS data,
          (SELECT p.warnings FROM payload p WHERE p.key = c.key) AS warnings;

-- name: busy_lanes
SELECT g.lane FROM unnest($1::text[]) AS g (lane)
WHERE (SELECT 1 FROM command c WHERE c.lane = g.lane AND c.state IN ('running', 'submitting', 'scanning') LIMIT 1)
      IS NOT NULL;

-- name: take_heads
-- Begins the head of each lane: the waiting command that goes first, where it is due. A head that cannot be told from
-- an unsettled command of its lane (`has_twin`) becomes `held` instead, and the caller looks at that lane again: run
-- now, the late answer to the one would be taken for the other's. Where a lane has begun nothing but issues since the
-- cutoff ($4), its oldest query goes before the head, if it has waited since then; else issues that never end would
-- starve it.
--
-- Three things are there for the planner. What waits on a lane is asked for by `starts_with`, as only the index by lane
-- has it: analysed while nothing waits, all that waits looks like nothing, and an index by tenant or state like the
-- cheaper way to a lane's head. The heads are found first (MATERIALIZED) and updated by key; and there the state is
-- written as `coalesce(c.state = …)`, which no index has. With old statistics it would go by an index of the state
-- otherwise, and read everything that waits on any lane. Written as `c.state || '' = …` it would count on a single row
-- and compare each head with each command.
WITH first AS MATERIALIZED (
    SELECT h.key, h.priority, h.fingerprint, g.lane, g.epoch
    FROM unnest($1::text[], $2::bigint[]) AS g (lane, epoch)
    CROSS JOIN LATERAL (SELECT c.key, c.priority, c.due_at, c.fingerprint FROM command c
                        WHERE c.lane = g.lane AND starts_with(c.state, 'waiting')
                        ORDER BY c.priority, c.key LIMIT 1) AS h
    WHERE h.due_at IS NULL OR h.due_at <= $3
), judged AS (
    SELECT f.*, (
        SELECT 1 FROM command d
        WHERE d.state || '' IN ('checking', 'in_doubt') AND d.lane = f.lane AND d.fingerprint = f.fingerprint LIMIT 1
    ) IS NOT NULL AS has_twin
    FROM first f
), head AS MATERIALIZED (
    SELECT coalesce(q.key, j.key) AS key, j.lane, j.epoch, j.has_twin, q.key IS NOT NULL AS is_let_before,
           q.key IS NOT NULL OR j.priority <> 0 AS asks
    FROM judged j LEFT JOIN LATERAL (
        SELECT o.key FROM (SELECT c.key, c.due_at, c.received_at FROM command c
                           WHERE c.lane = j.lane AND starts_with(c.state, 'waiting') AND c.priority = 1
                           ORDER BY c.priority, c.key LIMIT 1) AS o
        WHERE coalesce(o.due_at, o.received_at) <= $4
          AND (SELECT l.asked_at IS NULL OR l.asked_at <= $4 FROM lane l WHERE l.lane = j.lane)
    ) AS q ON j.priority = 0 AND NOT j.has_twin
), asking AS (
    UPDATE lane SET asked_at = $3 FROM head
    WHERE lane.lane = head.lane AND lane.lane = ANY ($1::text[]) AND head.asks
      AND NOT starts_with(head.lane, chr(31))
)
UPDATE command c SET
    state = CASE WHEN head.has_twin THEN 'held' ELSE 'running' END,
    priority = CASE WHEN head.is_let_before THEN -1 ELSE c.priority END,
    epoch = head.epoch,
    attempts = c.attempts + CASE WHEN head.has_twin THEN 0 ELSE 1 END,
    due_at = NULL
FROM head
WHERE c.key = head.key AND c.key = ANY (ARRAY(SELECT key FROM head)) AND coalesce(c.state = 'waiting', false)
RETURNING c.key, c.source, c.id, c.type, c.state, c.reply_to, c.correlation_id, c.traceparent, c.tracestate,
          c.received_at, c.lane, c.epoch, c.attempts, c.last_sequence, c.deadline_at, c.submitted_at, c.settled_at,
          c.seller, c.order_no, c.order_hash, c.order_claim, c.fingerprint, c.follows, c.invoice_number, c.account,
          c.sought_at, c.look_ups, c.progress, c.breaks, c.secrets,
          (SELECT p.data FROM payload p WHERE p.key = c.key) AS data,
          (SELECT p.warnings FROM payload p WHERE p.key = c.key) AS warnings;

-- name: peek_heads
-- The due head of each lane, and whether its holder may have it in hand without its being begun (`is_plain`): an order,
-- but not one that is looked at more closely (`take_heads`), as it is like an unsettled command of its lane, or has a
-- query behind it; nor one that this lease has begun before: put back, it could not be told from what nobody has begun.
SELECT h.key, g.lane, g.epoch,
       h.priority = 0 AND h.epoch < g.epoch
       AND (SELECT 1 FROM command d
            WHERE d.state || '' IN ('checking', 'in_doubt') AND d.lane = g.lane AND d.fingerprint = h.fingerprint LIMIT 1
           ) IS NULL
       AND (SELECT 1 FROM command q
            WHERE q.lane = g.lane AND starts_with(q.state, 'waiting') AND q.priority = 1 LIMIT 1) IS NULL AS is_plain
FROM unnest($1::text[], $2::bigint[]) AS g (lane, epoch)
CROSS JOIN LATERAL (SELECT c.key, c.priority, c.due_at, c.fingerprint, c.epoch FROM command c
                    WHERE c.lane = g.lane AND starts_with(c.state, 'waiting') ORDER BY c.priority, c.key LIMIT 1) AS h
WHERE h.due_at IS NULL OR h.due_at <= $3;

-- name: read_heads
-- As they are once their first step has begun them.
SELECT c.key, c.source, c.id, c.type, 'running', c.reply_to, c.correlation_id, c.traceparent, c.tracestate,
       c.received_at, c.lane, g.epoch, c.attempts + 1, c.last_sequence, c.deadline_at, c.submitted_at, c.settled_at,
       c.seller, c.order_no, c.order_hash, c.order_claim, c.fingerprint, c.follows, c.invoice_number, c.account,
       c.sought_at, c.look_ups, c.progress, c.breaks, c.secrets,
       (SELECT p.data FROM payload p WHERE p.key = c.key), (SELECT p.warnings FROM payload p WHERE p.key = c.key)
FROM unnest($1::bigint[], $2::bigint[]) AS g (key, epoch) JOIN command c ON c.key = g.key AND c.key = ANY ($1::bigint[]);

-- name: head_commands
SELECT * FROM fapiao_take_heads($1, $2, $3, $4);

-- name: claim
SELECT * FROM fapiao_claim($1, $2, $3, $4, $5, $6, $7, $8);

-- name: write_batch
SELECT * FROM fapiao_write_batch(
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25,
    $26, $27, $28, $29, $30, $31, $32, $33, $34
);

-- name: count_break
-- Its run may have broken before the first step, which begins it.
UPDATE command SET breaks = breaks + 1
WHERE key = $1 AND (epoch = $2 OR epoch < $2 AND coalesce(state = 'waiting', false) AND lane = $3
                    AND (SELECT l.epoch = $2 AND l.holder = $4 FROM lane l WHERE l.lane = $3))
RETURNING breaks;

-- name: put_last
UPDATE command SET priority = 9 WHERE key = $1;

-- name: move_to_lane
-- The new lane begins with the command's epoch, not with 0: the first claim makes it greater, and so whatever the
-- holder of the old lane still writes for this command is refused.
WITH moved AS (
    UPDATE command SET lane = $2::text WHERE key = $1
)
INSERT INTO lane (lane, tenant, is_ready, connects, due_at, epoch, turn)
VALUES ($2::text, $3, false, false, $4::timestamptz, $5::bigint, coalesce((SELECT max(turn) FROM lane), 0))
ON CONFLICT (lane) DO NOTHING;

-- name: free_twins
UPDATE command SET state = 'waiting' WHERE starts_with(state, 'held') AND lane = $1 AND fingerprint = $2 RETURNING key;

-- name: move_command
-- One durable move with its events and their copies, in one statement. `submitting` is the compare-and-set that an
-- invoice hangs on: the lease must still run, and the lane still be this worker's. The epoch alone would not do: until
-- the lane is claimed again, a worker whose lease has run out still has the newest one, and would submit while the next
-- holder opens a session of the same user. A step under a lease is fenced by the epoch ($9); a settlement has no lease
-- and gives the sequence of the last event that it read instead ($19), for the state alone does not show that a late
-- reply has come in between. A step whose events are there already ($4) was written before, and only its answer was
-- lost: it is not written again. A command that was let go first (priority -1) and waits again gets its usual priority
-- back, so that it delays nobody. A step under a lease whose lane has the command in hand (`peek_heads`) begins it: it
-- still waits, under an earlier epoch.
WITH moved AS (
    UPDATE command SET
        state = $2::text,
        epoch = coalesce($9::bigint, epoch),
        due_at = $3::timestamptz,
        last_sequence = greatest(last_sequence, $4::integer),
        submitted_at = CASE WHEN $2::text = 'submitting' THEN $5::timestamptz ELSE submitted_at END,
        settled_at = CASE WHEN $6::boolean THEN coalesce(settled_at, $5::timestamptz) END,
        secrets = CASE WHEN $6::boolean AND $20::timestamptz IS NULL THEN NULL ELSE secrets END,
        invoice_number = coalesce(invoice_number, $7::text),
        sought_at = $20::timestamptz,
        account = coalesce($21::text, account),
        attempts = CASE WHEN $22::bytea IS NOT NULL AND $2::text IN ('running', 'waiting') THEN 1
                        ELSE attempts + coalesce(epoch < $9::bigint, false)::integer END,
        progress = CASE WHEN $6::boolean THEN NULL ELSE coalesce($22::bytea, progress) END,
        deadline_at = coalesce($23::timestamptz, deadline_at),
        look_ups = CASE WHEN $2::text = 'completed' AND state <> 'completed' AND $20::timestamptz IS NOT NULL THEN 0
                        ELSE look_ups + $24::integer END,
        order_claim = CASE WHEN $25::boolean THEN NULL ELSE order_claim END,
        priority = CASE WHEN $2::text <> 'waiting' THEN priority WHEN type = 'look_up' THEN 2
                        WHEN priority = -1 THEN 1 ELSE priority END
    WHERE key = $1::bigint AND state = ANY ($8::text[] || ARRAY['waiting'])
      AND CASE WHEN epoch < $9::bigint
               THEN state = 'waiting' AND 'running' = ANY ($8::text[]) AND lane = $10::text
                    AND (SELECT l.epoch = $9::bigint AND l.holder IS NOT DISTINCT FROM $11::text FROM lane l
                         WHERE l.lane = $10::text)
               ELSE state = ANY ($8::text[]) AND ($9::bigint IS NULL OR epoch = $9::bigint) END
      AND ($4::integer = 0 OR last_sequence < $4::integer)
      AND ($19::integer IS NULL OR last_sequence = $19::integer)
      AND ($7::text IS NULL OR invoice_number IS NULL OR invoice_number = $7::text)
      AND ($2::text <> 'submitting'
           OR (SELECT lane.epoch = $9::bigint AND lane.holder IS NOT DISTINCT FROM $11::text
               FROM lane WHERE lane.lane = $10::text)
              AND (SELECT worker.leased_until > clock_timestamp() FROM worker WHERE worker.id = $11::text))
    RETURNING key, id, correlation_id, traceparent, tracestate
), told AS (
    INSERT INTO event (command_key, sequence, id, type, body, created_at)
    SELECT moved.key, e.sequence, e.id, e.type, e.body, $5::timestamptz
    FROM moved, unnest($12::integer[], $13::text[], $14::text[], $15::bytea[]) AS e (sequence, id, type, body)
), queued AS (
    INSERT INTO outbox (command_key, sequence, command_id, copy, destination, event_id, event_type, correlation_id,
                        traceparent, tracestate, owner, due_at, created_at)
    SELECT moved.key, e.sequence, moved.id, d.copy, d.destination, e.id, e.type, moved.correlation_id,
           moved.traceparent, moved.tracestate, $18::text, $5::timestamptz, $5::timestamptz
    FROM moved, unnest($12::integer[], $13::text[], $14::text[]) AS e (sequence, id, type),
         unnest($16::text[], $17::text[]) WITH ORDINALITY AS d (copy, destination, place)
    ORDER BY e.sequence, d.place
)
SELECT key FROM moved;

-- name: move_commands
-- As `move_command`, for the steps of a batch; each is checked by itself, so one that is fenced leaves the others
-- alone.
--
-- `locked` comes first because an UPDATE locks rows in whatever order its plan visits them: two batches with the same
-- commands could deadlock, and so could a batch and `lock_commands_in_order`. `allowed` checks each step once, by its
-- row as the lock showed it (`begins`: the command was in hand, as above). For a submission it also reads the lane and the worker, as values (`SELECT …` compared
-- with something) and not by EXISTS: an EXISTS may be turned into a join, which reads every lane that is held. For the
-- same reason the UPDATE finds its rows by key alone: with a condition on the state it could go by an index of the
-- state.
WITH given AS MATERIALIZED (
    SELECT * FROM unnest($1::bigint[], $2::text[], $3::timestamptz[], $4::integer[], $5::timestamptz[], $6::boolean[],
                         $7::text[], $8::bigint[], $9::text[], $10::text[], $11::timestamptz[], $12::text[],
                         $13::bytea[], $14::timestamptz[], $26::boolean[])
        AS g (key, next, due_at, last_sequence, at, is_final, expected, epoch, lane, worker, sought_at, account,
              progress, deadline_at, frees_order)
), locked AS MATERIALIZED (
    SELECT key, state, lane, epoch, last_sequence FROM command
    WHERE key = ANY ($1::bigint[]) ORDER BY key FOR NO KEY UPDATE
), allowed AS MATERIALIZED (
    SELECT g.*, l.epoch < g.epoch AS begins,
           CASE WHEN l.epoch < g.epoch
                THEN l.state = 'waiting' AND 'running' = ANY (string_to_array(g.expected, ' ')) AND l.lane = g.lane
                ELSE l.state = ANY (string_to_array(g.expected, ' ')) AND l.epoch = g.epoch END
           AND (g.last_sequence = 0 OR l.last_sequence < g.last_sequence)
           AND CASE WHEN g.next <> 'submitting' AND l.epoch = g.epoch THEN true ELSE
                   (SELECT lane.epoch = g.epoch AND lane.holder IS NOT DISTINCT FROM g.worker
                    FROM lane WHERE lane.lane = g.lane) END
           AND CASE WHEN g.next <> 'submitting' THEN true ELSE
                   (SELECT worker.leased_until > clock_timestamp() FROM worker WHERE worker.id = g.worker) END AS may
    FROM given g LEFT JOIN locked l ON l.key = g.key
), moved AS (
    UPDATE command c SET
        state = g.next,
        epoch = g.epoch,
        due_at = g.due_at,
        last_sequence = greatest(c.last_sequence, g.last_sequence),
        submitted_at = CASE WHEN g.next = 'submitting' THEN g.at ELSE c.submitted_at END,
        settled_at = CASE WHEN g.is_final THEN coalesce(c.settled_at, g.at) END,
        secrets = CASE WHEN g.is_final AND g.sought_at IS NULL THEN NULL ELSE c.secrets END,
        sought_at = g.sought_at,
        account = coalesce(g.account, c.account),
        attempts = CASE WHEN g.progress IS NOT NULL AND g.next IN ('running', 'waiting') THEN 1
                        ELSE c.attempts + g.begins::integer END,
        progress = CASE WHEN g.is_final THEN NULL ELSE coalesce(g.progress, c.progress) END,
        deadline_at = coalesce(g.deadline_at, c.deadline_at),
        look_ups = CASE WHEN g.next = 'completed' AND c.state <> 'completed' AND g.sought_at IS NOT NULL THEN 0
                        ELSE c.look_ups END,
        order_claim = CASE WHEN g.frees_order THEN NULL ELSE c.order_claim END,
        priority = CASE WHEN g.next <> 'waiting' THEN c.priority WHEN c.type = 'look_up' THEN 2
                        WHEN c.priority = -1 THEN 1 ELSE c.priority END
    FROM allowed g
    WHERE c.key = g.key AND c.key = ANY (ARRAY(SELECT key FROM allowed WHERE may))
    RETURNING c.key, c.id, c.correlation_id, c.traceparent, c.tracestate, g.at, g.worker
), told AS (
    INSERT INTO event (command_key, sequence, id, type, body, created_at)
    SELECT moved.key, e.sequence, e.id, e.type, e.body, moved.at
    FROM moved JOIN unnest($15::bigint[], $16::integer[], $17::text[], $18::text[], $19::bytea[])
        AS e (key, sequence, id, type, body) ON e.key = moved.key
), queued AS (
    INSERT INTO outbox (command_key, sequence, command_id, copy, destination, event_id, event_type, correlation_id,
                        traceparent, tracestate, owner, due_at, created_at)
    SELECT moved.key, q.sequence, moved.id, q.copy, q.destination, q.event_id, q.event_type, moved.correlation_id,
           moved.traceparent, moved.tracestate, moved.worker, moved.at, moved.at
    FROM moved JOIN unnest($20::bigint[], $21::integer[], $22::text[], $23::text[], $24::text[], $25::text[])
        WITH ORDINALITY AS q (key, sequence, event_id, event_type, copy, destination, place) ON q.key = moved.key
    ORDER BY q.place
)
SELECT coalesce(array_agg(key), '{}') AS keys FROM moved;

-- name: overdue_commands
SELECT c.*, p.data, p.warnings FROM command c JOIN payload p ON p.key = c.key
WHERE c.deadline_at IS NOT NULL AND c.state IN ('waiting', 'held') AND c.deadline_at <= $1
ORDER BY c.deadline_at LIMIT $2;

-- name: nudge_followers
-- A statement of its own behind the move, not a part of it: the move sees the followers that there were when it began.
-- One that began to follow while the move waited for a lock would never be told, and wait for ever.
UPDATE follower SET nudges = nudges + 1 WHERE first_key = ANY ($1::bigint[]);

-- name: nudged_followers
SELECT key, first_key, claim, heard, nudges FROM follower WHERE nudges > heeded ORDER BY key LIMIT $1;

-- name: events_since
SELECT sequence, id AS event_id, type AS event_type, body FROM event
WHERE command_key = $1 AND sequence > $2 ORDER BY sequence;

-- name: heed_nudges
-- Two replicas may look at the same follower. The slower one must not set the count back: events would be told again.
UPDATE follower SET heeded = $2, heard = $3 WHERE key = $1 AND heeded < $2;

-- name: forget_follower
DELETE FROM follower WHERE key = $1;

-- name: find_claim
SELECT key FROM command WHERE order_claim = $1;

-- name: take_order
UPDATE command SET state = 'waiting', follows = NULL, order_claim = $2
WHERE key = $1 AND state = 'following' RETURNING key;

-- name: follow_another
UPDATE command SET follows = $2 WHERE key = $1 AND state = 'following';

-- name: listen_to_another
-- Starts from the beginning with the new first: nothing is heard of it yet, and one nudge is not heeded. A replica that
-- was slower finds that the follower listens to this one already, and changes nothing.
UPDATE follower SET first_key = $2, heard = 0, heeded = nudges, nudges = nudges + 1 WHERE key = $1 AND first_key <> $2;

-- name: forget_secrets
UPDATE command SET secrets = NULL WHERE key = $1;

-- name: read_accounts
SELECT a.refusals, a.suspended_until,
       EXISTS (SELECT 1 FROM account l WHERE l.account = g.account AND l.user_id = g.user_id AND l.is_look_up)
           AS has_refused_look_ups
FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS g (id, account, user_id, place)
LEFT JOIN LATERAL (SELECT refusals, suspended_until FROM account WHERE account.id = g.id LIMIT 1) AS a ON true
ORDER BY g.place;

-- name: refuse_login
-- The count is kept when the suspension ends: one more refusal suspends again.
INSERT INTO account (id, account, company_code, user_id, is_look_up, refused_at, refusals, suspended_until)
VALUES ($1, $2, $3, $4, $5, $6, 1, CASE WHEN 1 >= $7::integer THEN $8::timestamptz END)
ON CONFLICT (id) DO UPDATE SET
    refusals = account.refusals + 1,
    refused_at = excluded.refused_at,
    user_id = excluded.user_id,
    suspended_until = CASE WHEN account.refusals + 1 >= $7::integer THEN $8::timestamptz
                           ELSE account.suspended_until END
RETURNING refusals, suspended_until;

-- name: forget_old_refusals
DELETE FROM account WHERE refused_at < $1;

-- name: accept_login
DELETE FROM account WHERE id = $1;

-- name: accept_look_ups
DELETE FROM account WHERE account = $1 AND user_id = $2 AND is_look_up;

-- name: sought_secrets
SELECT key, source, id, secrets FROM command
WHERE lane = $1 AND account = $2 AND sought_at IS NOT NULL AND account IS NOT NULL AND secrets IS NOT NULL LIMIT $3;

-- name: renew_secrets
UPDATE command SET secrets = $2, sought_at = least(sought_at, $4) WHERE key = $1 AND secrets = $3;

-- name: insert_stray
-- The row of a look-up is deleted when it is done, so a stray never points to one: the foreign key would be broken.
INSERT INTO stray (lane, command_key, reason, body, at)
VALUES ($1, (SELECT key FROM command WHERE key = $2::bigint AND type <> 'look_up'), $3, $4, $5);
