-- In which part a case of a tenant lives that is spread over several: in that of its
-- debtor. The row lies in the bucket of the case's own id; there is none for tenants in
-- one part.
CREATE TABLE case_part (
    part                 BIGINT NOT NULL,
    portfolio_no         BIGINT NOT NULL,
    case_id              TEXT COLLATE "C" NOT NULL,
    lives_in             BIGINT NOT NULL,
    PRIMARY KEY (part, portfolio_no, case_id)
);
