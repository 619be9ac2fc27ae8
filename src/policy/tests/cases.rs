//! The cases of `tests/testdata/policy`: one loop reads every file. Instants are
//! written as `2026-03-08T07:59[America/New_York]` or `2026-03-08T12:00Z`.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::gates::{ready, settings};
use super::{instant, zone};
use crate::model::{ContactPolicy, DayHours, Micros, PlainPolicy};
use crate::policy::{Calendar, GateInput, Window, ZoneSet, failing_gates};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    now: String,
    #[serde(default = "utc")]
    portfolio_zone: String,
    #[serde(default)]
    zones: Vec<String>,
    /// Weekdays to hours; absent = those of the plain policy.
    hours: Option<Vec<Hours>>,
    #[serde(default)]
    always: bool,
    attempts_per_day: Option<i32>,
    attempts_per_week: Option<i32>,
    #[serde(default)]
    attempts: Vec<String>,
    #[serde(default)]
    talk_minutes: i64,
    debtor_hold_until: Option<String>,
    park_until: Option<String>,
    expect: Expect,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Hours {
    weekdays: Vec<i32>,
    start: String,
    end: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    open_until: Option<String>,
    /// An instant, or `never`.
    closed_until: Option<String>,
    /// An instant, or `now`.
    next_allowed: Option<String>,
    gates: Option<Vec<String>>,
    /// Minutes of contact from `now` up to the instant, and how many there are.
    open_minutes: Option<(String, i64)>,
}

fn utc() -> String {
    "UTC".to_owned()
}

/// An instant, or the end of time.
fn instant_or_never(text: &str) -> Micros {
    if text == "never" { Micros::NEVER } else { instant(text) }
}

fn minute(text: &str) -> i32 {
    let (hours, minutes) = text.split_once(':').expect("hh:mm");
    let number = |text: &str| text.parse::<i32>().expect("a number");
    number(hours) * 60 + number(minutes)
}

impl Case {
    fn policy(&self) -> ContactPolicy {
        let mut plain = PlainPolicy::default();
        if let Some(hours) = &self.hours {
            plain.hours = hours.iter().flat_map(Hours::of_days).collect();
            plain.hours.sort();
        }
        plain.attempts_per_day = self.attempts_per_day.unwrap_or(plain.attempts_per_day);
        plain.attempts_per_week = self.attempts_per_week.unwrap_or(plain.attempts_per_week);
        if self.always { ContactPolicy::Always } else { ContactPolicy::Plain(plain) }
    }

    fn check(&self, file: &str) {
        let name = format!("{file}: {}", self.name);
        let (now, policy) = (instant(&self.now), self.policy());
        let zones = ZoneSet::stored(self.zones.iter().map(String::as_str));
        let calendar = Calendar::new(&policy, &zone(&self.portfolio_zone), &zones);
        let window = calendar.open_for(now, self.talk_minutes * Micros::MINUTE);
        let attempts: Vec<Micros> = self.attempts.iter().map(|at| instant(at)).collect();
        let expect = &self.expect;
        let mut checks = 0;
        if let Some(until) = &expect.open_until {
            assert_eq!(window, Window::Open { until: instant_or_never(until) }, "{name}");
            checks += 1;
        }
        if let Some(next) = &expect.closed_until {
            let next = Some(instant_or_never(next)).filter(|next| *next != Micros::NEVER);
            assert_eq!(window, Window::Closed { next }, "{name}");
            checks += 1;
        }
        if let Some(next) = &expect.next_allowed {
            let next = (next != "now").then(|| instant(next));
            assert_eq!(calendar.next_allowed(&attempts, now), next, "{name}");
            checks += 1;
        }
        if let Some((to, minutes)) = &expect.open_minutes {
            assert_eq!(open_minutes(&calendar, now, instant(to)), *minutes, "{name}");
            checks += 1;
        }
        if let Some(gates) = &expect.gates {
            assert_eq!(self.failing(&calendar, &attempts, now), *gates, "{name}");
            checks += 1;
        }
        assert!(checks > 0, "{name} expects nothing");
    }

    fn failing(&self, calendar: &Calendar, attempts: &[Micros], now: Micros) -> Vec<String> {
        let input = GateInput {
            debtor_hold_until: self.debtor_hold_until.as_deref().map(instant_or_never),
            park_until: self.park_until.as_deref().map(instant_or_never),
            attempts,
            ..ready(now)
        };
        let settings = settings(self.policy(), &self.portfolio_zone);
        failing_gates(&input, &settings, calendar, now)
            .iter()
            .map(|failed| format!("{:?}", failed.gate))
            .collect()
    }
}

impl Hours {
    fn of_days(&self) -> Vec<DayHours> {
        let (start_minute, end_minute) = (minute(&self.start), minute(&self.end));
        self.weekdays
            .iter()
            .map(|weekday| DayHours { weekday: *weekday, start_minute, end_minute })
            .collect()
    }
}

/// Minutes of contact, found by walking from one change to the next.
fn open_minutes(calendar: &Calendar, from: Micros, to: Micros) -> i64 {
    let (mut at, mut open) = (from, 0);
    while at < to {
        let next = match calendar.window(at) {
            Window::Open { until } => {
                open += until.min(to).0 - at.0;
                until
            }
            Window::Closed { next } => next.unwrap_or(to),
        };
        at = next;
    }
    open / Micros::MINUTE
}

#[test]
fn every_case_of_the_data_files_holds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/testdata/policy");
    let mut files: Vec<PathBuf> = fs::read_dir(&folder)
        .expect("the folder of the cases")
        .map(|entry| entry.expect("a file of the cases").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    files.sort();
    let mut cases = 0;
    for path in &files {
        let file = path.file_name().expect("a file").to_string_lossy().into_owned();
        let text = fs::read_to_string(path).expect("a readable file");
        let read: File = serde_saphyr::from_str(&text).unwrap_or_else(|e| panic!("{file}: {e}"));
        read.cases.iter().for_each(|case| case.check(&file));
        cases += read.cases.len();
    }
    assert!(cases >= 40, "only {cases} cases in {}", folder.display());
}
