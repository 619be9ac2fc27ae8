-- The ground: tenants, portfolios, cases, debtors, events, the queue.
--
-- `part` leads every key: h64(tenant), or a bucket of a spread tenant. Instants
-- are microseconds since 1970, days are days since 1970, amounts are smallest
-- units. Bodies are messages of arrears.store.v1. The same tables as on SQLite, with
-- narrower integers and bytewise text; all of it runs on Citus as well.

CREATE TABLE tenant (
    part                 BIGINT NOT NULL,
    tenant               TEXT COLLATE "C" NOT NULL,
    buckets              INTEGER NOT NULL,
    create_time          BIGINT NOT NULL,
    PRIMARY KEY (part)
);

-- Numbers are handed out in blocks: kind 1 cases, 2 debtors, 3 portfolios,
-- 4 work lists, 5 audit rows.
CREATE TABLE number_block (
    part                 BIGINT NOT NULL,
    kind                 SMALLINT NOT NULL,
    next_no              BIGINT NOT NULL,
    PRIMARY KEY (part, kind)
);

CREATE TABLE portfolio (
    part                 BIGINT NOT NULL,
    portfolio_no         BIGINT NOT NULL,
    portfolio_id         TEXT COLLATE "C" NOT NULL,
    settings             BYTEA NOT NULL,
    settings_version     BIGINT NOT NULL,
    create_time          BIGINT NOT NULL,
    update_time          BIGINT NOT NULL,
    PRIMARY KEY (part, portfolio_no)
);
CREATE UNIQUE INDEX portfolio_by_id ON portfolio (part, portfolio_id);

-- The sources of a portfolio; 1 is `default`, the ledger. Whether a source numbers
-- its documents shows with the first one it sends.
CREATE TABLE source (
    part                 BIGINT NOT NULL,
    portfolio_no         BIGINT NOT NULL,
    source_no            SMALLINT NOT NULL,
    source_id            TEXT COLLATE "C" NOT NULL,
    numbered             SMALLINT NOT NULL,
    PRIMARY KEY (part, portfolio_no, source_no)
);

-- A rule set never changes; its id is the first 8 bytes of content_hash.
CREATE TABLE rule_set (
    part                 BIGINT NOT NULL,
    rule_set_id          BIGINT NOT NULL,
    content_hash         BYTEA NOT NULL,
    body                 BYTEA NOT NULL,
    create_time          BIGINT NOT NULL,
    PRIMARY KEY (part, rule_set_id)
);

-- The active rule set of a portfolio is that of its highest activation_id.
CREATE TABLE activation (
    part                 BIGINT NOT NULL,
    portfolio_no         BIGINT NOT NULL,
    activation_id        BIGINT NOT NULL,
    rule_set_id          BIGINT NOT NULL,
    actor                TEXT COLLATE "C" NOT NULL,
    reason               TEXT COLLATE "C" NOT NULL,
    activate_time        BIGINT NOT NULL,
    PRIMARY KEY (part, portfolio_no, activation_id)
);

CREATE TABLE debtor (
    part                 BIGINT NOT NULL,
    debtor_no            BIGINT NOT NULL,
    debtor_id            TEXT COLLATE "C" NOT NULL,
    -- Zones of all usable contact points; 0 = none known.
    zone_set_id          BIGINT NOT NULL,
    hold_until           BIGINT,
    cool_until           BIGINT,
    lease_case_no        BIGINT,
    lease_until          BIGINT,
    -- Keys the content hashes of the audit, so that erasing it erases the link.
    salt                 BYTEA NOT NULL,
    body                 BYTEA NOT NULL,
    body_version         INTEGER NOT NULL,
    PRIMARY KEY (part, debtor_no),
    CHECK ((lease_case_no IS NULL) = (lease_until IS NULL))
) WITH (fillfactor = 85);
CREATE UNIQUE INDEX debtor_by_id ON debtor (part, debtor_id);

CREATE TABLE zone_set (
    part                 BIGINT NOT NULL,
    zone_set_id          BIGINT NOT NULL,
    -- IANA names, sorted, separated by a blank.
    zones                TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (part, zone_set_id)
);

CREATE TABLE lane (
    part                 BIGINT NOT NULL,
    lane_id              BIGINT NOT NULL,
    zone_set_id          BIGINT NOT NULL,
    portfolio_no         BIGINT NOT NULL,
    language             TEXT COLLATE "C" NOT NULL,
    stage                SMALLINT NOT NULL,
    recovery_group       SMALLINT NOT NULL,
    work_kind            SMALLINT NOT NULL,
    route                TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (part, lane_id)
);

