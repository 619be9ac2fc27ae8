-- The route that a lease was served with; NULL where there was none. That of a case is the
-- one of its lane.
ALTER TABLE lease ADD COLUMN route TEXT COLLATE "C";
