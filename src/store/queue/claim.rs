//! What a claim reads: the heads of lanes, and the ready rows of lanes from a
//! cursor on. Plain reads; nothing here changes a row. All rows of an answer come
//! as one text: handing over hundreds of rows one by one takes longer than
//! finding them.

use crate::model::{CaseNo, Part};

use super::super::StoreError;
use super::super::db::{Tx, Value, int_list, params, statements};
use super::super::encode::Place as Row;

/// How many lanes one probe reads at most.
pub(crate) const PROBE_LANES: usize = 64;
/// Up to how many lanes a probe can read more than a few rows of each.
const DEEP_LANES: usize = 8;

/// Lanes of a probe: the ready rows of each after a place of its own and up to one
/// common place, best first. Literal limits keep the plan an index range scan.
macro_rules! lanes {
    ($key:literal $limit:literal $(($lane:literal $after_key:literal $after_case:literal))+) => {
        concat!("SELECT STRING_AGG(lane_id || ',' || sort_key || ',' || case_no, ';') FROM (", $(
            "SELECT lane_id, sort_key, case_no FROM (SELECT lane_id, ", $key, " AS sort_key, ",
            "case_no FROM case_q WHERE part = $1 AND lane_id = ", $lane, " AND state = 1 AND (",
            $key, ", case_no) > (", $after_key, ", ", $after_case, ") AND (",
            $key, ", case_no) <= ($2, $3) ORDER BY ", $key, ", case_no LIMIT ", $limit,
            ") AS lane UNION ALL ",
        )+ "SELECT 0, 0, 0 WHERE 1 = 0) AS s")
    };
}

/// A probe of few lanes.
macro_rules! deep {
    ($key:literal $limit:literal) => {
        lanes!($key $limit
            ("$4" "$5" "$6") ("$7" "$8" "$9") ("$10" "$11" "$12") ("$13" "$14" "$15")
            ("$16" "$17" "$18") ("$19" "$20" "$21") ("$22" "$23" "$24") ("$25" "$26" "$27")
        )
    };
}

/// A probe of many lanes.
macro_rules! wide {
    ($key:literal $limit:literal) => {
        lanes!($key $limit
            ("$4" "$5" "$6") ("$7" "$8" "$9") ("$10" "$11" "$12") ("$13" "$14" "$15")
            ("$16" "$17" "$18") ("$19" "$20" "$21") ("$22" "$23" "$24") ("$25" "$26" "$27")
            ("$28" "$29" "$30") ("$31" "$32" "$33") ("$34" "$35" "$36") ("$37" "$38" "$39")
            ("$40" "$41" "$42") ("$43" "$44" "$45") ("$46" "$47" "$48") ("$49" "$50" "$51")
            ("$52" "$53" "$54") ("$55" "$56" "$57") ("$58" "$59" "$60") ("$61" "$62" "$63")
            ("$64" "$65" "$66") ("$67" "$68" "$69") ("$70" "$71" "$72") ("$73" "$74" "$75")
            ("$76" "$77" "$78") ("$79" "$80" "$81") ("$82" "$83" "$84") ("$85" "$86" "$87")
            ("$88" "$89" "$90") ("$91" "$92" "$93") ("$94" "$95" "$96") ("$97" "$98" "$99")
            ("$100" "$101" "$102") ("$103" "$104" "$105") ("$106" "$107" "$108") ("$109" "$110" "$111")
            ("$112" "$113" "$114") ("$115" "$116" "$117") ("$118" "$119" "$120") ("$121" "$122" "$123")
            ("$124" "$125" "$126") ("$127" "$128" "$129") ("$130" "$131" "$132") ("$133" "$134" "$135")
            ("$136" "$137" "$138") ("$139" "$140" "$141") ("$142" "$143" "$144") ("$145" "$146" "$147")
            ("$148" "$149" "$150") ("$151" "$152" "$153") ("$154" "$155" "$156") ("$157" "$158" "$159")
            ("$160" "$161" "$162") ("$163" "$164" "$165") ("$166" "$167" "$168") ("$169" "$170" "$171")
            ("$172" "$173" "$174") ("$175" "$176" "$177") ("$178" "$179" "$180") ("$181" "$182" "$183")
            ("$184" "$185" "$186") ("$187" "$188" "$189") ("$190" "$191" "$192") ("$193" "$194" "$195")
        )
    };
}

