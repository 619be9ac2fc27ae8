-- Where a case of a spread tenant has lived. A case that is given to a debtor of another
-- part goes there with all its events; its leases stay in the part that granted them.
-- leave_time is NULL while it lives here. Leases up to leases_before were granted in
-- earlier stays, the last of them in part came_from under number came_from_no.
CREATE TABLE case_stay (
    part                 BIGINT NOT NULL,
    case_no              BIGINT NOT NULL,
    portfolio_no         BIGINT NOT NULL,
    case_id              TEXT COLLATE "C" NOT NULL,
    leases_before        BIGINT NOT NULL,
    came_from            BIGINT,
    came_from_no         BIGINT,
    leave_time           BIGINT,
    PRIMARY KEY (part, case_no),
    CHECK ((came_from IS NULL) = (came_from_no IS NULL))
);
