-- Which revisions an activation put to work; NULL before revisions were kept.
ALTER TABLE activation
    ADD COLUMN scorecard_id TEXT COLLATE "C",
    ADD COLUMN revision_no BIGINT,
    ADD COLUMN business_scorecard_id TEXT COLLATE "C",
    ADD COLUMN business_revision_no BIGINT;
