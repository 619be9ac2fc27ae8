//! Cases: ids and history (`loan_case`), what the source says (`case_source`),
//! where they stand (`case_head`).

use std::collections::{BTreeSet, HashMap};

use crate::model::{CaseNo, CaseState, DebtorNo, Facts, History, Micros, Part, PortfolioNo, Route};

use super::db::{Batch, Column, Lock, Tx, int_list, params, statements, text_list};
use super::encode::{FACTS_VERSION, Place, facts_from, history_from, history_to};
use super::error::readable;
use super::{Damage, Readable, StoreError};

use super::queue::sweep::{DueKey, due_keys};
use super::queue::{PlaceRow, QueueRow, place_columns};
use super::row::row;

mod head;
pub mod source;

pub use head::CaseHead;

use head::{HeadRow, head_columns, route_column};

/// A case found by its id.
#[derive(Clone, Debug)]
pub struct KnownCase {
    /// The caller's id.
    pub case_id: String,
    /// Where it stands.
    pub head: CaseHead,
}

/// What a case is ranked from.
#[derive(Clone, Debug)]
pub struct CaseContent {
    /// What the source says.
    pub facts: Facts,
    /// What happened.
    pub history: History,
}

/// A case to be written whole.
#[derive(Clone, Debug)]
pub struct NewCase<'a> {
    /// The caller's id.
    pub case_id: &'a str,
    /// Where it stands.
    pub head: &'a CaseHead,
    /// What happened.
    pub history: &'a History,
}

statements! {
    FIND_BY_ID = concat!(
        "SELECT c.case_id, ", head_columns!("h."), ", ", route_column!(),
        " FROM loan_case c \
         JOIN case_head h ON h.part = $1 AND h.case_no = c.case_no \
         WHERE c.part = $1 AND c.portfolio_no = $2 AND c.case_id IN {texts:$3}"
    );
    LOAD_CONTENT =
        "SELECT c.case_no, c.case_id, c.history, s.facts, s.facts_version \
         FROM loan_case c \
         LEFT JOIN case_source s ON s.part = $1 AND s.case_no = c.case_no AND s.source_no = 1 \
         WHERE c.part = $1 AND c.case_no IN {ints:$2}";
    NUMBERS_OF = "SELECT case_id, case_no FROM loan_case \
        WHERE part = $1 AND portfolio_no = $2 AND case_id IN {texts:$3}";
    LOAD_IDS = "SELECT case_no, portfolio_no, case_id FROM loan_case \
        WHERE part = $1 AND case_no IN {ints:$2}";
    DEBTORS_OF = "SELECT case_no, debtor_no FROM case_head \
        WHERE part = $1 AND case_no IN {ints:$2}";
    LOAD_OF_DEBTORS = concat!(
        "SELECT ", head_columns!("h."), ", ", route_column!(), ", ", place_columns!(), " FROM case_head h \
         LEFT JOIN case_q q ON q.part = $1 AND q.case_no = h.case_no \
         WHERE h.part = $1 AND h.debtor_no IN {ints:$2} ORDER BY h.debtor_no, h.case_no {lock:h}"
    );
    HEADS_OF = concat!(
        "SELECT ", head_columns!("h."), ", ", route_column!(), " FROM case_head h \
         WHERE h.part = $1 AND h.case_no IN {ints:$3} AND h.portfolio_no = $2 ORDER BY h.case_no"
    );
    // Keys first, from an index that has no more than keys: the planner would
    // else walk through all portfolios of a tenant, or through all debtors.
    // Most portfolios have no arms and no routes: PostgreSQL would think that hardly any case fits, and
    // walk through the tenant, were it not for the CASE, of which it guesses nothing.
    LIST_HEADS = concat!(
        "SELECT ", head_columns!("h."), ", ", route_column!(), " FROM case_head k CROSS JOIN case_head h \
         WHERE k.part = $1 AND k.portfolio_no = $2 AND k.case_no > $3 \
         AND h.part = $1 AND h.case_no = k.case_no \
         AND (CAST($4 AS BIGINT) = 0 OR h.state IN {ints:$5}) \
         AND (CAST($6 AS BIGINT) = 0 OR h.recovery_group IN {ints:$7}) \
         AND (CAST($8 AS BIGINT) = 0 OR h.stage IN {ints:$9}) \
         AND CASE WHEN CAST($10 AS BIGINT) = 0 THEN TRUE ELSE h.arm IN {ints:$11} END \
         AND CASE WHEN CAST($13 AS BIGINT) = 0 THEN TRUE \
         ELSE EXISTS (SELECT l.lane_id FROM lane l WHERE l.part = $1 \
         AND l.lane_id = h.lane_id AND l.route IN {texts:$14}) END \
         ORDER BY k.case_no LIMIT $12"
    );
    LAST_CASE = "SELECT COALESCE(MAX(case_no), 0) FROM case_head \
        WHERE part = $1 AND portfolio_no = $2";
    // The next 5,000 cases of the tenant at most, by number.
    HEADLESS = "SELECT s.case_no FROM (SELECT c.case_no, c.portfolio_no FROM loan_case c \
            WHERE c.part = $1 AND c.case_no > $3 AND c.case_no <= $4 \
            ORDER BY c.case_no LIMIT 5000) AS s \
        LEFT JOIN case_head h ON h.part = $1 AND h.case_no = s.case_no \
        WHERE s.portfolio_no = $2 AND h.case_no IS NULL";
    LIST_HEADS_OF_DEBTOR = concat!(
        "SELECT ", head_columns!("h."), ", ", route_column!(), " FROM case_head k CROSS JOIN case_head h \
         WHERE k.part = $1 AND k.debtor_no = $15 AND k.case_no > $3 \
         AND h.part = $1 AND h.case_no = k.case_no AND h.portfolio_no = $2 \
         AND (CAST($4 AS BIGINT) = 0 OR h.state IN {ints:$5}) \
         AND (CAST($6 AS BIGINT) = 0 OR h.recovery_group IN {ints:$7}) \
         AND (CAST($8 AS BIGINT) = 0 OR h.stage IN {ints:$9}) \
         AND CASE WHEN CAST($10 AS BIGINT) = 0 THEN TRUE ELSE h.arm IN {ints:$11} END \
         AND CASE WHEN CAST($13 AS BIGINT) = 0 THEN TRUE \
         ELSE EXISTS (SELECT l.lane_id FROM lane l WHERE l.part = $1 \
         AND l.lane_id = h.lane_id AND l.route IN {texts:$14}) END \
         ORDER BY k.case_no LIMIT $12"
    );
    // A named cross-part scan: the roll-over reads keys of all parts by time.
    DUE_FOR_REVIEW = "SELECT part, case_no, review_at FROM case_head \
        WHERE review_at <= $1 ORDER BY review_at, part, case_no LIMIT 1000";
}

