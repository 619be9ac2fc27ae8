//! What a claim reads: the heads of lanes, and the ready rows of lanes from a
//! cursor on. Plain reads; nothing here changes a row.

use crate::model::{CaseNo, Part};

use super::super::StoreError;
use super::super::db::{Tx, Value, int_list, params, statements};

/// How many lanes one probe reads.
pub(crate) const PROBE_LANES: usize = 8;

/// One lane of a probe: its ready rows after a place, best first. Literal limits
/// keep the plan an index range scan.
macro_rules! lane {
    ($key:literal, $limit:literal, $lane:literal, $after_key:literal, $after_case:literal) => {
        concat!(
            "SELECT lane_id, ",
            $key,
            " AS sort_key, case_no FROM (SELECT lane_id, ",
            $key,
            ", case_no FROM case_q WHERE part = $1 AND lane_id = ",
            $lane,
            " AND state = 1 AND (",
            $key,
            ", case_no) > (",
            $after_key,
            ", ",
            $after_case,
            ") ORDER BY ",
            $key,
            ", case_no LIMIT ",
            $limit,
            ") AS lane"
        )
    };
}

macro_rules! probe {
    ($key:literal, $limit:literal) => {
        concat!(
            lane!($key, $limit, "$2", "$3", "$4"),
            " UNION ALL ",
            lane!($key, $limit, "$5", "$6", "$7"),
            " UNION ALL ",
            lane!($key, $limit, "$8", "$9", "$10"),
            " UNION ALL ",
            lane!($key, $limit, "$11", "$12", "$13"),
            " UNION ALL ",
            lane!($key, $limit, "$14", "$15", "$16"),
            " UNION ALL ",
            lane!($key, $limit, "$17", "$18", "$19"),
            " UNION ALL ",
            lane!($key, $limit, "$20", "$21", "$22"),
            " UNION ALL ",
            lane!($key, $limit, "$23", "$24", "$25")
        )
    };
}

statements! {
    HEADS = "SELECT l.value AS lane_id, \
        (SELECT q.rank FROM case_q q WHERE q.part = $1 AND q.lane_id = l.value AND q.state = 1 \
            ORDER BY q.rank, q.case_no LIMIT 1) AS first_rank, \
        (SELECT q.ready_since FROM case_q q WHERE q.part = $1 AND q.lane_id = l.value \
            AND q.state = 1 ORDER BY q.ready_since, q.case_no LIMIT 1) AS first_since \
        FROM {ints:$2} AS l";
    PROBE_16 = probe!("rank", "16");
    PROBE_128 = probe!("rank", "128");
    PROBE_1024 = probe!("rank", "1024");
    PROBE_WAITING_16 = probe!("ready_since", "16");
    PROBE_WAITING_128 = probe!("ready_since", "128");
    PROBE_WAITING_1024 = probe!("ready_since", "1024");
}

/// The best ready row of a lane by each order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LaneHead {
    pub(crate) lane_id: i64,
    /// The smallest rank.
    pub(crate) rank: i64,
    /// The earliest instant since which a row is ready, in microseconds.
    pub(crate) ready_since: i64,
}

/// The heads of those lanes that have ready rows.
pub(crate) async fn heads(
    tx: &mut Tx,
    part: Part,
    lanes: impl IntoIterator<Item = i64>,
) -> Result<Vec<LaneHead>, StoreError> {
    let rows: Vec<(i64, Option<i64>, Option<i64>)> =
        tx.fetch_all(HEADS, params![part.0, int_list(lanes)]).await?;
    Ok(rows
        .into_iter()
        .filter_map(|(lane_id, rank, since)| {
            Some(LaneHead { lane_id, rank: rank?, ready_since: since? })
        })
        .collect())
}

/// By what ready rows are ordered within a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// By rank.
    Rank,
    /// By waiting time, the longest first.
    Waiting,
}

/// How many rows of each lane a probe returns at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Depth {
    Few,
    Some,
    Many,
}

impl Depth {
    /// The depth for so many rows still wanted of all lanes together.
    pub(crate) fn of(wanted: usize) -> Depth {
        match wanted {
            0..=64 => Depth::Few,
            65..=1_024 => Depth::Some,
            _ => Depth::Many,
        }
    }

    /// The limit in rows.
    pub(crate) fn rows(self) -> usize {
        match self {
            Depth::Few => 16,
            Depth::Some => 128,
            Depth::Many => 1_024,
        }
    }
}

/// Where to go on in a lane: after this key and case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) lane_id: i64,
    pub(crate) key: i64,
    pub(crate) case_no: i64,
}

/// A ready row as probed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) lane_id: i64,
    /// The rank or the instant, as the order says.
    pub(crate) key: i64,
    pub(crate) case_no: CaseNo,
}

/// The next ready rows of at most [`PROBE_LANES`] lanes. Rows of one lane come in
/// their order; the lanes come in any.
pub(crate) async fn probe(
    tx: &mut Tx,
    part: Part,
    cursors: &[Cursor],
    order: Order,
    depth: Depth,
) -> Result<Vec<Candidate>, StoreError> {
    debug_assert!(cursors.len() <= PROBE_LANES);
    let sql = match (order, depth) {
        (Order::Rank, Depth::Few) => PROBE_16,
        (Order::Rank, Depth::Some) => PROBE_128,
        (Order::Rank, Depth::Many) => PROBE_1024,
        (Order::Waiting, Depth::Few) => PROBE_WAITING_16,
        (Order::Waiting, Depth::Some) => PROBE_WAITING_128,
        (Order::Waiting, Depth::Many) => PROBE_WAITING_1024,
    };
    let mut params: Vec<Value> = params![part.0];
    for cursor in cursors {
        params.extend(params![cursor.lane_id, cursor.key, cursor.case_no]);
    }
    // An unused cursor names no lane, and no row has none.
    params.resize(1 + 3 * PROBE_LANES, Value::Int(None));
    let rows: Vec<(i64, i64, i64)> = tx.fetch_all(sql, params).await?;
    Ok(rows
        .into_iter()
        .map(|(lane_id, key, case_no)| Candidate { lane_id, key, case_no: CaseNo(case_no) })
        .collect())
}
