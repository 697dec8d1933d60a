-- Refused logins are counted per account and password, those of look-ups apart, and told to whoever lifts a suspension.
-- The id is a keyed digest of both from now on: what was counted before is forgotten.

DELETE FROM account;
ALTER TABLE account ADD COLUMN account text NOT NULL DEFAULT '';
ALTER TABLE account ADD COLUMN company_code text NOT NULL DEFAULT '';
ALTER TABLE account ADD COLUMN user_id text NOT NULL DEFAULT '';
ALTER TABLE account ADD COLUMN is_look_up boolean NOT NULL DEFAULT false;
ALTER TABLE account ADD COLUMN refused_at timestamptz NOT NULL DEFAULT 'epoch';

CREATE INDEX account_look_up ON account (account, user_id) WHERE is_look_up;
CREATE INDEX account_refused ON account (refused_at);
