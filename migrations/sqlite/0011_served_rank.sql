-- What the lead case was served as, to be compared with what its events give; NULL in
-- leases from before it was kept.
ALTER TABLE lease ADD COLUMN recovery_group INTEGER;
ALTER TABLE lease ADD COLUMN score INTEGER;
ALTER TABLE lease ADD COLUMN priority INTEGER;
