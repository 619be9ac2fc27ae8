-- Through here goes one claim of a tenant at a time, over all servers: it raises the number
-- and holds the row to its end, so that claims do not find each other's candidates locked.
-- Empty here: a file has one writer.
CREATE TABLE claim_gate (
    part     INTEGER NOT NULL,
    claim_no INTEGER NOT NULL,
    PRIMARY KEY (part)
) STRICT, WITHOUT ROWID;