-- What a case is called, and its folded history.
CREATE TABLE loan_case (
    part                 BIGINT NOT NULL,
    case_no              BIGINT NOT NULL,
    portfolio_no         BIGINT NOT NULL,
    case_id              TEXT COLLATE "C" NOT NULL,
    history              BYTEA NOT NULL,
    history_version      INTEGER NOT NULL,
    PRIMARY KEY (part, case_no)
);
CREATE UNIQUE INDEX loan_case_by_id ON loan_case (part, portfolio_no, case_id);

-- What each source says of a case; source_no 1 is `default`.
CREATE TABLE case_source (
    part                 BIGINT NOT NULL,
    case_no              BIGINT NOT NULL,
    source_no            SMALLINT NOT NULL,
    content_hash         BYTEA NOT NULL,
    as_of                BIGINT NOT NULL,
    source_sequence      BIGINT,
    facts                BYTEA NOT NULL,
    facts_version        INTEGER NOT NULL,
    PRIMARY KEY (part, case_no, source_no)
);

-- Where a case stands. Roll-over, ranking anew and an unchanged document touch
-- this table only.
CREATE TABLE case_head (
    part                 BIGINT NOT NULL,
    case_no              BIGINT NOT NULL,
    portfolio_no         BIGINT NOT NULL,
    debtor_no            BIGINT NOT NULL,
    case_seq             BIGINT NOT NULL,
    record_time          BIGINT NOT NULL,
    -- The ledger's instant and number of its newest document, unchanged ones
    -- included.
    as_of                BIGINT NOT NULL,
    ledger_sequence      BIGINT,
    absorb_at            BIGINT,
    episode              INTEGER NOT NULL,
    state                SMALLINT NOT NULL,
    close_reason         SMALLINT,
    overdue_amount_minor BIGINT NOT NULL,
    oldest_due_date      INTEGER,
    stage                SMALLINT NOT NULL,
    recovery_group       SMALLINT NOT NULL,
    score                SMALLINT NOT NULL,
    priority             SMALLINT NOT NULL,
    rule_set_id          BIGINT NOT NULL,
    rank_date            INTEGER NOT NULL,
    lane_id              BIGINT NOT NULL,
    review_at            BIGINT,
    hold_until           BIGINT,
    park_until           BIGINT,
    PRIMARY KEY (part, case_no),
    CHECK ((close_reason IS NOT NULL) = (state = 7)),
    CHECK (score BETWEEN 0 AND 1000 AND priority BETWEEN 0 AND 1000)
) WITH (fillfactor = 85);
CREATE INDEX case_head_by_debtor ON case_head (part, debtor_no, case_no);
CREATE INDEX case_head_by_portfolio ON case_head (part, portfolio_no, case_no);
CREATE INDEX case_head_by_review ON case_head (review_at, part, case_no)
    WHERE review_at IS NOT NULL;

-- Everything that happened, in the order it was known. Inputs only.
CREATE TABLE case_event (
    part                 BIGINT NOT NULL,
    case_no              BIGINT NOT NULL,
    case_seq             BIGINT NOT NULL,
    kind                 SMALLINT NOT NULL,
    event_time           BIGINT NOT NULL,
    record_time          BIGINT NOT NULL,
    event_id             TEXT COLLATE "C",
    body                 BYTEA NOT NULL,
    PRIMARY KEY (part, case_no, case_seq)
);

CREATE TABLE event_key (
    part                 BIGINT NOT NULL,
    portfolio_no         BIGINT NOT NULL,
    event_id             TEXT COLLATE "C" NOT NULL,
    kind                 SMALLINT NOT NULL,
    content_hash         BYTEA NOT NULL,
    debtor_no            BIGINT NOT NULL,
    -- The case numbers it was written to, as a JSON list; empty for a debtor.
    case_nos             TEXT COLLATE "C" NOT NULL,
    record_time          BIGINT NOT NULL,
    PRIMARY KEY (part, portfolio_no, event_id)
);

-- The queue: 1 ready, 2 leased, 3 waiting until wake_at, 4 waiting for an event,
-- 5 not in the queue.
CREATE TABLE case_q (
    part                 BIGINT NOT NULL,
    case_no              BIGINT NOT NULL,
    state                SMALLINT NOT NULL,
    lane_id              BIGINT NOT NULL,
    rank                 BIGINT NOT NULL,
    ready_since          BIGINT,
    wake_at              BIGINT,
    withheld_by          SMALLINT,
    lease_seq            BIGINT NOT NULL,
    lease_nonce          BIGINT,
    PRIMARY KEY (part, case_no),
    CHECK ((wake_at IS NOT NULL) = (state IN (2, 3))),
    CHECK ((lease_nonce IS NOT NULL) = (state = 2)),
    CHECK ((ready_since IS NOT NULL) = (state = 1)),
    CHECK ((withheld_by IS NULL) = (state = 1))
) WITH (fillfactor = 85, autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0,
    vacuum_index_cleanup = on);
