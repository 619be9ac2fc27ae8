-- What changed, numbered in the order in which it became visible; kept seven days.
-- number_block kind 6 has the number behind the last one.
CREATE TABLE change_log (
    part                 BIGINT NOT NULL,
    change_no            BIGINT NOT NULL,
    record_time          BIGINT NOT NULL,
    body                 BYTEA NOT NULL,
    PRIMARY KEY (part, change_no)
);
