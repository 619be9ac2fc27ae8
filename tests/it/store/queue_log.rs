//! What the tables of the queue went through, as the database saw it: triggers
//! of the test's own log every change of a queue's row and of a lease within the
//! transaction that makes it. What is rolled back is not in the log, and its
//! order is that of the commits.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;

use crate::history::{Batch, Change, History, Request, Step, Transition};

/// The service may be writing just then.
const BUSY_WAIT: Duration = Duration::from_secs(10);

const ROW: i64 = 1;
const GRANTED: i64 = 2;
const ENDED: i64 = 3;
const REPORTED: i64 = 4;
const PULLED: i64 = 5;
const PROLONGED: i64 = 6;

const TABLE: &str = "CREATE TABLE queue_log (id INTEGER PRIMARY KEY, kind INTEGER, \
    case_no INTEGER, debtor_no INTEGER, a INTEGER, b INTEGER, c INTEGER, d INTEGER, e INTEGER, \
    f INTEGER, name TEXT)";

const TRIGGERS: &[&str] = &[
    "CREATE TRIGGER log_row AFTER INSERT ON case_q BEGIN \
        INSERT INTO queue_log SELECT NULL, 1, NEW.case_no, h.debtor_no, NEW.state, NEW.lane_id, \
        NEW.rank, NEW.ready_since, NEW.wake_at, NEW.lease_seq, NULL \
        FROM case_head h WHERE h.part = NEW.part AND h.case_no = NEW.case_no; END",
    "CREATE TRIGGER log_row_again AFTER UPDATE ON case_q BEGIN \
        INSERT INTO queue_log SELECT NULL, 1, NEW.case_no, h.debtor_no, NEW.state, NEW.lane_id, \
        NEW.rank, NEW.ready_since, NEW.wake_at, NEW.lease_seq, NULL \
        FROM case_head h WHERE h.part = NEW.part AND h.case_no = NEW.case_no; END",
    "CREATE TRIGGER log_grant AFTER INSERT ON lease BEGIN \
        INSERT INTO queue_log VALUES (NULL, 2, NEW.case_no, NEW.debtor_no, NEW.lease_seq, \
        NEW.reserved, NEW.grant_time, NEW.expire_time, NULL, NULL, NULL); END",
    "CREATE TRIGGER log_end AFTER UPDATE ON lease WHEN OLD.end_kind <> NEW.end_kind BEGIN \
        INSERT INTO queue_log VALUES (NULL, 3, NEW.case_no, NEW.debtor_no, NEW.lease_seq, \
        NEW.end_kind, NEW.end_time, NULL, NULL, NULL, NULL); END",
    "CREATE TRIGGER log_renewal AFTER UPDATE ON lease WHEN OLD.expire_time <> NEW.expire_time BEGIN \
        INSERT INTO queue_log VALUES (NULL, 6, NEW.case_no, NEW.debtor_no, NULL, NULL, NULL, NULL, \
        NULL, NULL, NULL); END",
    "CREATE TRIGGER log_report AFTER INSERT ON report BEGIN \
        INSERT INTO queue_log SELECT NULL, 4, NEW.case_no, h.debtor_no, NEW.lease_seq, NEW.late, \
        NEW.report_time, NULL, NULL, NULL, hex(NEW.request_hash) \
        FROM case_head h WHERE h.part = NEW.part AND h.case_no = NEW.case_no; END",
    "CREATE TRIGGER log_pull AFTER INSERT ON pull BEGIN \
        INSERT INTO queue_log VALUES (NULL, 5, NULL, NULL, NEW.pull_time, NULL, NULL, NULL, NULL, \
        NULL, NEW.request_id); END",
];

const READ: &str = "SELECT id, kind, COALESCE(case_no, 0) AS case_no, \
    COALESCE(debtor_no, 0) AS debtor_no, a, b, c, d, e, f, name \
    FROM queue_log WHERE id > $1 ORDER BY id";

/// One line of the log; what `a` to `f` mean depends on the kind.
#[derive(Clone, Debug)]
struct Entry {
    id: i64,
    kind: i64,
    case_no: i64,
    debtor_no: i64,
    a: Option<i64>,
    b: Option<i64>,
    c: Option<i64>,
    d: Option<i64>,
    e: Option<i64>,
    f: Option<i64>,
    name: Option<String>,
}

