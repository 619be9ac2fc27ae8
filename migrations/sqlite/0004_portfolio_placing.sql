-- PLACING is a word of SQL that other databases keep for themselves.
ALTER TABLE placing RENAME TO portfolio_placing;
-- Where others write too, all cases are placed once more from this instant on: by then
-- every transaction is over that had read the settings before. After the first time
-- after_case_no is -1.
ALTER TABLE portfolio_placing ADD COLUMN again_at INTEGER;
