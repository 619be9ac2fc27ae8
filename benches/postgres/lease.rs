//! Leasing from a queue of which nine tenths are not ready: pulls of 50, against the
//! least that a program has to do to lease the best cases of many lanes and write the
//! rows that the service writes.

use std::collections::HashSet;
use std::time::Duration;

use arrears::model::Micros;
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgPool;

use super::desk::{Desk, PULL, START};
use super::{Schema, median, timed};

/// Candidates beyond those wanted, in percent: two cases of one debtor are one lease.
const SPARE_PERCENT: usize = 20;

pub(super) async fn run(server: &str, cases: usize, rounds: usize) {
    let ours_in = Schema::fresh(server, "ours").await;
    let (filling, ()) = timed(Desk::fill(ours_in.database(), cases, START)).await;
    println!("{cases} cases pushed and held in {filling:.0?}");
    let copy_in = Schema::fresh(server, "theirs").await;
    copy(&copy_in, &ours_in).await;
    let desk = Desk::open(ours_in.database(), START.plus(Micros::HOUR)).await;
    let bare = Bare::open(&copy_in).await;
    println!("{}", bare.census().await);

    // At most half of what is ready is leased, so that the last round finds the queue
    // much like the first.
    let claims = (cases / 10 / 2 / PULL / rounds).clamp(1, 200);
    let (mut ours, mut theirs) = (Side::default(), Side::default());
    for round in 1..=rounds {
        for claim in 0..claims {
            let name = format!("{round}-{claim}");
            ours.add(timed(desk.pull(&name)).await);
            theirs.add(timed(bare.claim(&name, START.plus(Micros::HOUR))).await);
        }
        ours.end_round();
        theirs.end_round();
    }
    println!("claims of {PULL}: {claims} in each of {rounds} rounds; medians of the rounds");
    ours.print("ours");
    theirs.print("bare");
    println!("ratio of rates {:.2}", ours.rate() / theirs.rate());
}

/// Copies the tables that a claim reads and writes.
async fn copy(to: &Schema, from: &Schema) {
    let pool = to.pool().await;
    super::make_tables(&pool).await;
    let source: String = sqlx::query_scalar("SELECT current_schema()::text")
        .fetch_one(&from.pool().await)
        .await
        .expect("it has a name");
    for table in ["portfolio", "lane", "debtor", "case_head", "case_q"] {
        let sql = format!("INSERT INTO {table} SELECT * FROM {source}.{table} ORDER BY 1, 2");
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&pool).await.expect("rows can be copied");
    }
    for schema in [pool, from.pool().await] {
        sqlx::raw_sql("VACUUM ANALYZE").execute(&schema).await.expect("it can be cleaned");
    }
}

struct Bare {
    pool: PgPool,
    part: i64,
    lanes: Vec<i64>,
}

const HEADS: &str = "SELECT l.lane_id FROM UNNEST($2::bigint[]) AS l(lane_id) CROSS JOIN LATERAL \
    (SELECT rank, case_no FROM case_q WHERE part = $1 AND lane_id = l.lane_id AND state = 1 \
    ORDER BY rank, case_no LIMIT 1) AS q ORDER BY q.rank, q.case_no LIMIT 64";
const BEST: &str = "SELECT q.case_no FROM UNNEST($2::bigint[]) AS l(lane_id) CROSS JOIN LATERAL \
    (SELECT rank, case_no FROM case_q WHERE part = $1 AND lane_id = l.lane_id AND state = 1 \
    ORDER BY rank, case_no LIMIT 16) AS q ORDER BY q.rank, q.case_no LIMIT $3";
const LOCK: &str = "SELECT h.case_no, h.debtor_no, h.rule_set_id, h.rank_date, h.case_seq \
    FROM case_head h JOIN debtor d ON d.part = $1 AND d.debtor_no = h.debtor_no \
    WHERE h.part = $1 AND h.case_no = ANY($2) ORDER BY d.debtor_no \
    FOR NO KEY UPDATE OF d SKIP LOCKED";
// An attempt in the stored record takes ten bytes.
const DEBTORS: &str = "UPDATE debtor SET lease_case_no = v.case_no, lease_until = $4, \
    body = body || '\\x00000000000000000000'::bytea \
    FROM UNNEST($2::bigint[], $3::bigint[]) AS v(debtor_no, case_no) \
    WHERE debtor.part = $1 AND debtor.debtor_no = v.debtor_no";
const LEADS: &str = "UPDATE case_q SET state = 2, ready_since = NULL, wake_at = $3, \
    withheld_by = 8, lease_seq = lease_seq + 1, lease_nonce = case_no \
    WHERE part = $1 AND case_no = ANY($2)";
const SIBLINGS: &str = "UPDATE case_q SET state = 3, ready_since = NULL, wake_at = $4, \
    withheld_by = 7 WHERE part = $1 AND case_no = ANY(ARRAY(SELECT h.case_no FROM case_head h \
    WHERE h.part = $1 AND h.debtor_no = ANY($2) AND h.case_no <> ALL($3)))";
