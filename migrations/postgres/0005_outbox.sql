-- What each transaction changed until it is numbered, and what it notes for the audit
-- until that is chained. Rows stay for a moment, so dead ones are most of the table: they
-- are cleaned up by their number, and pages are kept for the next ones.
CREATE TABLE outbox (
    part                 BIGINT NOT NULL,
    outbox_no            BIGINT NOT NULL,
    body                 BYTEA NOT NULL,
    PRIMARY KEY (part, outbox_no)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