CREATE INDEX case_q_ready ON case_q (part, lane_id, rank, case_no) WHERE state = 1;
CREATE INDEX case_q_waiting ON case_q (part, lane_id, ready_since, case_no) WHERE state = 1;
CREATE INDEX case_q_leased ON case_q (wake_at, part, case_no) WHERE state = 2;
CREATE INDEX case_q_cooling ON case_q (wake_at, part, case_no) WHERE state = 3;

-- Every lease ever granted, with what it was ranked by.
CREATE TABLE lease (
    part                 BIGINT NOT NULL,
    case_no              BIGINT NOT NULL,
    lease_seq            BIGINT NOT NULL,
    debtor_no            BIGINT NOT NULL,
    lease_nonce          BIGINT NOT NULL,
    work_list_no         BIGINT NOT NULL,
    worker_id            TEXT COLLATE "C" NOT NULL,
    grant_time           BIGINT NOT NULL,
    expire_time          BIGINT NOT NULL,
    rule_set_id          BIGINT NOT NULL,
    rank_date            INTEGER NOT NULL,
    case_seq             BIGINT NOT NULL,
    -- The cases of the work item, the lead case first, as a JSON list.
    case_nos             TEXT COLLATE "C" NOT NULL,
    reserved             SMALLINT NOT NULL,
    -- 0 running, 1 reported, 2 released undialled, 3 released, 4 expired,
    -- 5 revoked.
    end_kind             SMALLINT NOT NULL,
    end_time             BIGINT,
    -- Why it was of one given debtor: 0 it was not, 1 the debtor rang, 2 a worker
    -- chose it, 3 a supervisor did, 4 for a visit.
    taken_for            SMALLINT NOT NULL DEFAULT 0,
    PRIMARY KEY (part, case_no, lease_seq)
);
-- There are few, and what a list promises is reckoned without them.
CREATE INDEX lease_taken ON lease (part, work_list_no, grant_time) WHERE taken_for <> 0;
CREATE INDEX lease_by_list ON lease (part, work_list_no, grant_time);

CREATE TABLE report (
    part                 BIGINT NOT NULL,
    case_no              BIGINT NOT NULL,
    lease_seq            BIGINT NOT NULL,
    request_hash         BYTEA NOT NULL,
    outcome_code         TEXT COLLATE "C" NOT NULL,
    late                 SMALLINT NOT NULL,
    next_at              BIGINT,
    report_time          BIGINT NOT NULL,
    PRIMARY KEY (part, case_no, lease_seq)
);
CREATE INDEX report_by_time ON report (report_time);

CREATE TABLE work_list (
    part                 BIGINT NOT NULL,
    work_list_no         BIGINT NOT NULL,
    work_list_id         TEXT COLLATE "C" NOT NULL,
    settings             BYTEA NOT NULL,
    version              BIGINT NOT NULL,
    create_time          BIGINT NOT NULL,
    update_time          BIGINT NOT NULL,
    PRIMARY KEY (part, work_list_no)
);
CREATE UNIQUE INDEX work_list_by_id ON work_list (part, work_list_id);

-- Named pulls, so that a retry gets what is still held of the first answer.
CREATE TABLE pull (
    part                 BIGINT NOT NULL,
    work_list_no         BIGINT NOT NULL,
    request_id           TEXT COLLATE "C" NOT NULL,
    worker_id            TEXT COLLATE "C" NOT NULL,
    -- [case_no, lease_seq] pairs as a JSON list.
    leases               TEXT COLLATE "C" NOT NULL,
    pull_time            BIGINT NOT NULL,
    PRIMARY KEY (part, work_list_no, worker_id, request_id)
);
CREATE INDEX pull_by_time ON pull (pull_time);

-- Appended only; each row's chain_hash covers the one before it.
CREATE TABLE audit (
    part                 BIGINT NOT NULL,
    audit_no             BIGINT NOT NULL,
    kind                 TEXT COLLATE "C" NOT NULL,
    case_no              BIGINT,
    actor                TEXT COLLATE "C" NOT NULL,
    record_time          BIGINT NOT NULL,
    content_hash         BYTEA NOT NULL,
    chain_hash           BYTEA NOT NULL,
    PRIMARY KEY (part, audit_no)
);

-- Portfolios whose cases are being placed anew because settings changed by which
-- they are gated: those up to after_case_no are done.
-- From again_at on all are placed once more: by then every transaction is over that had
-- read the settings before. After the first time after_case_no is -1.
CREATE TABLE portfolio_placing (
    part                 BIGINT NOT NULL,
    portfolio_no         BIGINT NOT NULL,
    after_case_no        BIGINT NOT NULL,
    again_at             BIGINT,
    PRIMARY KEY (part, portfolio_no)
);
