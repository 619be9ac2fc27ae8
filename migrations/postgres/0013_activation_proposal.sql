-- Activations that wait for a second person or for their time, in the first part of a
-- tenant: 1 proposed, 2 scheduled, 3 activated, 4 rejected, 5 withdrawn, 6 superseded,
-- 7 expired. due_at is when an open one expires or takes effect; NULL once it has ended.
CREATE TABLE activation_proposal (
    part                 BIGINT NOT NULL,
    portfolio_no         BIGINT NOT NULL,
    proposal_no          BIGINT NOT NULL,
    state                SMALLINT NOT NULL,
    due_at               BIGINT,
    body                 BYTEA NOT NULL,
    PRIMARY KEY (part, portfolio_no, proposal_no),
    CHECK ((due_at IS NOT NULL) = (state <= 2))
);
