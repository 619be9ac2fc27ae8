-- The second person who approved an activation, and the proposal that it was; NULL where
-- it took effect at once.
ALTER TABLE activation
    ADD COLUMN approved_by TEXT COLLATE "C",
    ADD COLUMN proposal_no BIGINT;