const LEASES: &str = "INSERT INTO lease (part, case_no, lease_seq, debtor_no, lease_nonce, \
    work_list_no, worker_id, grant_time, expire_time, rule_set_id, rank_date, case_seq, case_nos, \
    reserved, end_kind) SELECT $1, case_no, 1, debtor_no, case_no, 1, 'bench', $7, $8, rule_set_id, \
    rank_date, case_seq, '[1]', 0, 0 \
    FROM UNNEST($2::bigint[], $3::bigint[], $4::bigint[], $5::int[], $6::bigint[]) \
    AS v(case_no, debtor_no, rule_set_id, rank_date, case_seq)";
const PULLS: &str = "INSERT INTO pull (part, work_list_no, request_id, worker_id, leases, \
    pull_time) VALUES ($1, 1, $2, 'bench', $3, $4)";

impl Bare {
    async fn open(schema: &Schema) -> Bare {
        let pool = schema.pool().await;
        let part = sqlx::query_scalar("SELECT part FROM portfolio").fetch_one(&pool).await;
        let lanes = sqlx::query_scalar("SELECT lane_id FROM lane").fetch_all(&pool).await;
        Bare { part: part.expect("there is one"), lanes: lanes.expect("there are some"), pool }
    }

    async fn census(&self) -> String {
        let sql = "SELECT COUNT(*), COUNT(*) FILTER (WHERE state = 1), \
            COUNT(DISTINCT lane_id) FILTER (WHERE state = 1) FROM case_q";
        let (rows, ready, lanes): (i64, i64, i64) =
            sqlx::query_as(sql).fetch_one(&self.pool).await.expect("it can be counted");
        format!("{rows} rows in the queue, {ready} ready in {lanes} lanes")
    }

    /// Leases cases in one transaction; says how many.
    async fn claim(&self, name: &str, now: Micros) -> usize {
        let until = now.plus(5 * Micros::MINUTE).0;
        let mut tx = self.pool.begin().await.expect("a connection is free");
        let lanes: Vec<i64> = sqlx::query_scalar(HEADS)
            .bind(self.part)
            .bind(&self.lanes)
            .fetch_all(&mut *tx)
            .await
            .expect("heads can be read");
        let wanted = i64::try_from(PULL + PULL * SPARE_PERCENT / 100).expect("it is small");
        let best: Vec<i64> = sqlx::query_scalar(BEST)
            .bind(self.part)
            .bind(lanes)
            .bind(wanted)
            .fetch_all(&mut *tx)
            .await
            .expect("rows can be read");
        let mut locked: Vec<(i64, i64, i64, i32, i64)> = sqlx::query_as(LOCK)
            .bind(self.part)
            .bind(best)
            .fetch_all(&mut *tx)
            .await
            .expect("debtors can be locked");
        let mut debtors = HashSet::new();
        locked.retain(|row| debtors.insert(row.1));
        locked.truncate(PULL);
        let case_nos: Vec<i64> = locked.iter().map(|row| row.0).collect();
        let debtor_nos: Vec<i64> = locked.iter().map(|row| row.1).collect();
        let query = sqlx::query(DEBTORS).bind(self.part).bind(&debtor_nos).bind(&case_nos);
        query.bind(until).execute(&mut *tx).await.expect("debtors can be written");
        let query = sqlx::query(LEADS).bind(self.part).bind(&case_nos).bind(until);
        query.execute(&mut *tx).await.expect("rows can be written");
        let query = sqlx::query(SIBLINGS).bind(self.part).bind(&debtor_nos).bind(&case_nos);
        query.bind(until).execute(&mut *tx).await.expect("rows can be written");
        let query = sqlx::query(LEASES)
            .bind(self.part)
            .bind(&case_nos)
            .bind(&debtor_nos)
            .bind(locked.iter().map(|row| row.2).collect::<Vec<i64>>())
            .bind(locked.iter().map(|row| row.3).collect::<Vec<i32>>())
            .bind(locked.iter().map(|row| row.4).collect::<Vec<i64>>());
        let query = query.bind(now.0).bind(until);
        query.execute(&mut *tx).await.expect("leases can be written");
        let leases: Vec<String> = case_nos.iter().map(|no| format!("[{no},1]")).collect();
        let query = sqlx::query(PULLS).bind(self.part).bind(name);
        let query = query.bind(format!("[{}]", leases.join(","))).bind(now.0);
        query.execute(&mut *tx).await.expect("the pull can be written");
        tx.commit().await.expect("it is committed");
        case_nos.len()
    }
}

/// What was measured of one side.
#[derive(Default)]
struct Side {
    claims: Vec<Duration>,
    leased: usize,
    took: Duration,
    rates: Vec<f64>,
}

impl Side {
    fn add(&mut self, (took, leased): (Duration, usize)) {
        self.claims.push(took);
        self.leased += leased;
        self.took += took;
    }

    fn end_round(&mut self) {
        self.rates.push(self.leased as f64 / self.took.as_secs_f64());
        (self.leased, self.took) = (0, Duration::ZERO);
    }

    fn rate(&self) -> f64 {
        let mut rates = self.rates.clone();
        rates.sort_by(f64::total_cmp);
        rates[rates.len() / 2]
    }

    fn print(&self, name: &str) {
        let mut claims = self.claims.clone();
        claims.sort();
        let late = claims[(claims.len() - 1) * 99 / 100];
        println!(
            "{name:<5} {:>7.0} leases/s  p50 {:.2?}  p99 {late:.2?}",
            self.rate(),
            median(claims)
        );
    }
}
