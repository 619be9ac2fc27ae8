-- PLACING is a word of SQL that other databases keep for themselves.
ALTER TABLE placing RENAME TO portfolio_placing;
