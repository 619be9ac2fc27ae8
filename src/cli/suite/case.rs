//! One golden case: its facts read by the rules of a push, its history folded by the
//! steps that events take on the server.

use serde_saphyr::Spanned;

use super::written::{
    ArrearsMonth, Case, Expected, Instalment, Place, place, read_day, read_money,
};
use super::{Findings, end_of, history};
use crate::cli::decimal::{date, parse_day};
use crate::cli::field::{Draft, Field};
use crate::grpc::document_to_rank;
use crate::model::{
    CaseState, Currency, Day, DebtorKind, Facts, History, LocalDays, Micros, RankingSettings,
    Violation,
};
use crate::policy::Zone;
use crate::proto;
use crate::scoring::{CaseInput, RuleSet};

/// What the cases of a suite are read against.
pub(super) struct Terms {
    pub today: Day,
    pub zone: Zone,
    pub currency: Currency,
    pub ranking: RankingSettings,
}

/// A case that can be ranked, and what is expected of it.
pub(super) struct Golden {
    pub name: String,
    pub line: u64,
    pub facts: Facts,
    pub history: History,
    pub as_of: Micros,
    pub case_seq: i64,
    pub expected: Expected,
}

impl Golden {
    /// Reads a case; nothing where anything is wrong with it.
    pub(super) fn read(
        written: &Spanned<Case>,
        terms: &Terms,
        rules: Option<&RuleSet>,
        findings: &mut Findings,
    ) -> Option<Golden> {
        let before = findings.found.len();
        let case = &written.value;
        let document = document(case, terms, findings);
        let Terms { zone, today, currency, ranking } = terms;
        let times = (zone.start_of(*today), end_of(*today, zone));
        let tolerance_minor = ranking.tolerance_amount_minor;
        if findings.found.len() > before {
            return None;
        }
        let read = document_to_rank(document, (*currency, tolerance_minor), times);
        let read = read.map_err(|violations| {
            for broken in &violations.0 {
                findings.add(place_of(broken, written), message(broken));
            }
        });
        let document = read.ok()?;
        let kind = document.facts.debtor_kind.unwrap_or(ranking.default_debtor_kind);
        if let Some((rules, name)) = rules.zip(case.expect.value.population.as_ref()) {
            check_population(name, (rules, kind), findings);
        }
        if let Some(name) = &case.expect.value.route {
            check_route(name, ranking, findings);
        }
        if document.as_of > times.1 {
            let at = case.facts.get("as_of_time").map_or_else(|| place(written), place);
            findings.add(at, format!("as_of_time is after the as_of_date, {today}"));
        }
        let (facts, as_of) = (document.facts, document.as_of);
        let told = history::fold(case, (&facts, as_of), terms, findings);
        let read = Golden {
            name: case.name.value.clone(),
            line: place(&case.name).0,
            facts,
            as_of,
            case_seq: told.event_count + 1,
            history: told.history,
            expected: case.expect.value.clone(),
        };
        let closed =
            |rules: &RuleSet| rules.rank(&read.input((*today, zone))).state == CaseState::Closed;
        if findings.found.len() == before && rules.is_some_and(closed) {
            findings.add(place(written), "the facts close the case: a closed case has no rank");
        }
        (findings.found.len() == before).then_some(read)
    }

