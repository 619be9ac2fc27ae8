-- Scorecards by revision, in the first part of a tenant: 1 a draft, 2 activated. An
-- activated one never changes.
CREATE TABLE scorecard_revision (
    part              INTEGER NOT NULL,
    scorecard_id      TEXT NOT NULL,
    revision_no       INTEGER NOT NULL,
    state             INTEGER NOT NULL,
    title             TEXT NOT NULL,
    base_revision_no  INTEGER NOT NULL,
    -- The scorecard in its one form.
    scorecard         TEXT NOT NULL,
    content_hash      BLOB NOT NULL,
    -- The hash of what the program shipped, where it made the revision of that.
    shipped_hash      BLOB,
    author            TEXT NOT NULL,
    version           INTEGER NOT NULL,
    create_time       INTEGER NOT NULL,
    update_time       INTEGER NOT NULL,
    activate_time     INTEGER,
    PRIMARY KEY (part, scorecard_id, revision_no),
    CHECK ((activate_time IS NOT NULL) = (state = 2))
) STRICT, WITHOUT ROWID;