statements! {
    // A lane without ready rows has no heads, and what is joined to nothing is
    // left out.
    HEADS = "SELECT STRING_AGG(lane_id || ',' || first_rank || ',' || first_since, ';') \
        FROM (SELECT l.value AS lane_id, \
        (SELECT q.rank || ',' || q.case_no FROM case_q q WHERE q.part = $1 \
            AND q.lane_id = l.value AND q.state = 1 ORDER BY q.rank, q.case_no LIMIT 1) \
            AS first_rank, \
        (SELECT q.ready_since || ',' || q.case_no FROM case_q q WHERE q.part = $1 \
            AND q.lane_id = l.value AND q.state = 1 ORDER BY q.ready_since, q.case_no LIMIT 1) \
            AS first_since \
        FROM {ints:$2} AS l) AS s";
    PROBE_16 = deep!("rank" "16");
    PROBE_128 = deep!("rank" "128");
    PROBE_1024 = deep!("rank" "1024");
    PROBE_WIDE = wide!("rank" "16");
    PROBE_WAITING_16 = deep!("ready_since" "16");
    PROBE_WAITING_128 = deep!("ready_since" "128");
    PROBE_WAITING_1024 = deep!("ready_since" "1024");
    PROBE_WAITING_WIDE = wide!("ready_since" "16");
}

/// The place of a ready row in an order: the rank or the instant since which it is
/// ready, then the case. No two rows have the same.
pub(crate) type Place = (i64, CaseNo);

/// The first ready row of a lane in each order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LaneHead {
    pub(crate) lane_id: i64,
    /// The row with the smallest rank.
    pub(crate) by_rank: Place,
    /// The row that waits longest; its instant in microseconds.
    pub(crate) by_waiting: Place,
}

/// The heads of those lanes that have ready rows.
pub(crate) async fn heads(
    tx: &mut Tx,
    part: Part,
    lanes: impl IntoIterator<Item = i64>,
) -> Result<Vec<LaneHead>, StoreError> {
    let row = tx.fetch_optional(HEADS, params![part.0, int_list(lanes)]).await?;
    let head = |[lane_id, rank, by_rank, since, by_waiting]: [i64; 5]| LaneHead {
        lane_id,
        by_rank: (rank, CaseNo(by_rank)),
        by_waiting: (since, CaseNo(by_waiting)),
    };
    Ok(rows(row, part)?.into_iter().map(head).collect())
}

/// The rows of an answer that is one text: numbers with commas between them, rows
/// with semicolons. No text is no row.
fn rows<const N: usize>(
    answer: Option<(Option<String>,)>,
    part: Part,
) -> Result<Vec<[i64; N]>, StoreError> {
    let text = answer.and_then(|(text,)| text).unwrap_or_default();
    text.split_terminator(';')
        .map(|row| {
            let mut numbers = row.split(',').map(|number| number.parse().ok());
            let read = std::array::from_fn(|_| numbers.next().flatten());
            let whole = read.iter().all(Option::is_some) && numbers.next().is_none();
            let place = Row { table: "case_q", part: part.0, key: 0 };
            let wrong = || place.corrupt(format!("{row:?} is not {N} numbers"));
            if whole { Ok(read.map(Option::unwrap_or_default)) } else { Err(wrong()) }
        })
        .collect()
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
    /// The depth for so many rows still wanted of so many lanes together.
    pub(crate) fn of(wanted: usize, lanes: usize) -> Depth {
        match wanted {
            _ if lanes > DEEP_LANES => Depth::Few,
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

/// Where to go on in a lane: behind this place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) lane_id: i64,
    pub(crate) after: Place,
}

/// A ready row as probed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) lane_id: i64,
    pub(crate) place: Place,
}

/// The next ready rows of at most [`PROBE_LANES`] lanes up to a place, in no order.
pub(crate) async fn probe(
    tx: &mut Tx,
    part: Part,
    cursors: &[Cursor],
    to: Place,
    (order, depth): (Order, Depth),
) -> Result<Vec<Candidate>, StoreError> {
    debug_assert!(cursors.len() <= PROBE_LANES);
    let wide = cursors.len() > DEEP_LANES;
    let sql = match (order, depth) {
        (Order::Rank, _) if wide => PROBE_WIDE,
        (Order::Rank, Depth::Few) => PROBE_16,
        (Order::Rank, Depth::Some) => PROBE_128,
        (Order::Rank, Depth::Many) => PROBE_1024,
        (Order::Waiting, _) if wide => PROBE_WAITING_WIDE,
        (Order::Waiting, Depth::Few) => PROBE_WAITING_16,
        (Order::Waiting, Depth::Some) => PROBE_WAITING_128,
        (Order::Waiting, Depth::Many) => PROBE_WAITING_1024,
    };
    let mut params: Vec<Value> = params![part.0, to.0, to.1.0];
    for cursor in cursors {
        params.extend(params![cursor.lane_id, cursor.after.0, cursor.after.1.0]);
    }
    // An unused cursor names no lane, and no row has none.
    let lanes = if wide { PROBE_LANES } else { DEEP_LANES };
    params.resize(3 + 3 * lanes, Value::Int(None));
    let row = tx.fetch_optional(sql, params).await?;
    let candidate =
        |[lane_id, key, case_no]: [i64; 3]| Candidate { lane_id, place: (key, CaseNo(case_no)) };
    Ok(rows(row, part)?.into_iter().map(candidate).collect())
}
