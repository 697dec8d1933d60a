-- Refused logins are counted per account and password, those of look-ups apart, and told to whoever lifts a suspension.
-- The id is a keyed digest of both from now on: what was counted before is forgotten.

DELETE FROM account;
ALTER TABLE account ADD COLUMN account TEXT NOT NULL DEFAULT '';
ALTER TABLE account ADD COLUMN company_code TEXT NOT NULL DEFAULT '';
ALTER TABLE account ADD COLUMN user_id TEXT NOT NULL DEFAULT '';
ALTER TABLE account ADD COLUMN is_look_up INTEGER NOT NULL DEFAULT 0;
ALTER TABLE account ADD COLUMN refused_at INTEGER NOT NULL DEFAULT 0;

CREATE INDEX account_look_up ON account (account, user_id) WHERE is_look_up = 1;
CREATE INDEX account_refused ON account (refused_at);
