-- A portfolio has one open proposal at most.
CREATE UNIQUE INDEX activation_proposal_open ON activation_proposal (part, portfolio_no)
    WHERE due_at IS NOT NULL;
