//! Cases as data files: tests/testdata/scoring/*.yaml, read by one loop.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::model::{
    ArrearsMonth, CaseState, ContactPoint, ContactPointState, DebtorKind, Facts, Input, InputKind,
    Promise, PromiseState, RecoveryGroup,
};
use crate::scoring::feature::{FeatureKind, input_kind};
use crate::scoring::month::Month;
use crate::scoring::{Audience, Diagnosis, Dimension, Explanation, RuleSet};

use super::{Case, Day, day, noon, shipped};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DataCase {
    #[expect(dead_code, reason = "for people")]
    about: String,
    today: String,
    case: WrittenCase,
    expect: Expected,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenCase {
    days_past_due: i32,
    overdue_amount_minor: i64,
    #[serde(default)]
    debtor_kind: Option<String>,
    #[serde(default)]
    inputs: BTreeMap<String, String>,
    /// VALID or INVALID, one per contact point.
    #[serde(default)]
    contact_points: Vec<String>,
    /// Months behind, the last one being the last completed month.
    #[serde(default)]
    arrears_profile: Vec<i32>,
    #[serde(default)]
    promises: Vec<WrittenPromise>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenPromise {
    made: String,
    r#for: String,
    amount_minor: i64,
    state: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    state: String,
    stage: String,
    groups: Vec<String>,
    /// The scorecard that ranks it; `consumer` if not given.
    #[serde(default = "consumer")]
    scorecard: String,
    score: Option<i32>,
    /// The first reasons, in their order.
    reasons: Option<Vec<String>>,
    /// All reasons an agent may read, in their order.
    agent_reasons: Option<Vec<String>>,
    diagnosis: Option<Diagnosis>,
    #[serde(default)]
    dimensions: BTreeMap<String, i32>,
    /// The sum of the lines of a term.
    #[serde(default)]
    priority_terms: BTreeMap<String, i32>,
    /// The files whose cases come later in the work order.
    #[serde(default)]
    priority_above: Vec<String>,
}

fn consumer() -> String {
    "consumer".to_owned()
}

fn date(text: &str) -> Day {
    let mut parts = text.split('-').map(|part| part.parse::<u32>().expect("a date is numbers"));
    let mut next = || parts.next().expect("a date has three parts");
    let (year, month, of_month) = (next(), next(), next());
    day(year as i32, month, of_month)
}

fn number(input: Input, word: &str) -> i64 {
    if input.kind() == InputKind::Date {
        return i64::from(date(word).0);
    }
    match input_kind(input) {
        (FeatureKind::Category(_), true) if word == "UNKNOWN" => 1,
        (FeatureKind::Category(names), _) => {
            let found = names.iter().find(|entry| entry.0 == word);
            found.unwrap_or_else(|| panic!("{word} is no value of {}", input.name())).1
        }
        _ => word.parse().expect("a number"),
    }
}

fn contact_point((at, state): (usize, &String)) -> ContactPoint {
    ContactPoint {
        contact_point_id: format!("cp{at}"),
        kind: None,
        time_zone: String::new(),
        jurisdiction: String::new(),
        state: Some(match state.as_str() {
            "VALID" => ContactPointState::Valid,
            "INVALID" => ContactPointState::Invalid,
            other => panic!("{other} is no state of a contact point"),
        }),
    }
}

fn build(written: &DataCase) -> Case {
    let today = date(&written.today);
    let case = &written.case;
    let mut facts = Facts {
        overdue_amount_minor: case.overdue_amount_minor,
        oldest_due_date: Some(today.plus(-case.days_past_due)),
        debtor_kind: case.debtor_kind.as_deref().map(|kind| match kind {
            "PERSON" => DebtorKind::Person,
            "BUSINESS" => DebtorKind::Business,
            other => panic!("{other} is no kind of debtor"),
        }),
        contact_points: case.contact_points.iter().enumerate().map(contact_point).collect(),
        ..Facts::default()
    };
    for (name, word) in &case.inputs {
        let input = Input::from_name(name).unwrap_or_else(|| panic!("{name} is no input"));
        facts.inputs.set(input, number(input, word));
    }
    let first = Month::of(today).plus(-(case.arrears_profile.len() as i32));
    facts.arrears_profile = (0..)
        .zip(&case.arrears_profile)
        .map(|(at, behind)| ArrearsMonth {
            month: first.plus(at).first_day().expect("a month of our time"),
            months_past_due: *behind,
            billed_amount_minor: None,
            paid_amount_minor: None,
        })
        .collect();
    let mut built = Case::new(facts, today);
    built.history.promises = case.promises.iter().map(promise).collect();
    built
}

fn promise(written: &WrittenPromise) -> Promise {
    Promise {
        lease_seq: 1,
        event_time: noon(date(&written.made)),
        promised_amount_minor: written.amount_minor,
        promised_date: date(&written.r#for),
        state: match written.state.as_str() {
            "OPEN" => PromiseState::Open,
            "KEPT" => PromiseState::Kept,
            "BROKEN" => PromiseState::Broken,
            other => panic!("{other} is no state of a promise"),
        },
    }
}

fn read_all() -> BTreeMap<String, DataCase> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/testdata/scoring");
    let files = std::fs::read_dir(folder).expect("the folder of data cases");
    let cases = files.map(|file| {
        let path = file.expect("an entry of the folder").path();
        let name = path.file_stem().expect("a file has a name").to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).expect("a readable file");
        let case = serde_saphyr::from_str(&text);
        let case = case.unwrap_or_else(|error| panic!("{name}: {error}"));
        (name, case)
    });
    cases.collect()
}

#[test]
fn every_data_case_ranks_as_expected() {
    let rules = shipped();
    let cases = read_all();
    assert!(cases.len() >= 10, "only {} data cases", cases.len());
    for (name, written) in &cases {
        check(rules, name, written);
        let own = build(written).rank(rules).rank.priority;
        for other in &written.expect.priority_above {
            let later = build(&cases[other]).rank(rules).rank.priority;
            assert!(own > later, "{name}: {own} is not above the {later} of {other}");
        }
    }
}

fn check(rules: &RuleSet, name: &str, written: &DataCase) {
    let case = build(written);
    let (ranked, explanation) = (case.rank(rules), case.explain(rules));
    let expected = &written.expect;
    let lines = lines(&explanation);
    let state = match ranked.state {
        CaseState::PreDue => "PRE_DUE",
        CaseState::Open => "OPEN",
        CaseState::Closed => "CLOSED",
    };
    assert_eq!(state, expected.state, "{name}");
    assert_eq!(ranked.stage.name(), expected.stage, "{name}");
    assert_eq!(explanation.scorecard_id, expected.scorecard, "{name}");
    let group = RecoveryGroup::letter(ranked.rank.group);
    assert!(expected.groups.iter().any(|one| one == group), "{name} is {group}: {lines}");
    if let Some(score) = expected.score {
        assert_eq!(ranked.rank.score, score, "{name}: {lines}");
    }
    let codes = |audience: Audience| -> Vec<&str> {
        let reasons = explanation.reasons.iter().filter(|reason| reason.audience <= audience);
        reasons.map(|reason| reason.reason_code.as_str()).collect()
    };
    if let Some(reasons) = &expected.reasons {
        let told = codes(Audience::Analyst);
        assert_eq!(&told[..reasons.len().min(told.len())], reasons, "{name}: {told:?}");
    }
    if let Some(reasons) = &expected.agent_reasons {
        assert_eq!(&codes(Audience::Agent), reasons, "{name}");
    }
    if let Some(diagnosis) = expected.diagnosis {
        assert_eq!(explanation.diagnosis, diagnosis, "{name}: {lines}");
    }
    for (dimension, contribution) in &expected.dimensions {
        let subtotal = explanation
            .dimension_subtotals
            .iter()
            .find(|one| Dimension::name(one.dimension) == dimension);
        let subtotal = subtotal.map(|one| one.contribution);
        assert_eq!(subtotal, Some(*contribution), "{name}: {dimension}");
    }
    for (term, points) in &expected.priority_terms {
        let lines = explanation.priority_lines.iter().filter(|line| line.term == *term);
        assert_eq!(lines.map(|line| line.points).sum::<i32>(), *points, "{name}: {term}");
    }
}

fn lines(explanation: &Explanation) -> String {
    let told = explanation.lines.iter().filter(|line| !line.missing && line.contribution != 0);
    let told: Vec<String> =
        told.map(|line| format!("{} {:+}", line.characteristic, line.contribution)).collect();
    let subtotals = &explanation.dimension_subtotals;
    format!("{} = {} {subtotals:?}", explanation.rank.score, told.join(" "))
}
