-- What protects leases from a switch to a standby that had not received all of them: the
-- timeline of the database, whether commits had to reach a standby (1), the longest lease
-- that was granted, in microseconds, and the instant from which leases are granted again.
CREATE TABLE lease_guard (
    part                 BIGINT NOT NULL,
    timeline             BIGINT NOT NULL,
    synchronous          SMALLINT NOT NULL,
    longest_lease        BIGINT NOT NULL,
    leases_from          BIGINT NOT NULL,
    PRIMARY KEY (part)
);