    /// What is ranked.
    pub(super) fn input<'a>(&'a self, (today, days): (Day, &'a Zone)) -> CaseInput<'a> {
        let Golden { facts, history, as_of, case_seq, .. } = self;
        // Who owes says nothing where no experiment runs.
        let debtor_id = "";
        CaseInput { facts, history, debtor_id, as_of: *as_of, case_seq: *case_seq, today, days }
    }
}

/// A population that is expected must be one of the scorecard that ranks the case; an empty
/// name is the scorecard itself.
fn check_population(
    name: &Spanned<String>,
    (rules, kind): (&RuleSet, DebtorKind),
    findings: &mut Findings,
) {
    if name.value.is_empty() || rules.populations(kind).any(|one| one == name.value) {
        return;
    }
    let mut allowed: Vec<String> = rules.populations(kind).map(str::to_owned).collect();
    allowed.push("\"\" for its main card".to_owned());
    let (id, allowed) = (rules.scorecard_id(kind), allowed.join(" or "));
    let message = format!(
        "expect.population {:?} is none of the scorecard {id}; {allowed} is allowed",
        name.value
    );
    findings.add(place(name), message);
}

/// A route that is expected must be one that a rule gives; an empty name is none.
fn check_route(name: &Spanned<String>, ranking: &RankingSettings, findings: &mut Findings) {
    let mut given: Vec<&str> =
        ranking.routing_rules.iter().map(|rule| rule.route.label()).collect();
    given.dedup();
    if name.value.is_empty() || given.contains(&name.value.as_str()) {
        return;
    }
    given.push("\"\" for none");
    let (name_of, allowed) = (&name.value, given.join(" or "));
    let message = format!("expect.route {name_of:?} is given by no rule; {allowed} is allowed");
    findings.add(place(name), message);
}

/// The document that the facts make. Every field that is none, and every value that
/// does not fit its field, is found.
fn document(case: &Case, terms: &Terms, findings: &mut Findings) -> proto::CaseDocument {
    let mut draft = Draft { currency: Some(terms.currency), ..Draft::default() };
    for (name, text) in &case.facts {
        let Some(field) = Field::from_name(name) else {
            let known = Field::known_names();
            findings.add(place(text), format!("{name} is no field; known are {known}"));
            continue;
        };
        if field == Field::Currency {
            if text.value != terms.currency.code() {
                let message =
                    format!("currency {:?}: amounts are in {}", text.value, terms.currency);
                findings.add(place(text), message);
            }
            continue;
        }
        if text.value.is_empty() {
            findings.add(place(text), format!("{name} is given no value; leave it out"));
            continue;
        }
        if let Err((_, bound)) = field.set(&mut draft, &text.value) {
            findings.add(place(text), format!("{name} is {:?}; {bound}", text.value));
        }
    }
    let mut document = draft.document;
    // Where only a state is told of a contact point it needs no name of its own.
    for (at, point) in document.contact_points.iter_mut().enumerate() {
        if point.contact_point_id.is_empty() {
            point.contact_point_id = format!("contact_points.{}", at + 1);
        }
    }
    let instalments = case.instalments.iter();
    document.instalments = instalments.map(|one| instalment(&one.value, terms, findings)).collect();
    let months = case.arrears_profile.iter();
    document.arrears_profile = months.map(|one| month(&one.value, terms, findings)).collect();
    document
}

fn instalment(one: &Instalment, terms: &Terms, findings: &mut Findings) -> proto::Instalment {
    let Instalment { due_date, due_amount, paid_amount, paid_date } = one;
    let mut money = |text: &Spanned<String>, name| read_money(text, name, terms.currency, findings);
    let due_amount = money(due_amount, "due_amount");
    let paid_amount = paid_amount.as_ref().and_then(|text| money(text, "paid_amount"));
    proto::Instalment {
        due_date: read_day(due_date, "due_date", findings).map(date),
        due_amount,
        paid_amount,
        paid_date: paid_date.as_ref().and_then(|day| {
            let day_read = read_day(day, "paid_date", findings)?;
            if day_read > terms.today {
                let message = format!("paid_date is after the as_of_date, {}", terms.today);
                findings.add(place(day), message);
            }
            Some(date(day_read))
        }),
    }
}

fn month(one: &ArrearsMonth, terms: &Terms, findings: &mut Findings) -> proto::ArrearsMonth {
    let ArrearsMonth { month, months_past_due, billed_amount, paid_amount } = one;
    let day = parse_day(&month.value).or_else(|| parse_day(&format!("{}-01", month.value)));
    match day {
        None => {
            let bound = "must be a month such as 2026-02, or its first day";
            findings.add(place(month), format!("month {:?} {bound}", month.value));
        }
        Some(day) if day > terms.today => {
            let message = format!("month {} is after the as_of_date, {}", month.value, terms.today);
            findings.add(place(month), message);
        }
        Some(_) => {}
    }
    let mut money = |text: &Option<Spanned<String>>, name| {
        text.as_ref().and_then(|text| read_money(text, name, terms.currency, findings))
    };
    proto::ArrearsMonth {
        month: day.map(date),
        months_past_due: Some(*months_past_due),
        billed_amount: money(billed_amount, "billed_amount"),
        paid_amount: money(paid_amount, "paid_amount"),
    }
}

/// Where the field of a broken rule stands: the fact of its name, the entry of its
/// list, or else the case.
fn place_of(broken: &Violation, written: &Spanned<Case>) -> Place {
    let case = &written.value;
    let path = broken.field.strip_prefix("case.").unwrap_or(&broken.field);
    let entry = |list: &str| {
        let rest = path.strip_prefix(list)?.strip_prefix('[')?;
        rest.split_once(']')?.0.parse::<usize>().ok()
    };
    if let Some(one) = entry("instalments").and_then(|at| case.instalments.get(at)) {
        return place(one);
    }
    if let Some(one) = entry("arrears_profile").and_then(|at| case.arrears_profile.get(at)) {
        return place(one);
    }
    let last = path.rsplit('.').next().unwrap_or(path);
    let named = case
        .facts
        .iter()
        .find(|(name, _)| name.as_str() == path || name.rsplit('.').next() == Some(last));
    named.map_or_else(|| place(written), |(_, text)| place(text))
}

/// What is wrong, in the words of the suite.
fn message(broken: &Violation) -> String {
    let text = broken.text();
    text.strip_prefix("case.").unwrap_or(&text).to_owned()
}
