-- The ground: tenants, portfolios, cases, debtors, events, the queue.
--
-- `part` leads every key: h64(tenant), or a bucket of a spread tenant. Instants
-- are microseconds since 1970, days are days since 1970, amounts are smallest
-- units. Bodies are messages of arrears.store.v1.

CREATE TABLE tenant (
    part        INTEGER NOT NULL,
    tenant      TEXT    NOT NULL,
    buckets     INTEGER NOT NULL,
    create_time INTEGER NOT NULL,
    PRIMARY KEY (part)
) STRICT, WITHOUT ROWID;

-- Numbers are handed out in blocks: kind 1 cases, 2 debtors, 3 portfolios,
-- 4 work lists, 5 audit rows.
CREATE TABLE number_block (
    part    INTEGER NOT NULL,
    kind    INTEGER NOT NULL,
    next_no INTEGER NOT NULL,
    PRIMARY KEY (part, kind)
) STRICT, WITHOUT ROWID;

CREATE TABLE portfolio (
    part             INTEGER NOT NULL,
    portfolio_no     INTEGER NOT NULL,
    portfolio_id     TEXT    NOT NULL,
    settings         BLOB    NOT NULL,
    settings_version INTEGER NOT NULL,
    create_time      INTEGER NOT NULL,
    update_time      INTEGER NOT NULL,
    PRIMARY KEY (part, portfolio_no)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX portfolio_by_id ON portfolio (part, portfolio_id);

-- The sources of a portfolio; 1 is `default`, the ledger. Whether a source numbers
-- its documents shows with the first one it sends.
CREATE TABLE source (
    part         INTEGER NOT NULL,
    portfolio_no INTEGER NOT NULL,
    source_no    INTEGER NOT NULL,
    source_id    TEXT    NOT NULL,
    numbered     INTEGER NOT NULL,
    PRIMARY KEY (part, portfolio_no, source_no)
) STRICT, WITHOUT ROWID;

-- A rule set never changes; its id is the first 8 bytes of content_hash.
CREATE TABLE rule_set (
    part         INTEGER NOT NULL,
    rule_set_id  INTEGER NOT NULL,
    content_hash BLOB    NOT NULL,
    body         BLOB    NOT NULL,
    create_time  INTEGER NOT NULL,
    PRIMARY KEY (part, rule_set_id)
) STRICT, WITHOUT ROWID;

-- The active rule set of a portfolio is that of its highest activation_id.
CREATE TABLE activation (
    part          INTEGER NOT NULL,
    portfolio_no  INTEGER NOT NULL,
    activation_id INTEGER NOT NULL,
    rule_set_id   INTEGER NOT NULL,
    actor         TEXT    NOT NULL,
    reason        TEXT    NOT NULL,
    activate_time INTEGER NOT NULL,
    PRIMARY KEY (part, portfolio_no, activation_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE debtor (
    part          INTEGER NOT NULL,
    debtor_no     INTEGER NOT NULL,
    debtor_id     TEXT    NOT NULL,
    -- Zones of all usable contact points; 0 = none known.
    zone_set_id   INTEGER NOT NULL,
    hold_until    INTEGER,
    cool_until    INTEGER,
    lease_case_no INTEGER,
    lease_until   INTEGER,
    -- Keys the content hashes of the audit, so that erasing it erases the link.
    salt          BLOB    NOT NULL,
    body          BLOB    NOT NULL,
    body_version  INTEGER NOT NULL,
    PRIMARY KEY (part, debtor_no),
    CHECK ((lease_case_no IS NULL) = (lease_until IS NULL))
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX debtor_by_id ON debtor (part, debtor_id);

CREATE TABLE zone_set (
    part        INTEGER NOT NULL,
    zone_set_id INTEGER NOT NULL,
    -- IANA names, sorted, separated by a blank.
    zones       TEXT    NOT NULL,
    PRIMARY KEY (part, zone_set_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE lane (
    part           INTEGER NOT NULL,
    lane_id        INTEGER NOT NULL,
    zone_set_id    INTEGER NOT NULL,
    portfolio_no   INTEGER NOT NULL,
    language       TEXT    NOT NULL,
    stage          INTEGER NOT NULL,
    recovery_group INTEGER NOT NULL,
    work_kind      INTEGER NOT NULL,
    route          TEXT    NOT NULL,
    PRIMARY KEY (part, lane_id)
) STRICT, WITHOUT ROWID;

-- What a case is called, and its folded history.
CREATE TABLE loan_case (
    part            INTEGER NOT NULL,
    case_no         INTEGER NOT NULL,
    portfolio_no    INTEGER NOT NULL,
    case_id         TEXT    NOT NULL,
    history         BLOB    NOT NULL,
    history_version INTEGER NOT NULL,
    PRIMARY KEY (part, case_no)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX loan_case_by_id ON loan_case (part, portfolio_no, case_id);

-- What each source says of a case; source_no 1 is `default`.
CREATE TABLE case_source (
    part            INTEGER NOT NULL,
    case_no         INTEGER NOT NULL,
    source_no       INTEGER NOT NULL,
    content_hash    BLOB    NOT NULL,
    as_of           INTEGER NOT NULL,
    source_sequence INTEGER,
    facts           BLOB    NOT NULL,
    facts_version   INTEGER NOT NULL,
    PRIMARY KEY (part, case_no, source_no)
) STRICT, WITHOUT ROWID;

-- Where a case stands. Roll-over, ranking anew and an unchanged document touch
-- this table only.
CREATE TABLE case_head (
    part                 INTEGER NOT NULL,
    case_no              INTEGER NOT NULL,
    portfolio_no         INTEGER NOT NULL,
    debtor_no            INTEGER NOT NULL,
    case_seq             INTEGER NOT NULL,
    record_time          INTEGER NOT NULL,
    -- The ledger's instant and number of its newest document, unchanged ones
    -- included.
    as_of                INTEGER NOT NULL,
    ledger_sequence      INTEGER,
    absorb_at            INTEGER,
    episode              INTEGER NOT NULL,
    state                INTEGER NOT NULL,
    close_reason         INTEGER,
    overdue_amount_minor INTEGER NOT NULL,
    oldest_due_date      INTEGER,
    stage                INTEGER NOT NULL,
    recovery_group       INTEGER NOT NULL,
    score                INTEGER NOT NULL,
    priority             INTEGER NOT NULL,
    rule_set_id          INTEGER NOT NULL,
    rank_date            INTEGER NOT NULL,
    lane_id              INTEGER NOT NULL,
    review_at            INTEGER,
    hold_until           INTEGER,
    park_until           INTEGER,
    PRIMARY KEY (part, case_no),
    CHECK ((close_reason IS NOT NULL) = (state = 7)),
    CHECK (score BETWEEN 0 AND 1000 AND priority BETWEEN 0 AND 1000)
) STRICT, WITHOUT ROWID;
CREATE INDEX case_head_by_debtor ON case_head (part, debtor_no, case_no);
CREATE INDEX case_head_by_portfolio ON case_head (part, portfolio_no, case_no);
CREATE INDEX case_head_by_review ON case_head (review_at, part, case_no)
    WHERE review_at IS NOT NULL;

-- Everything that happened, in the order it was known. Inputs only.
CREATE TABLE case_event (
    part        INTEGER NOT NULL,
    case_no     INTEGER NOT NULL,
    case_seq    INTEGER NOT NULL,
    kind        INTEGER NOT NULL,
    event_time  INTEGER NOT NULL,
    record_time INTEGER NOT NULL,
    event_id    TEXT,
    body        BLOB    NOT NULL,
    PRIMARY KEY (part, case_no, case_seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE event_key (
    part         INTEGER NOT NULL,
    portfolio_no INTEGER NOT NULL,
    event_id     TEXT    NOT NULL,
    kind         INTEGER NOT NULL,
    content_hash BLOB    NOT NULL,
    debtor_no    INTEGER NOT NULL,
    -- The case numbers it was written to, as a JSON list; empty for a debtor.
    case_nos     TEXT    NOT NULL,
    record_time  INTEGER NOT NULL,
    PRIMARY KEY (part, portfolio_no, event_id)
) STRICT, WITHOUT ROWID;

-- The queue: 1 ready, 2 leased, 3 waiting until wake_at, 4 waiting for an event,
-- 5 not in the queue.
CREATE TABLE case_q (
    part        INTEGER NOT NULL,
    case_no     INTEGER NOT NULL,
    state       INTEGER NOT NULL,
    lane_id     INTEGER NOT NULL,
    rank        INTEGER NOT NULL,
    ready_since INTEGER,
    wake_at     INTEGER,
    withheld_by INTEGER,
    lease_seq   INTEGER NOT NULL,
    lease_nonce INTEGER,
    PRIMARY KEY (part, case_no),
    CHECK ((wake_at IS NOT NULL) = (state IN (2, 3))),
    CHECK ((lease_nonce IS NOT NULL) = (state = 2)),
    CHECK ((ready_since IS NOT NULL) = (state = 1)),
    CHECK ((withheld_by IS NULL) = (state = 1))
) STRICT, WITHOUT ROWID;
CREATE INDEX case_q_ready ON case_q (part, lane_id, rank, case_no) WHERE state = 1;
CREATE INDEX case_q_waiting ON case_q (part, lane_id, ready_since, case_no) WHERE state = 1;
CREATE INDEX case_q_leased ON case_q (wake_at, part, case_no) WHERE state = 2;
CREATE INDEX case_q_cooling ON case_q (wake_at, part, case_no) WHERE state = 3;

-- Every lease ever granted, with what it was ranked by.
CREATE TABLE lease (
    part         INTEGER NOT NULL,
    case_no      INTEGER NOT NULL,
    lease_seq    INTEGER NOT NULL,
    debtor_no    INTEGER NOT NULL,
    lease_nonce  INTEGER NOT NULL,
    work_list_no INTEGER NOT NULL,
    worker_id    TEXT    NOT NULL,
    grant_time   INTEGER NOT NULL,
    expire_time  INTEGER NOT NULL,
    rule_set_id  INTEGER NOT NULL,
    rank_date    INTEGER NOT NULL,
    case_seq     INTEGER NOT NULL,
    -- The cases of the work item, the lead case first, as a JSON list.
    case_nos     TEXT    NOT NULL,
    reserved     INTEGER NOT NULL,
    -- 0 running, 1 reported, 2 released undialled, 3 released, 4 expired,
    -- 5 revoked.
    end_kind     INTEGER NOT NULL,
    end_time     INTEGER,
    PRIMARY KEY (part, case_no, lease_seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX lease_by_list ON lease (part, work_list_no, grant_time);

CREATE TABLE report (
    part         INTEGER NOT NULL,
    case_no      INTEGER NOT NULL,
    lease_seq    INTEGER NOT NULL,
    request_hash BLOB    NOT NULL,
    outcome_code TEXT    NOT NULL,
    late         INTEGER NOT NULL,
    next_at      INTEGER,
    report_time  INTEGER NOT NULL,
    PRIMARY KEY (part, case_no, lease_seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX report_by_time ON report (report_time);

CREATE TABLE work_list (
    part         INTEGER NOT NULL,
    work_list_no INTEGER NOT NULL,
    work_list_id TEXT    NOT NULL,
    settings     BLOB    NOT NULL,
    version      INTEGER NOT NULL,
    create_time  INTEGER NOT NULL,
    update_time  INTEGER NOT NULL,
    PRIMARY KEY (part, work_list_no)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX work_list_by_id ON work_list (part, work_list_id);

-- Named pulls, so that a retry gets what is still held of the first answer.
CREATE TABLE pull (
    part         INTEGER NOT NULL,
    work_list_no INTEGER NOT NULL,
    request_id   TEXT    NOT NULL,
    worker_id    TEXT    NOT NULL,
    -- [case_no, lease_seq] pairs as a JSON list.
    leases       TEXT    NOT NULL,
    pull_time    INTEGER NOT NULL,
    PRIMARY KEY (part, work_list_no, worker_id, request_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX pull_by_time ON pull (pull_time);

-- Appended only; each row's chain_hash covers the one before it.
CREATE TABLE audit (
    part         INTEGER NOT NULL,
    audit_no     INTEGER NOT NULL,
    kind         TEXT    NOT NULL,
    case_no      INTEGER,
    actor        TEXT    NOT NULL,
    record_time  INTEGER NOT NULL,
    content_hash BLOB    NOT NULL,
    chain_hash   BLOB    NOT NULL,
    PRIMARY KEY (part, audit_no)
) STRICT, WITHOUT ROWID;
