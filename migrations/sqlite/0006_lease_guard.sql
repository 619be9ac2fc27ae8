-- What protects leases from a switch to a standby that had not received all of them: the
-- timeline of the database, whether commits had to reach a standby (1), the longest lease
-- that was granted, in microseconds, and the instant from which leases are granted again.
-- Empty here: a file has no standby.
CREATE TABLE lease_guard (
    part          INTEGER NOT NULL,
    timeline      INTEGER NOT NULL,
    synchronous   INTEGER NOT NULL,
    longest_lease INTEGER NOT NULL,
    leases_from   INTEGER NOT NULL,
    PRIMARY KEY (part)
) STRICT, WITHOUT ROWID;
