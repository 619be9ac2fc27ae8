-- The second person who approved an activation, and the proposal that it was; NULL where
-- it took effect at once.
ALTER TABLE activation ADD COLUMN approved_by TEXT;
ALTER TABLE activation ADD COLUMN proposal_no INTEGER;
