-- For a journal that was restored as it stood at some moment before the last one: run it before any worker starts.
--
-- What was not ended at that moment may have been issued since, and the journal does not know. So nothing of it is begun
-- again: all of it is in doubt, and a person ends each (`fapiao-worker resolve`) after a look at the tax bureau's portal.
-- The same statements serve both stores. What callers sent after that moment is not in here at all.

UPDATE command SET state = 'in_doubt', submitted_at = coalesce(submitted_at, received_at), due_at = NULL
WHERE state IN ('waiting', 'held', 'running', 'submitting', 'scanning');

UPDATE lane SET is_ready = false, is_wanted = false, due_at = NULL, holder = NULL;

DELETE FROM worker;
