-- What an audit keeps of a period's list until it has gone through it.

CREATE TABLE audit_row (
    command_key   bigint  NOT NULL REFERENCES command (key),
    identity      text    NOT NULL,
    number        text,
    is_in_period  boolean NOT NULL,
    alike         text,
    claim         bigint,
    data          bytea   NOT NULL,
    PRIMARY KEY (command_key, identity)
);

CREATE INDEX audit_row_alike ON audit_row (command_key, alike, identity) WHERE alike IS NOT NULL;
-- Whose invoices a period's list must have.
CREATE INDEX command_numbered ON command (seller, submitted_at, key)
    WHERE invoice_number IS NOT NULL AND submitted_at IS NOT NULL;
