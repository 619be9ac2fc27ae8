//! What a run leaves behind, and its form as JSON lines.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

/// Names a lease: the case and the number of the lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LeaseId {
    pub case: i64,
    pub seq: i64,
}

/// One line of a client: something was asked, or an answer came.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Joins the invocation and its end.
    pub call: u64,
    /// Microseconds of the clock all clients share.
    pub time: i64,
    pub step: Step,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Step {
    Invoke(Request),
    Ok(Answer),
    /// It certainly did not happen.
    Fail(String),
    /// Nobody knows whether it happened: the answer was lost.
    Info(String),
}

/// One call for one thing: a call for several is recorded as several.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Request {
    /// A case is stored.
    Push { case: i64 },
    /// Work is pulled.
    Lease { request_id: Option<String>, max: usize },
    /// A lease is prolonged to `ttl` microseconds from now.
    Renew { lease: LeaseId, ttl: i64 },
    /// An outcome; equal `content` is the same report.
    Report { lease: LeaseId, content: u64 },
    /// A lease is given back.
    Release { lease: LeaseId },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Answer {
    Pushed,
    Leased(Vec<Grant>),
    Renewed,
    /// The worker was told to stop.
    Stopped,
    Reported {
        disposition: Disposition,
        next: Option<i64>,
    },
    Released,
}

/// A lease as a client was given it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Grant {
    pub lease: LeaseId,
    pub debtor: i64,
    /// Microseconds from the grant to the end of the lease.
    pub lasts: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Disposition {
    Accepted,
    Duplicate,
    Late,
}

/// One line of the server: a row of the queue after a committed change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Transition {
    /// The server's clock.
    pub at: i64,
    /// Rows changed by one transaction carry one number.
    pub transaction: u64,
    pub case: i64,
    pub debtor: i64,
    pub change: Change,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Change {
    /// Ready in a lane, at a place, waiting since.
    Ready {
        lane: i64,
        rank: i64,
        since: i64,
    },
    Leased {
        seq: i64,
        until: i64,
        reserved: bool,
    },
    Renewed {
        seq: i64,
        until: i64,
    },
    /// A report ended the lease.
    Reported {
        seq: i64,
        content: u64,
    },
    /// A report came after the lease and is kept.
    Late {
        seq: i64,
        content: u64,
    },
    Released {
        seq: i64,
        counted: bool,
    },
    Expired {
        seq: i64,
    },
    /// Not ready; until then, or until somebody changes it.
    Waiting {
        wake_at: Option<i64>,
    },
}

/// A claim: which lanes it looked at and how much it wanted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Batch {
    pub transaction: u64,
    pub lanes: Vec<i64>,
    pub wanted: usize,
}

/// What is asked of the server when the run is over.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Closing {
    /// Every case of the database.
    pub found: Vec<Found>,
    /// The cases served when everything was drained, each taken out as it came.
    pub drained: Vec<i64>,
    /// Counts by gate, and what they shall add up to.
    pub gate_counts: Vec<i64>,
    pub case_count: i64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Found {
    pub case: i64,
    pub place: Place,
    /// Open and not held: it has to come back.
    pub servable: bool,
}

/// Where a row of the queue stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Place {
    Ready,
    Leased,
    Waiting,
}

/// The same question asked of the same state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Preview {
    /// Names state, instant and question.
    pub question: String,
    pub cases: Vec<i64>,
}

/// All the evidence of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    pub records: Vec<Record>,
    pub transitions: Vec<Transition>,
    pub batches: Vec<Batch>,
    pub previews: Vec<Preview>,
    pub closing: Option<Closing>,
}

/// A line of the file.
#[derive(Serialize, Deserialize)]
enum Line {
    Client(Record),
    Server(Transition),
    Batch(Batch),
    Preview(Preview),
    Closing(Closing),
}

/// An invocation with its end.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    pub opening: Opening<'a>,
    /// Nothing if the client died waiting.
    pub ending: Option<Ending<'a>>,
}

#[derive(Clone, Copy, Debug)]
pub struct Opening<'a> {
    pub time: i64,
    pub request: &'a Request,
}

#[derive(Clone, Copy, Debug)]
pub struct Ending<'a> {
    pub time: i64,
    pub step: &'a Step,
}

impl Call<'_> {
    /// The answer, if one came, and when.
    pub fn answer(&self) -> Option<(i64, &Answer)> {
        match self.ending {
            Some(Ending { time, step: Step::Ok(answer) }) => Some((time, answer)),
            _ => None,
        }
    }

    /// Whether it certainly did not happen.
    pub fn failed(&self) -> bool {
        matches!(self.ending, Some(Ending { step: Step::Fail(_), .. }))
    }
}

impl History {
    /// The calls in the order in which they were made.
    pub fn calls(&self) -> Vec<Call<'_>> {
        let mut calls: Vec<Call<'_>> = Vec::new();
        let mut open: HashMap<u64, usize> = HashMap::new();
        for record in &self.records {
            match &record.step {
                Step::Invoke(request) => {
                    open.insert(record.call, calls.len());
                    let opening = Opening { time: record.time, request };
                    calls.push(Call { opening, ending: None });
                }
                step => {
                    let index = open.remove(&record.call).expect("an end follows its invocation");
                    calls[index].ending = Some(Ending { time: record.time, step });
                }
            }
        }
        calls.sort_by_key(|call| call.opening.time);
        calls
    }

    /// The history as JSON lines.
    pub fn to_lines(&self) -> String {
        let records = self.records.iter().cloned().map(Line::Client);
        let transitions = self.transitions.iter().cloned().map(Line::Server);
        let batches = self.batches.iter().cloned().map(Line::Batch);
        let previews = self.previews.iter().cloned().map(Line::Preview);
        let closing = self.closing.iter().cloned().map(Line::Closing);
        records
            .chain(transitions)
            .chain(batches)
            .chain(previews)
            .chain(closing)
            .map(|line| serde_json::to_string(&line).expect("a line has no odd keys") + "\n")
            .collect()
    }

    /// Reads JSON lines; a last line cut off by a kill is left out.
    pub fn from_lines(text: &str) -> Result<History, serde_json::Error> {
        let mut history = History::default();
        let lines: Vec<&str> = text.lines().collect();
        for (index, line) in lines.iter().enumerate() {
            let line = match serde_json::from_str(line) {
                Ok(line) => line,
                Err(_) if index + 1 == lines.len() => break,
                Err(error) => return Err(error),
            };
            match line {
                Line::Client(record) => history.records.push(record),
                Line::Server(transition) => history.transitions.push(transition),
                Line::Batch(batch) => history.batches.push(batch),
                Line::Preview(preview) => history.previews.push(preview),
                Line::Closing(closing) => history.closing = Some(closing),
            }
        }
        Ok(history)
    }
}
