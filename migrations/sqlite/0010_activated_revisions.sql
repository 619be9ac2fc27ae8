-- Which revisions an activation put to work; NULL before revisions were kept.
ALTER TABLE activation ADD COLUMN scorecard_id TEXT;
ALTER TABLE activation ADD COLUMN revision_no INTEGER;
ALTER TABLE activation ADD COLUMN business_scorecard_id TEXT;
ALTER TABLE activation ADD COLUMN business_revision_no INTEGER;