const INT: Column = Column::Int;

pub(crate) const INSERT_CASES: Batch = Batch {
    text: "INSERT INTO loan_case (part, case_no, portfolio_no, case_id, history, history_version) \
        VALUES {rows}",
    fixed: 0,
    columns: &[INT, INT, INT, Column::Text, Column::Blob, INT],
};

// The numbers stand in an IN besides the join: SQLite takes a long list of rows for
// a huge one, and would walk through the tenant to join it.
pub(crate) const SAVE_HISTORIES: Batch = Batch {
    text: "WITH v(case_no, history) AS (VALUES {rows}) \
        UPDATE loan_case SET history = v.history, history_version = $2 FROM v \
        WHERE loan_case.part = $1 AND loan_case.case_no = v.case_no \
        {sqlite:AND loan_case.case_no IN (SELECT case_no FROM v)}",
    fixed: 2,
    columns: &[INT, Column::Blob],
};

pub(crate) const SAVE_HEADS: Batch = Batch {
    text: concat!(
        "INSERT INTO case_head (part, ",
        head_columns!(""),
        ") VALUES {rows} \
         ON CONFLICT (part, case_no) DO UPDATE SET \
         portfolio_no = excluded.portfolio_no, debtor_no = excluded.debtor_no, \
         case_seq = excluded.case_seq, record_time = excluded.record_time, \
         as_of = excluded.as_of, ledger_sequence = excluded.ledger_sequence, \
         absorb_at = excluded.absorb_at, episode = excluded.episode, state = excluded.state, \
         close_reason = excluded.close_reason, \
         overdue_amount_minor = excluded.overdue_amount_minor, \
         oldest_due_date = excluded.oldest_due_date, stage = excluded.stage, \
         recovery_group = excluded.recovery_group, score = excluded.score, \
         priority = excluded.priority, rule_set_id = excluded.rule_set_id, \
         rank_date = excluded.rank_date, lane_id = excluded.lane_id, \
         review_at = excluded.review_at, hold_until = excluded.hold_until, \
         park_until = excluded.park_until, arm = excluded.arm"
    ),
    fixed: 0,
    columns: &[INT; 25],
};

