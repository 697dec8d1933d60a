-- Sellers whose orders the gateway refuses in a row: they rest, and one order at a time tries.

-- name: read_seller
SELECT refusals, resting_until, trier FROM seller_rest WHERE source = :source AND seller = :seller;

-- name: refuse_order
-- The count is kept when a rest ends: one more refusal begins the next.
INSERT INTO seller_rest (source, seller, refusals, resting_until)
VALUES (:source, :seller, 1, CASE WHEN 1 >= :threshold THEN :until END)
ON CONFLICT (source, seller) DO UPDATE SET
    refusals = refusals + 1,
    resting_until = CASE WHEN refusals + 1 >= :threshold THEN :until ELSE resting_until END,
    trier = NULL
RETURNING refusals, resting_until, trier;

-- name: forget_seller
DELETE FROM seller_rest WHERE source = :source AND seller = :seller;

-- name: rested_sellers
SELECT source, seller FROM seller_rest
WHERE resting_until IS NOT NULL AND resting_until <= :now ORDER BY resting_until LIMIT :limit;

-- name: next_to_try
-- Not one that waits for its twin: it would be held again, and nobody would try.
SELECT c.key, c.lane FROM command c
WHERE c.state = 'held' AND c.source = :source AND c.seller = :seller AND NOT EXISTS (
    SELECT 1 FROM command d
    WHERE (d.state = 'checking' OR d.state = 'in_doubt') AND d.lane = c.lane AND d.fingerprint = c.fingerprint
)
ORDER BY c.key LIMIT 1;

-- name: let_try
UPDATE seller_rest SET trier = :key, resting_until = :until WHERE source = :source AND seller = :seller;

-- name: end_rest
-- No order of this seller is held, so the next one that comes tries. Left as it is, the row would be found again in
-- every round, and enough of them would fill the limit of `rested_sellers`: the sellers behind them would rest for
-- ever.
UPDATE seller_rest SET trier = NULL, resting_until = NULL WHERE source = :source AND seller = :seller;

-- name: lanes_held_for_seller
SELECT DISTINCT lane FROM command WHERE state = 'held' AND source = :source AND seller = :seller;

-- name: free_held
UPDATE command SET state = 'waiting' WHERE state = 'held' AND key = :key;

-- name: free_held_for_seller
UPDATE command SET state = 'waiting' WHERE state = 'held' AND source = :source AND seller = :seller;
