-- Portfolios whose cases are being placed anew because settings changed by which
-- they are gated: those up to after_case_no are done.
CREATE TABLE placing (
    part          INTEGER NOT NULL,
    portfolio_no  INTEGER NOT NULL,
    after_case_no INTEGER NOT NULL,
    PRIMARY KEY (part, portfolio_no)
) STRICT, WITHOUT ROWID;