/// All batches of this file.
#[cfg(test)]
pub(crate) const BATCHES: &[Batch] = &[INSERT_CASES, SAVE_HISTORIES, SAVE_HEADS];

row! {
    struct KnownRow {
        case_id: String,
        head: HeadRow,
    }
}

/// Finds cases of a portfolio by their ids; those that are not stored are left out.
pub(crate) async fn find_by_id<'a>(
    tx: &mut Tx,
    part: Part,
    portfolio_no: PortfolioNo,
    case_ids: impl IntoIterator<Item = &'a str>,
) -> Result<HashMap<String, Readable<KnownCase>>, StoreError> {
    let mut missing: BTreeSet<&str> = case_ids.into_iter().collect();
    let list = text_list(missing.iter().copied());
    let rows: Vec<KnownRow> =
        tx.fetch_all(FIND_BY_ID, params![part.0, portfolio_no.0, list]).await?;
    let mut found = HashMap::with_capacity(rows.len());
    for row in rows {
        let known = |head| KnownCase { case_id: row.case_id.clone(), head };
        let read = readable(row.head.head(part))?.map(known);
        missing.remove(row.case_id.as_str());
        found.insert(row.case_id, read);
    }
    if !missing.is_empty() {
        let params = params![part.0, portfolio_no.0, text_list(missing)];
        let rows: Vec<(String, i64)> = tx.fetch_all(NUMBERS_OF, params).await?;
        let headless = |case_no| Err(Damage::missing("case_head", part, case_no));
        found.extend(rows.into_iter().map(|(case_id, case_no)| (case_id, headless(case_no))));
    }
    Ok(found)
}

row! {
    struct ContentRow {
        case_no: i64,
        case_id: String,
        history: Vec<u8>,
        facts: Option<Vec<u8>>,
        facts_version: Option<i64>,
    }
}

impl ContentRow {
    fn content(self, part: Part) -> Result<(String, CaseContent), StoreError> {
        let place = |table| Place { table, part: part.0, key: self.case_no };
        let (Some(facts), Some(version)) = (self.facts, self.facts_version) else {
            return Err(Damage::missing("case_source", part, self.case_no).into());
        };
        if version > FACTS_VERSION {
            return Err(place("case_source").corrupt(format!("facts_version {version} is newer")));
        }
        let content = CaseContent {
            facts: facts_from(&facts, place("case_source"))?,
            history: history_from(&self.history, place("loan_case"))?,
        };
        Ok((self.case_id, content))
    }
}

/// Loads what cases are ranked from, with the callers' ids of them. Every case that
/// was asked for has an answer.
pub(crate) async fn load_content(
    tx: &mut Tx,
    part: Part,
    case_nos: impl IntoIterator<Item = CaseNo>,
) -> Result<HashMap<CaseNo, Readable<(String, CaseContent)>>, StoreError> {
    let missing = |case_no: CaseNo| Damage::missing("loan_case", part, case_no.0);
    let mut found: HashMap<CaseNo, Readable<(String, CaseContent)>> =
        case_nos.into_iter().map(|case_no| (case_no, Err(missing(case_no)))).collect();
    let list = int_list(found.keys().map(|case_no| case_no.0));
    let rows: Vec<ContentRow> = tx.fetch_all(LOAD_CONTENT, params![part.0, list]).await?;
    for row in rows {
        let case_no = CaseNo(row.case_no);
        found.insert(case_no, readable(row.content(part))?);
    }
    Ok(found)
}

/// What one case is ranked from, with the caller's id of it.
///
/// # Errors
/// `Corrupt` if it cannot be read.
pub(crate) async fn load_content_of(
    tx: &mut Tx,
    part: Part,
    case_no: CaseNo,
) -> Result<(String, CaseContent), StoreError> {
    let mut found = load_content(tx, part, [case_no]).await?;
    let missing = || Err(Damage::missing("loan_case", part, case_no.0));
    Ok(found.remove(&case_no).unwrap_or_else(missing)?)
}

