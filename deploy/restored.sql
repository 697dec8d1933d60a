-- For a journal that was restored as it stood at some moment before the last one: run it before any worker starts.
--
-- Orders that had not ended at that moment may have been issued since, and the journal does not know. So none of them is
-- begun again: all are in doubt, and a person ends each (`fapiao-worker resolve`) after a look at the tax bureau's
-- portal. Queries go on, for they change nothing. The same statements serve both stores. What callers sent after that
-- moment is not in here at all.

UPDATE command SET state = 'in_doubt', submitted_at = coalesce(submitted_at, received_at), due_at = NULL
WHERE type = 'invoice.issue' AND state IN ('waiting', 'held', 'running', 'submitting', 'scanning');

-- The epoch tells whether anybody has held a lane; since that moment somebody may have.
UPDATE lane SET is_wanted = false, due_at = NULL, holder = NULL, epoch = epoch + 1,
    is_ready = EXISTS (SELECT 1 FROM command WHERE command.lane = lane.lane AND command.state IN ('waiting', 'running'));

DELETE FROM worker;
