-- What changed, numbered in the order in which it became visible; kept seven days.
-- number_block kind 6 has the number behind the last one.
CREATE TABLE change_log (
    part        INTEGER NOT NULL,
    change_no   INTEGER NOT NULL,
    record_time INTEGER NOT NULL,
    body        BLOB    NOT NULL,
    PRIMARY KEY (part, change_no)
) STRICT, WITHOUT ROWID;
CREATE INDEX change_log_by_time ON change_log (record_time);

-- Where several transactions write at once, what each of them changed until it is
-- numbered, and what it notes for the audit until that is chained. Empty here: one writer
-- does both at once.
CREATE TABLE outbox (
    part      INTEGER NOT NULL,
    outbox_no INTEGER NOT NULL,
    body      BLOB    NOT NULL,
    PRIMARY KEY (part, outbox_no)
) STRICT, WITHOUT ROWID;
