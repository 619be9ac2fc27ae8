-- Scorecards by revision, in the first part of a tenant: 1 a draft, 2 activated. An
-- activated one never changes.
CREATE TABLE scorecard_revision (
    part                 BIGINT NOT NULL,
    scorecard_id         TEXT COLLATE "C" NOT NULL,
    revision_no          BIGINT NOT NULL,
    state                SMALLINT NOT NULL,
    title                TEXT COLLATE "C" NOT NULL,
    base_revision_no     BIGINT NOT NULL,
    -- The scorecard in its one form.
    scorecard            TEXT COLLATE "C" NOT NULL,
    content_hash         BYTEA NOT NULL,
    -- The hash of what the program shipped, where it made the revision of that.
    shipped_hash         BYTEA,
    author               TEXT COLLATE "C" NOT NULL,
    version              BIGINT NOT NULL,
    create_time          BIGINT NOT NULL,
    update_time          BIGINT NOT NULL,
    activate_time        BIGINT,
    PRIMARY KEY (part, scorecard_id, revision_no),
    CHECK ((activate_time IS NOT NULL) = (state = 2))
);
