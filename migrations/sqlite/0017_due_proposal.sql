CREATE INDEX activation_proposal_due ON activation_proposal (due_at) WHERE due_at IS NOT NULL;
