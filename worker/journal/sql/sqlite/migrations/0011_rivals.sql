-- Who could claim an invoice that is listed: found by buyer, total and remark, whatever lane and account submitted it.
-- What was journaled before has no total, and is looked at each time, as are orders that no total can be compared of.

ALTER TABLE command ADD COLUMN buyer TEXT NOT NULL DEFAULT '';
ALTER TABLE command ADD COLUMN total_cents INTEGER;
ALTER TABLE command ADD COLUMN expected_cents INTEGER;
ALTER TABLE command ADD COLUMN mark TEXT;

CREATE INDEX rival_by_total ON command (seller, total_cents, submitted_at)
    WHERE invoice_number IS NULL AND submitted_at IS NOT NULL;
CREATE INDEX rival_by_buyer ON command (seller, buyer, total_cents, submitted_at)
    WHERE invoice_number IS NULL AND submitted_at IS NOT NULL;
CREATE INDEX rival_by_expected ON command (seller, expected_cents, submitted_at)
    WHERE invoice_number IS NULL AND submitted_at IS NOT NULL AND expected_cents IS NOT NULL;
CREATE INDEX rival_by_mark ON command (seller, mark, submitted_at)
    WHERE invoice_number IS NULL AND submitted_at IS NOT NULL AND mark IS NOT NULL;

-- What settled a lane's orders last, by the time at which it did: a late result may be of an old order.
DROP INDEX command_completed;
CREATE INDEX command_completed ON command (lane, settled_at, key)
    WHERE state = 'completed' AND type = 'invoice.issue' AND fingerprint IS NOT NULL;
