-- In which arm of an experiment a case is ranked; NULL where none runs.
ALTER TABLE case_head ADD COLUMN arm BIGINT;
