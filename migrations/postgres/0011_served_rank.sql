-- What the lead case was served as, to be compared with what its events give; NULL in
-- leases from before it was kept.
ALTER TABLE lease
    ADD COLUMN recovery_group BIGINT,
    ADD COLUMN score BIGINT,
    ADD COLUMN priority BIGINT;
