-- In which arm of which experiment a lease was served; NULL where none ran.
ALTER TABLE lease ADD COLUMN experiment_id TEXT;
ALTER TABLE lease ADD COLUMN arm INTEGER;
