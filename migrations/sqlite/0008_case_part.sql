-- In which part a case of a tenant lives that is spread over several: in that of its
-- debtor. The row lies in the bucket of the case's own id; there is none for tenants in
-- one part.
CREATE TABLE case_part (
    part          INTEGER NOT NULL,
    portfolio_no  INTEGER NOT NULL,
    case_id       TEXT NOT NULL,
    lives_in      INTEGER NOT NULL,
    PRIMARY KEY (part, portfolio_no, case_id)
) STRICT, WITHOUT ROWID;
