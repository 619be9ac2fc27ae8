-- Which experiment an activation put to work; NULL where it had none.
ALTER TABLE activation ADD COLUMN experiment BLOB;