/// The callers' ids of cases, with their portfolios.
pub(crate) async fn load_ids(
    tx: &mut Tx,
    part: Part,
    case_nos: impl IntoIterator<Item = CaseNo>,
) -> Result<HashMap<CaseNo, (PortfolioNo, String)>, StoreError> {
    let list = int_list(case_nos.into_iter().map(|case_no| case_no.0));
    let rows: Vec<(i64, i64, String)> = tx.fetch_all(LOAD_IDS, params![part.0, list]).await?;
    Ok(rows
        .into_iter()
        .map(|(case_no, portfolio_no, id)| (CaseNo(case_no), (PortfolioNo(portfolio_no), id)))
        .collect())
}

/// The debtors of cases; a case without a head is left out.
pub(crate) async fn debtors_of(
    tx: &mut Tx,
    part: Part,
    case_nos: impl IntoIterator<Item = CaseNo>,
) -> Result<HashMap<CaseNo, DebtorNo>, StoreError> {
    let list = int_list(case_nos.into_iter().map(|case_no| case_no.0));
    let rows: Vec<(i64, i64)> = tx.fetch_all(DEBTORS_OF, params![part.0, list]).await?;
    Ok(rows
        .into_iter()
        .map(|(case_no, debtor_no)| (CaseNo(case_no), DebtorNo(debtor_no)))
        .collect())
}

row! {
    /// A head with its place in the queue.
    struct PlacedRow {
        head: HeadRow,
        place: PlaceRow,
    }
}

impl PlacedRow {
    fn placed(self, part: Part) -> Result<(CaseHead, Option<QueueRow>), StoreError> {
        let head = self.head.head(part)?;
        let place = self.place.queue_row(part, head.case_no)?;
        if place.is_none() && head.state == CaseState::Open {
            return Err(Damage::missing("case_q", part, head.case_no.0).into());
        }
        Ok((head, place))
    }
}

/// A case of a debtor: whose it is, its number, and where it stands with its row in
/// the queue if it ever had one.
pub(crate) type CaseOfDebtor = (DebtorNo, CaseNo, Readable<(CaseHead, Option<QueueRow>)>);

/// Where all cases of some debtors stand, by debtor and case.
pub(crate) async fn load_of_debtors(
    tx: &mut Tx,
    part: Part,
    debtor_nos: impl IntoIterator<Item = DebtorNo>,
    lock: Lock,
) -> Result<Vec<CaseOfDebtor>, StoreError> {
    let list = int_list(debtor_nos.into_iter().map(|debtor_no| debtor_no.0));
    let rows: Vec<PlacedRow> =
        tx.fetch_locked(LOAD_OF_DEBTORS, params![part.0, list], lock).await?;
    rows.into_iter()
        .map(|row| {
            let (debtor_no, case_no) = row.head.numbers();
            Ok((debtor_no, case_no, readable(row.placed(part))?))
        })
        .collect()
}

/// Which heads of a portfolio to list; empty filters hold for all.
#[derive(Clone, Debug, Default)]
pub(crate) struct HeadFilter {
    pub(crate) after: i64,
    pub(crate) states: Vec<i64>,
    pub(crate) groups: Vec<i64>,
    pub(crate) stages: Vec<i64>,
    pub(crate) arms: Vec<i64>,
    pub(crate) routes: Vec<Route>,
    pub(crate) debtor_no: Option<DebtorNo>,
    pub(crate) limit: usize,
}

impl HeadFilter {
    /// Whether every case of the portfolio fits.
    pub(crate) fn fits_all(&self) -> bool {
        let listed = [&self.states, &self.groups, &self.stages, &self.arms];
        let listed = listed.iter().all(|one| one.is_empty()) && self.routes.is_empty();
        listed && self.debtor_no.is_none()
    }
}

/// Lists heads of a portfolio by case number.
pub(crate) async fn list_heads(
    tx: &mut Tx,
    part: Part,
    portfolio_no: PortfolioNo,
    filter: HeadFilter,
) -> Result<Vec<(CaseNo, Readable<CaseHead>)>, StoreError> {
    let mut params = params![
        part.0,
        portfolio_no.0,
        filter.after,
        i64::from(!filter.states.is_empty()),
        int_list(filter.states),
        i64::from(!filter.groups.is_empty()),
        int_list(filter.groups),
        i64::from(!filter.stages.is_empty()),
        int_list(filter.stages),
        i64::from(!filter.arms.is_empty()),
        int_list(filter.arms),
        i64::try_from(filter.limit).unwrap_or(i64::MAX),
        i64::from(!filter.routes.is_empty()),
        text_list(filter.routes.iter().map(Route::label)),
    ];
    let text = match filter.debtor_no {
        Some(debtor_no) => {
            params.extend(params![debtor_no.0]);
            LIST_HEADS_OF_DEBTOR
        }
        None => LIST_HEADS,
    };
    let rows: Vec<HeadRow> = tx.fetch_all(text, params).await?;
    rows.into_iter().map(|row| Ok((row.numbers().1, readable(row.head(part))?))).collect()
}