impl Entry {
    fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Entry> {
        Ok(Entry {
            id: row.get("id")?,
            kind: row.get("kind")?,
            case_no: row.get("case_no")?,
            debtor_no: row.get("debtor_no")?,
            a: row.get("a")?,
            b: row.get("b")?,
            c: row.get("c")?,
            d: row.get("d")?,
            e: row.get("e")?,
            f: row.get("f")?,
            name: row.get("name")?,
        })
    }
}

/// One request of the service, as committed. A request that touches no lease
/// stands together with the one after it: nobody can tell where it stopped, and to
/// what the two leave behind it makes no difference.
pub(crate) struct Commit {
    pub(crate) transitions: Vec<Transition>,
    /// The named pulls that were given something.
    pub(crate) pulls: Vec<String>,
    pub(crate) granted: usize,
}

/// What the claims of a history had to do with, for tests to see that it was
/// something.
#[derive(Default)]
pub(crate) struct Claims {
    /// Claims that served several named pulls.
    pub(crate) together: usize,
    /// Claims that left ready cases behind, and so had a choice.
    pub(crate) chose: usize,
}

/// The log of one database.
pub(crate) struct QueueLog {
    connection: Connection,
    last: i64,
    transactions: u64,
    at: i64,
    lanes: BTreeSet<i64>,
    /// The newest lease of each case.
    leases: HashMap<i64, i64>,
    /// The end of the running lease of each case.
    until: HashMap<i64, i64>,
}

impl QueueLog {
    /// Begins to log what happens in the database of a folder from now on.
    pub(crate) fn attach(folder: &Path) -> QueueLog {
        let log = QueueLog::open(folder);
        log.connection.execute_batch(TABLE).expect("the log is new");
        for text in TRIGGERS {
            log.connection.execute_batch(text).expect("the trigger is new");
        }
        log
    }

    /// Reads what is logged in the database of a folder from the beginning.
    pub(crate) fn open(folder: &Path) -> QueueLog {
        let connection =
            Connection::open(folder.join("arrears.db")).expect("the database can be opened");
        connection.busy_timeout(BUSY_WAIT).expect("a wait can be set");
        QueueLog {
            connection,
            last: 0,
            transactions: 0,
            at: 0,
            lanes: BTreeSet::new(),
            leases: HashMap::new(),
            until: HashMap::new(),
        }
    }

    /// Every lane that a case ever was ready in.
    pub(crate) fn lanes(&self) -> Vec<i64> {
        self.lanes.iter().copied().collect()
    }

    fn entries(&self) -> Vec<Entry> {
        let mut statement = self.connection.prepare_cached(READ).expect("the log can be asked");
        let entries = statement.query_map([self.last], Entry::read).expect("the log can be read");
        entries.collect::<Result<_, _>>().expect("a line can be read")
    }

    /// What was committed since this was last asked. `now` is the instant at which
    /// all of it happened, where the test knows; else it is told from the rows as
    /// well as they know it.
    pub(crate) fn read(&mut self, now: Option<i64>) -> Vec<Commit> {
        let entries = self.entries();
        self.last = entries.last().map_or(self.last, |entry| entry.id);
        let mut requests: Vec<Vec<Entry>> = Vec::new();
        for entry in entries {
            let leases = |kind: i64| matches!(kind, GRANTED | ENDED | PROLONGED);
            match requests.last_mut() {
                // Of every request the leases are written last.
                Some(request)
                    if leases(entry.kind) || !request.last().is_some_and(|e| leases(e.kind)) =>
                {
                    request.push(entry);
                }
                _ => requests.push(vec![entry]),
            }
        }
        requests.into_iter().map(|request| self.commit(&request, now)).collect()
    }

    /// Adds to a history what was committed since this was last asked, and the
    /// claims: what each was asked for is told from the names of the pulls it
    /// served.
    pub(crate) fn read_into(&mut self, history: &mut History) -> Claims {
        let History { records, transitions, batches, .. } = history;
        let asked: HashMap<&str, usize> = records
            .iter()
            .filter_map(|record| match &record.step {
                Step::Invoke(Request::Lease { request_id, max }) => {
                    Some((request_id.as_deref()?, *max))
                }
                _ => None,
            })
            .collect();
        let mut claims = Claims::default();
        let mut ready: HashSet<i64> = HashSet::new();
        for commit in self.read(None) {
            let wanted: usize = commit.pulls.iter().map(|name| asked[name.as_str()]).sum();
            claims.together += usize::from(commit.pulls.len() > 1);
            if let Some(first) = commit.transitions.first().filter(|_| commit.granted > 0) {
                let (transaction, lanes) = (first.transaction, self.lanes());
                batches.push(Batch { transaction, lanes, wanted });
            }
            for transition in &commit.transitions {
                match transition.change {
                    Change::Ready { .. } => ready.insert(transition.case),
                    _ => ready.remove(&transition.case),
                };
            }
            claims.chose += usize::from(commit.granted > 0 && !ready.is_empty());
            transitions.extend(commit.transitions);
        }
        claims
    }

