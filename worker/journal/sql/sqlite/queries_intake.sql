-- name: insert_command
INSERT INTO command (source, id, type, content_hash, state, lane, priority, last_sequence, deadline_at, received_at,
                     settled_at, reply_to, correlation_id, traceparent, tracestate, seller, order_no, follows,
                     fingerprint, secrets, order_claim, order_hash, buyer, total_cents, expected_cents, mark)
VALUES (:source, :id, :type, :content_hash, :state, :lane, :priority, :last_sequence, :deadline_at, :received_at,
        :settled_at, :reply_to, :correlation_id, :traceparent, :tracestate, :seller, :order_no, :follows,
        :fingerprint, :secrets, :order_claim, :order_hash, :buyer, :total_cents, :expected_cents, :mark)
ON CONFLICT (id, source) DO NOTHING;

-- name: insert_payload
INSERT INTO payload (key, data, warnings) VALUES (:key, :data, :warnings);

-- name: find_same
SELECT key, content_hash, CASE state WHEN 'waiting' THEN lane END AS waits_on FROM command
WHERE id = :id AND source = :source;

-- name: find_order
-- The command that holds this order number; one of the same source, if there is one. Another source's counts only where
-- all sources share their numbers.
SELECT key FROM command
WHERE seller = :seller AND order_no = :order_no AND order_claim IS NOT NULL
  AND (order_claim = :claim OR source = :source OR :is_shared)
ORDER BY source = :source DESC, key LIMIT 1;

-- name: insert_follower
INSERT INTO follower (key, first_key, claim) VALUES (:key, :first, :claim);

-- name: find_double
SELECT id FROM command
WHERE fingerprint = :fingerprint AND received_at >= :since AND source = :source AND lane = :lane AND id <> :id
  AND state <> 'failed' AND state <> 'rejected'
ORDER BY key LIMIT 1;

-- name: count_waiting
SELECT count(*) AS waiting FROM (SELECT 1 FROM command WHERE source = :source AND state = 'waiting' LIMIT :limit);

-- name: listen
-- One more queue for this command's events, unless they go there anyway.
INSERT INTO listener (command_key, reply_to, correlation_id, traceparent, tracestate, since)
SELECT key, :reply_to, :correlation_id, :traceparent, :tracestate, :at FROM command
WHERE key = :key AND reply_to IS NOT :reply_to
ON CONFLICT DO NOTHING;

-- name: forget_oldest_listeners
DELETE FROM listener WHERE command_key = :key AND reply_to IN (
    SELECT reply_to FROM listener WHERE command_key = :key ORDER BY since DESC, reply_to LIMIT -1 OFFSET :most);

-- name: events_for_repeat
-- What a repeat is answered: the command's end and all that followed it. Before its end: the newest event, and that
-- only where the queue did not listen yet.
SELECT sequence, id AS event_id, type AS event_type, body FROM event
WHERE command_key = :key AND sequence >= coalesce(
    (SELECT min(sequence) FROM event
     WHERE command_key = :key AND (type LIKE '%.completed' OR type LIKE '%.failed' OR type LIKE '%.rejected')),
    (SELECT max(sequence) FROM event WHERE command_key = :key AND :is_new))
ORDER BY sequence;

-- name: has_second_pending
-- Whether two copies of this event wait for this queue. One alone is no reason to leave the answer out: it may have
-- reached the caller and only not be marked as published yet, and the caller who then asks again would hear nothing.
SELECT 1 FROM outbox
WHERE command_key = :key AND destination = :destination AND event_id = :event_id AND copy = :copy AND state = 'pending'
LIMIT 1 OFFSET 1;

-- name: insert_event
INSERT INTO event (command_key, sequence, id, type, body, created_at)
VALUES (:key, :sequence, :event_id, :event_type, :body, :at);

-- name: insert_outbox
INSERT INTO outbox (command_key, sequence, command_id, copy, destination, event_id, event_type, correlation_id,
                    traceparent, tracestate, due_at, created_at)
VALUES (:key, :sequence, :command_id, :copy, :destination, :event_id, :event_type, :correlation_id,
        :traceparent, :tracestate, :at, :at);

-- name: insert_both_copies
INSERT INTO outbox (command_key, sequence, command_id, copy, destination, event_id, event_type, correlation_id,
                    traceparent, tracestate, due_at, created_at)
VALUES (:key, :sequence, :command_id, 't', '', :event_id, :event_type, :correlation_id,
        :traceparent, :tracestate, :at, :at),
       (:key, :sequence, :command_id, 'r', :reply_to, :event_id, :event_type, :correlation_id,
        :traceparent, :tracestate, :at, :at);

-- name: insert_answer
-- OR REPLACE: while the same answer still waits, this one takes its place under a new number (`seq`). The old copy may
-- have reached the caller, who then asked again; when the relay marks it as published, by its number, the new copy must
-- stay.
INSERT OR REPLACE INTO outbox (command_key, sequence, command_id, copy, destination, event_id, event_type, body, correlation_id,
                    traceparent, tracestate, due_at, created_at)
VALUES (NULL, :sequence, :command_id, :copy, :destination, :event_id, :event_type, :body, :correlation_id,
        :traceparent, :tracestate, :at, :at);
