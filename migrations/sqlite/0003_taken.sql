-- Why a lease was of one given debtor: 0 it was not, 1 the debtor rang, 2 a worker
-- chose it, 3 a supervisor did, 4 for a visit.
ALTER TABLE lease ADD COLUMN taken_for INTEGER NOT NULL DEFAULT 0;
-- There are few, and what a list promises is reckoned without them.
CREATE INDEX lease_taken ON lease (part, work_list_no, grant_time) WHERE taken_for <> 0;