/// The last case of a portfolio; number 0 where it has none.
pub(crate) async fn last_case(
    tx: &mut Tx,
    part: Part,
    portfolio_no: PortfolioNo,
) -> Result<CaseNo, StoreError> {
    let last: Option<(i64,)> =
        tx.fetch_optional(LAST_CASE, params![part.0, portfolio_no.0]).await?;
    Ok(CaseNo(last.map_or(0, |(case_no,)| case_no)))
}

/// Those of some cases that belong to a portfolio, by case number.
pub(crate) async fn heads_of(
    tx: &mut Tx,
    part: Part,
    portfolio_no: PortfolioNo,
    case_nos: impl IntoIterator<Item = CaseNo>,
) -> Result<Vec<(CaseNo, Readable<CaseHead>)>, StoreError> {
    let list = int_list(case_nos.into_iter().map(|case_no| case_no.0));
    let rows: Vec<HeadRow> = tx.fetch_all(HEADS_OF, params![part.0, portfolio_no.0, list]).await?;
    rows.into_iter().map(|row| Ok((row.numbers().1, readable(row.head(part))?))).collect()
}

/// Cases of a portfolio behind one number up to another that have no head, although
/// every case has: at most 5,000 numbers of the tenant are looked at.
pub(crate) async fn headless(
    tx: &mut Tx,
    part: Part,
    portfolio_no: PortfolioNo,
    (after, to): (i64, i64),
) -> Result<Vec<(CaseNo, Damage)>, StoreError> {
    let rows: Vec<(i64,)> =
        tx.fetch_all(HEADLESS, params![part.0, portfolio_no.0, after, to]).await?;
    let lost = |(case_no,)| (CaseNo(case_no), Damage::missing("case_head", part, case_no));
    Ok(rows.into_iter().map(lost).collect())
}

/// Keys of cases whose rank or place time may have changed, the earliest first;
/// at most 1,000, of all parts.
pub(crate) async fn due_for_review(tx: &mut Tx, now: Micros) -> Result<Vec<DueKey>, StoreError> {
    due_keys(tx, DUE_FOR_REVIEW, now).await
}

/// Writes new cases: ids and history. Heads and documents are written apart.
pub(crate) async fn insert_cases(
    tx: &mut Tx,
    part: Part,
    cases: &[NewCase<'_>],
) -> Result<(), StoreError> {
    let mut rows = Vec::with_capacity(cases.len() * INSERT_CASES.columns.len());
    for case in cases {
        rows.extend(params![
            part.0,
            case.head.case_no.0,
            case.head.portfolio_no.0,
            case.case_id,
            history_to(case.history),
            FACTS_VERSION,
        ]);
    }
    tx.execute_batch(INSERT_CASES, vec![], rows).await?;
    Ok(())
}

/// Rewrites histories.
pub(crate) async fn save_histories(
    tx: &mut Tx,
    part: Part,
    histories: &[(CaseNo, &History)],
) -> Result<(), StoreError> {
    let mut rows = Vec::with_capacity(histories.len() * SAVE_HISTORIES.columns.len());
    for (case_no, history) in histories {
        rows.extend(params![case_no.0, history_to(history)]);
    }
    tx.execute_batch(SAVE_HISTORIES, params![part.0, FACTS_VERSION], rows).await?;
    Ok(())
}

/// Writes or replaces where cases stand.
pub(crate) async fn save_heads<'a>(
    tx: &mut Tx,
    part: Part,
    heads: impl IntoIterator<Item = &'a CaseHead>,
) -> Result<(), StoreError> {
    let mut rows = Vec::new();
    for head in heads {
        head.values(part, &mut rows);
    }
    tx.execute_batch(SAVE_HEADS, vec![], rows).await?;
    Ok(())
}