    fn commit(&mut self, request: &[Entry], now: Option<i64>) -> Commit {
        self.transactions += 1;
        self.at = request.iter().filter_map(known_time).fold(self.at, i64::max);
        let at = now.unwrap_or(self.at);
        let reserved: HashMap<(i64, i64), bool> = request
            .iter()
            .filter(|entry| entry.kind == GRANTED)
            .map(|entry| ((entry.case_no, entry.a.unwrap_or(0)), entry.b == Some(1)))
            .collect();
        let mut reports: HashMap<(i64, i64), u64> = HashMap::new();
        let (mut transitions, mut late) = (Vec::new(), Vec::new());
        let transaction = self.transactions;
        let transition = |entry: &Entry, change: Change| Transition {
            at,
            transaction,
            case: entry.case_no,
            debtor: entry.debtor_no,
            change,
        };
        for entry in request {
            match entry.kind {
                ROW => {
                    if let Some(change) = self.row(entry, &reserved) {
                        transitions.push(transition(entry, change));
                    }
                }
                REPORTED => {
                    let (seq, content) = (entry.a.unwrap_or(0), content(entry));
                    if entry.b == Some(1) {
                        late.push(transition(entry, Change::Late { seq, content }));
                    } else {
                        reports.insert((entry.case_no, seq), content);
                    }
                }
                ENDED => {
                    let change = ended(entry, &reports);
                    // It ended before the row moved on.
                    let moved = transitions.iter().rposition(|row| row.case == entry.case_no);
                    let place = moved.unwrap_or(transitions.len());
                    transitions.insert(place, transition(entry, change));
                }
                _ => {}
            }
        }
        // A late report may be what ends a lease that nobody has swept yet.
        transitions.extend(late);
        let pulled = request.iter().filter(|entry| entry.kind == PULLED);
        Commit {
            transitions,
            pulls: pulled.filter_map(|entry| entry.name.clone()).collect(),
            granted: reserved.len(),
        }
    }

    /// What a row of the queue that was written says that is new.
    fn row(&mut self, entry: &Entry, reserved: &HashMap<(i64, i64), bool>) -> Option<Change> {
        let case = entry.case_no;
        let (until, seq) = (entry.e.unwrap_or(0), entry.f.unwrap_or(0));
        match entry.a {
            Some(1) => {
                let lane = entry.b.unwrap_or(0);
                self.lanes.insert(lane);
                let (rank, since) = (entry.c.unwrap_or(0), entry.d.unwrap_or(0));
                Some(Change::Ready { lane, rank, since })
            }
            Some(2) => {
                let newer = self.leases.insert(case, seq) != Some(seq);
                let prolonged = self.until.insert(case, until) != Some(until);
                let reserved = reserved.get(&(case, seq)).copied().unwrap_or(false);
                match (newer, prolonged) {
                    (true, _) => Some(Change::Leased { seq, until, reserved }),
                    (false, true) => Some(Change::Renewed { seq, until }),
                    (false, false) => None,
                }
            }
            _ => Some(Change::Waiting { wake_at: entry.e }),
        }
    }
}

/// An instant that an entry knows to have come.
fn known_time(entry: &Entry) -> Option<i64> {
    match entry.kind {
        ROW => entry.d,
        PULLED => entry.a,
        _ => entry.c,
    }
}

fn ended(entry: &Entry, reports: &HashMap<(i64, i64), u64>) -> Change {
    let seq = entry.a.unwrap_or(0);
    match entry.b {
        Some(1) => {
            let content = reports.get(&(entry.case_no, seq)).copied().unwrap_or(0);
            Change::Reported { seq, content }
        }
        Some(2) => Change::Released { seq, counted: false },
        Some(4) => Change::Expired { seq },
        _ => Change::Released { seq, counted: true },
    }
}

/// The beginning of the hash of a report.
fn content(entry: &Entry) -> u64 {
    let name = entry.name.as_deref().unwrap_or_default();
    u64::from_str_radix(name.get(..16).unwrap_or_default(), 16).unwrap_or(0)
}
