//! The least that a program has to do to lease the best cases of many lanes: find
//! them by the same index, and write the rows that the service writes.

use std::collections::{BinaryHeap, HashSet};
use std::path::Path;

use arrears::model::Micros;
use rusqlite::{Connection, params};

/// How many rows are looked at for each case wanted, in percent: two cases of one
/// debtor are one lease.
const SPARE_PERCENT: usize = 20;

pub(crate) struct Yardstick {
    connection: Connection,
    part: i64,
    lanes: Vec<i64>,
}

/// A ready row: its rank and its case.
type Ready = (i64, i64);

impl Yardstick {
    pub(crate) fn open(file: &Path) -> Yardstick {
        let connection = Connection::open(file).expect("the copy opens");
        connection
            .execute_batch(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
                 PRAGMA wal_autocheckpoint = 16000; PRAGMA cache_size = -65536;",
            )
            .expect("the pragmas hold");
        connection.set_prepared_statement_cache_capacity(64);
        let part = connection
            .query_row("SELECT part FROM portfolio", [], |row| row.get(0))
            .expect("there is one portfolio");
        let lanes = {
            let mut statement =
                connection.prepare("SELECT lane_id FROM lane").expect("it prepares");
            let lanes = statement.query_map([], |row| row.get(0)).expect("it runs");
            lanes.collect::<Result<_, _>>().expect("the lanes can be read")
        };
        Yardstick { connection, part, lanes }
    }

    /// What the file holds.
    pub(crate) fn census(&self) -> String {
        let count = |sql: &str| {
            let count: i64 =
                self.connection.query_row(sql, [], |row| row.get(0)).expect("it can be counted");
            count
        };
        format!(
            "{} rows in the queue, {} ready in {} lanes, {} MiB",
            count("SELECT COUNT(*) FROM case_q"),
            count("SELECT COUNT(*) FROM case_q WHERE state = 1"),
            count("SELECT COUNT(DISTINCT lane_id) FROM case_q WHERE state = 1"),
            count(
                "SELECT page_count * page_size / 1048576 FROM pragma_page_count, pragma_page_size"
            ),
        )
    }

    /// Leases cases in one transaction; says how many.
    pub(crate) fn claim(&mut self, wanted: usize, name: &str, now: Micros) -> usize {
        self.connection.execute_batch("BEGIN IMMEDIATE").expect("it begins");
        let mut debtors = HashSet::new();
        let mut leases = Vec::new();
        for (_, case_no) in self.best(wanted + wanted * SPARE_PERCENT / 100) {
            if leases.len() < wanted
                && let Some(lease_seq) = self.lease(case_no, now, &mut debtors)
            {
                leases.push(format!("[{case_no},{lease_seq}]"));
            }
        }
        let leased = leases.len();
        let sql = "INSERT INTO pull (part, work_list_no, request_id, worker_id, leases, pull_time) \
            VALUES (?, 1, ?, 'bench', ?, ?)";
        self.connection
            .prepare_cached(sql)
            .and_then(|mut insert| {
                insert.execute(params![self.part, name, format!("[{}]", leases.join(",")), now.0])
            })
            .expect("the row fits");
        self.connection.execute_batch("COMMIT").expect("it commits");
        leased
    }

