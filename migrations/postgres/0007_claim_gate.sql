-- Through here goes one claim of a tenant at a time, over all servers: it raises the number
-- and holds the row to its end, so that claims do not find each other's candidates locked.
-- Room is left in each page, because the row is written by every claim.
CREATE TABLE claim_gate (
    part                 BIGINT NOT NULL,
    claim_no             BIGINT NOT NULL,
    PRIMARY KEY (part)
) WITH (fillfactor = 50);
