-- Orders of a seller that the gateway refused in a row, by whoever sends them (source): after some of them it rests.

CREATE TABLE seller_rest (
    source         text        NOT NULL,
    seller         text        NOT NULL,
    refusals       integer     NOT NULL,
    resting_until  timestamptz,
    trier          bigint,
    PRIMARY KEY (source, seller)
);

CREATE INDEX seller_resting ON seller_rest (resting_until) WHERE resting_until IS NOT NULL;
CREATE INDEX command_held_seller ON command (source, seller, key) WHERE state = 'held';