    /// The best ready rows over all lanes, best first: lanes in the order of their
    /// heads, until none can hold a better row.
    fn best(&self, wanted: usize) -> Vec<Ready> {
        let mut head = self
            .connection
            .prepare_cached(
                "SELECT rank FROM case_q WHERE part = ? AND lane_id = ? AND state = 1 \
                 ORDER BY rank, case_no LIMIT 1",
            )
            .expect("it prepares");
        let mut heads: Vec<(i64, i64)> = Vec::with_capacity(self.lanes.len());
        for lane_id in &self.lanes {
            let mut rows = head.query(params![self.part, lane_id]).expect("it runs");
            if let Some(row) = rows.next().expect("a head can be read") {
                heads.push((row.get(0).expect("a rank is a number"), *lane_id));
            }
        }
        heads.sort_unstable();
        let mut probe = self
            .connection
            .prepare_cached(
                "SELECT rank, case_no FROM case_q WHERE part = ? AND lane_id = ? AND state = 1 \
                 ORDER BY rank, case_no",
            )
            .expect("it prepares");
        let mut best: BinaryHeap<Ready> = BinaryHeap::new();
        for (first, lane_id) in heads {
            let full = |best: &BinaryHeap<Ready>, next: Ready| {
                best.len() == wanted && best.peek().is_some_and(|worst| *worst <= next)
            };
            if full(&best, (first, 0)) {
                break;
            }
            let mut rows = probe.query(params![self.part, lane_id]).expect("it runs");
            while let Some(row) = rows.next().expect("a row can be read") {
                let ready = (row.get(0).expect("a rank"), row.get(1).expect("a case"));
                if full(&best, ready) {
                    break;
                }
                best.push(ready);
                if best.len() > wanted {
                    best.pop();
                }
            }
        }
        best.into_sorted_vec()
    }

    /// Writes what a lease changes: the debtor, the queue's rows of all the
    /// debtor's cases, the lease itself.
    fn lease(&self, case_no: i64, now: Micros, debtors: &mut HashSet<i64>) -> Option<i64> {
        let until = now.plus(5 * Micros::MINUTE).0;
        let head = "SELECT debtor_no, rule_set_id, rank_date, case_seq FROM case_head \
            WHERE part = ? AND case_no = ?";
        let (debtor_no, rule_set_id, rank_date, case_seq): (i64, i64, i64, i64) = self
            .connection
            .prepare_cached(head)
            .and_then(|mut head| {
                head.query_row(params![self.part, case_no], |row| {
                    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
                })
            })
            .expect("a case has a head");
        if !debtors.insert(debtor_no) {
            return None;
        }
        // An attempt in the stored record takes ten bytes.
        self.write(
            "UPDATE debtor SET lease_case_no = ?3, lease_until = ?4, body = CAST(body || ?5 AS BLOB) \
             WHERE part = ?1 AND debtor_no = ?2",
            params![self.part, debtor_no, case_no, until, &[0_u8; 10][..]],
        );
        self.write(
            "UPDATE case_q SET state = 2, ready_since = NULL, wake_at = ?3, withheld_by = 8, \
             lease_seq = lease_seq + 1, lease_nonce = ?4 WHERE part = ?1 AND case_no = ?2",
            params![self.part, case_no, until, case_no.wrapping_mul(0x5851_F42D_4C95_7F2D)],
        );
        self.write(
            "UPDATE case_q SET state = 3, ready_since = NULL, wake_at = ?4, withheld_by = 7 \
             WHERE part = ?1 AND case_no <> ?3 AND case_no IN \
             (SELECT case_no FROM case_head WHERE part = ?1 AND debtor_no = ?2)",
            params![self.part, debtor_no, case_no, until],
        );
        let lease_seq = 1;
        self.write(
            "INSERT INTO lease (part, case_no, lease_seq, debtor_no, lease_nonce, work_list_no, \
             worker_id, grant_time, expire_time, rule_set_id, rank_date, case_seq, case_nos, \
             reserved, end_kind) VALUES (?, ?, ?, ?, ?, 1, 'bench', ?, ?, ?, ?, ?, ?, 0, 0)",
            params![
                self.part,
                case_no,
                lease_seq,
                debtor_no,
                case_no.wrapping_mul(0x5851_F42D_4C95_7F2D),
                now.0,
                until,
                rule_set_id,
                rank_date,
                case_seq,
                format!("[{case_no}]"),
            ],
        );
        Some(lease_seq)
    }

    fn write(&self, sql: &str, values: impl rusqlite::Params) {
        self.connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute(values))
            .expect("the row can be written");
    }
}
