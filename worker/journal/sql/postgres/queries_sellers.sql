-- Sellers whose orders the gateway refuses in a row: they rest, and one order at a time tries.

-- name: read_sellers
SELECT r.refusals, r.resting_until, r.trier
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS g (source, seller, place)
LEFT JOIN LATERAL (SELECT refusals, resting_until, trier FROM seller_rest
                   WHERE seller_rest.source = g.source AND seller_rest.seller = g.seller LIMIT 1) AS r ON true
ORDER BY g.place;

-- name: lock_seller
-- Behind this lock it is decided whether an order becomes `held`. Whoever ends the rest locks the same row first:
-- either it frees this order with the others, or this step sees that the rest is over. Without the lock an order could
-- be held just after the others were freed, and nobody would free it.
SELECT refusals, resting_until, trier FROM seller_rest WHERE source = $1 AND seller = $2 FOR UPDATE;

-- name: refuse_order
-- The count is kept when a rest ends: one more refusal begins the next.
INSERT INTO seller_rest (source, seller, refusals, resting_until)
VALUES ($1, $2, 1, CASE WHEN 1 >= $3::integer THEN $4::timestamptz END)
ON CONFLICT (source, seller) DO UPDATE SET
    refusals = seller_rest.refusals + 1,
    resting_until = CASE WHEN seller_rest.refusals + 1 >= $3::integer THEN $4::timestamptz
                         ELSE seller_rest.resting_until END,
    trier = NULL
RETURNING refusals, resting_until, trier;

-- name: forget_seller
DELETE FROM seller_rest WHERE source = $1 AND seller = $2;

-- name: rested_sellers
-- A seller that another replica is freeing is left to it: its rest ends once.
SELECT source, seller FROM seller_rest WHERE resting_until <= $1 ORDER BY resting_until LIMIT $2 FOR UPDATE SKIP LOCKED;

-- name: next_to_try
-- Not one that waits for its twin: it would be held again, and nobody would try.
SELECT c.key, c.lane FROM command c
WHERE c.state = 'held' AND c.source = $1 AND c.seller = $2 AND NOT EXISTS (
    SELECT 1 FROM command d
    WHERE d.state || '' IN ('checking', 'in_doubt') AND d.lane = c.lane AND d.fingerprint = c.fingerprint
)
ORDER BY c.key LIMIT 1;

-- name: let_try
UPDATE seller_rest SET trier = $3, resting_until = $4 WHERE source = $1 AND seller = $2;

-- name: end_rest
-- No order of this seller is held, so the next one that comes tries. Left as it is, the row would be found again in
-- every round, and enough of them would fill the limit of `rested_sellers`: the sellers behind them would rest for
-- ever.
UPDATE seller_rest SET trier = NULL, resting_until = NULL WHERE source = $1 AND seller = $2;

-- name: lanes_held_for_seller
SELECT DISTINCT lane FROM command WHERE state = 'held' AND source = $1 AND seller = $2 ORDER BY lane;

-- name: free_held
UPDATE command SET state = 'waiting' WHERE state || '' = 'held' AND key = $1 RETURNING key;

-- name: free_held_for_seller
UPDATE command SET state = 'waiting' WHERE state = 'held' AND source = $1 AND seller = $2 RETURNING lane;
