-- Plans of statements do not look at values, and are kept. Of a table that nobody has
-- analysed, the planner takes a part for as rare as a key and would walk through a tenant
-- to find one case; so it is shown a thousand rows of one tenant, and remembers how they
-- were distributed until it has seen real ones. Not in the transaction that makes the
-- tables: truncated in a later one, they count as never looked at, and not as empty.
DO $$
BEGIN
    INSERT INTO debtor (part, debtor_no, debtor_id, zone_set_id, salt, body, body_version)
        SELECT 0, n, n, 0, '', '', 1 FROM generate_series(1, 1000) AS n;
    INSERT INTO loan_case (part, case_no, portfolio_no, case_id, history, history_version)
        SELECT 0, n, 1, n, '', 1 FROM generate_series(1, 1000) AS n;
    INSERT INTO case_source (part, case_no, source_no, content_hash, as_of, facts, facts_version)
        SELECT 0, n, 1, '', 0, '', 1 FROM generate_series(1, 1000) AS n;
    INSERT INTO case_head (part, case_no, portfolio_no, debtor_no, case_seq, record_time, as_of,
            episode, state, overdue_amount_minor, stage, recovery_group, score, priority,
            rule_set_id, rank_date, lane_id, review_at)
        SELECT 0, n, 1, n, 1, 0, 0, 1, 2, 0, n % 5, n % 3, n % 1000, n % 1000, 1, 0, n % 50, n
        FROM generate_series(1, 1000) AS n;
    INSERT INTO case_event (part, case_no, case_seq, kind, event_time, record_time, body)
        SELECT 0, n / 2, n % 2, 1, 0, 0, '' FROM generate_series(1, 1000) AS n;
    INSERT INTO event_key (part, portfolio_no, event_id, kind, content_hash, debtor_no, case_nos,
            record_time)
        SELECT 0, 1, n, 2, '', n, '', 0 FROM generate_series(1, 1000) AS n;
    INSERT INTO case_q (part, case_no, state, lane_id, rank, ready_since, wake_at, withheld_by,
            lease_seq)
        SELECT 0, n, CASE n % 10 WHEN 0 THEN 1 ELSE 3 END, n % 50, n,
            CASE n % 10 WHEN 0 THEN n END, CASE n % 10 WHEN 0 THEN NULL ELSE n END,
            CASE n % 10 WHEN 0 THEN NULL ELSE 11 END, 0
        FROM generate_series(1, 1000) AS n;
    INSERT INTO lease (part, case_no, lease_seq, debtor_no, lease_nonce, work_list_no, worker_id,
            grant_time, expire_time, rule_set_id, rank_date, case_seq, case_nos, reserved,
            end_kind)
        SELECT 0, n / 2, n % 2, n, n, 1, 'w', n, n, 1, 0, 1, '', 0, 0
        FROM generate_series(1, 1000) AS n;
    INSERT INTO report (part, case_no, lease_seq, request_hash, outcome_code, late, report_time)
        SELECT 0, n, 1, '', '', 0, n FROM generate_series(1, 1000) AS n;
    INSERT INTO pull (part, work_list_no, request_id, worker_id, leases, pull_time)
        SELECT 0, 1, n, 'w', '', n FROM generate_series(1, 1000) AS n;
END
$$;
ANALYZE debtor, loan_case, case_source, case_head, case_event, event_key, case_q, lease, report,
    pull;
TRUNCATE debtor, loan_case, case_source, case_head, case_event, event_key, case_q, lease, report,
    pull;
