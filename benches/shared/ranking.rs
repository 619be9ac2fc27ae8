//! Rule sets and cases to rank by themselves, without a service.

use std::hint::black_box;
use std::time::Instant;

use arrears::model::{Day, Facts, History, LocalDays, Micros, RankingSettings, RuleSetId};
use arrears::scoring::{CaseInput, FEATURE_VERSION, RuleSet, RuleSetDefinition};

/// As of when cases are ranked.
pub(crate) const TODAY: Day = Day(20_600);

/// Days of a place whose clocks show UTC.
struct Utc;

impl LocalDays for Utc {
    fn day_of(&self, instant: Micros) -> Day {
        Day(i32::try_from(instant.0.div_euclid(Micros::DAY)).expect("instants of our time"))
    }

    fn start_of(&self, day: Day) -> Micros {
        Micros(i64::from(day.0) * Micros::DAY)
    }
}

/// The rule set of scorecards.
pub(crate) fn compile(scorecard_yaml: String, business_scorecard_yaml: Option<String>) -> RuleSet {
    let ranking = RankingSettings::default();
    let definition = RuleSetDefinition {
        scorecard_yaml,
        business_scorecard_yaml,
        ranking,
        experiment: None,
        feature_version: FEATURE_VERSION,
    };
    RuleSet::compile(RuleSetId(1), &definition).expect("the scorecards are sound")
}

/// A case of these facts, of which nothing is known beside.
pub(crate) fn case<'a>(facts: &'a Facts, history: &'a History) -> CaseInput<'a> {
    let (as_of, case_seq) = (Micros(0), 1);
    CaseInput { facts, history, debtor_id: "d", as_of, case_seq, today: TODAY, days: &Utc }
}

/// Milliseconds that some work takes.
pub(crate) fn millis<T>(work: impl FnOnce() -> T) -> f64 {
    let began = Instant::now();
    black_box(work());
    began.elapsed().as_secs_f64() * 1_000.0
}
