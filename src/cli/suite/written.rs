//! A suite as it is written. Every scalar keeps its place for findings.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_saphyr::Spanned;

use super::Findings;
use super::case::{Golden, Terms};
use crate::cli::decimal::{Decimal, parse_day};
use crate::cli::word;
use crate::grpc::{ranking_settings, routing_rules_of};
use crate::model::{Currency, Day, LocalDays};
use crate::policy::Zone;
use crate::proto;
use crate::scoring::RuleSet;
use crate::scoring::card::Routing;

/// A line and a column, from 1.
pub(super) type Place = (u64, u64);

/// Where something stands.
pub(super) fn place<T>(of: &Spanned<T>) -> Place {
    (of.referenced.line(), of.referenced.column())
}

/// The most cases of a suite.
const CASES_MAX: usize = 10_000;
/// The longest name of a case, in bytes.
const NAME_BYTES_MAX: usize = 200;
/// What amounts are in where the suite does not say.
const CURRENCY: &str = "EUR";

/// A suite.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    /// The day as of which every case is ranked.
    pub as_of_date: Spanned<String>,
    /// The file of the scorecard for persons, from where the suite stands; those shipped
    /// if neither is named.
    pub scorecard: Option<Spanned<String>>,
    /// The file of the scorecard for businesses.
    pub business_scorecard: Option<Spanned<String>>,
    /// What a rank reads of a portfolio.
    #[serde(default)]
    pub portfolio: Portfolio,
    /// The cases.
    pub cases: Spanned<Vec<Spanned<Case>>>,
}

/// The settings of a portfolio that a rank reads, in the words of the contract.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Portfolio {
    time_zone: Option<Spanned<String>>,
    base_currency: Option<Spanned<String>>,
    tolerance_amount: Option<Spanned<String>>,
    stage_bounds: Option<Spanned<Vec<i32>>>,
    protected_inputs_on: Option<Spanned<Vec<String>>>,
    default_debtor_kind: Option<Spanned<String>>,
    routing_rules: Option<Spanned<Vec<Routing>>>,
}

/// One case.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    pub name: Spanned<String>,
    /// Why it is here, for people.
    #[serde(default, rename = "about")]
    _about: Option<String>,
    /// The fields of its document, named like the columns of a file to import.
    #[serde(default)]
    pub facts: BTreeMap<String, Spanned<String>>,
    #[serde(default)]
    pub instalments: Vec<Spanned<Instalment>>,
    #[serde(default)]
    pub arrears_profile: Vec<Spanned<ArrearsMonth>>,
    #[serde(default)]
    pub payments: Vec<Spanned<Payment>>,
    #[serde(default)]
    pub outcomes: Vec<Spanned<Outcome>>,
    pub expect: Spanned<Expected>,
}

/// An instalment.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Instalment {
    pub due_date: Spanned<String>,
    pub due_amount: Spanned<String>,
    pub paid_amount: Option<Spanned<String>>,
    pub paid_date: Option<Spanned<String>>,
}

/// A month of the arrears profile.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ArrearsMonth {
    /// The month: its first day, or just `2026-02`.
    pub month: Spanned<String>,
    pub months_past_due: i32,
    pub billed_amount: Option<Spanned<String>>,
    pub paid_amount: Option<Spanned<String>>,
}

/// A payment told as an event.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Payment {
    pub event_time: Spanned<String>,
    pub amount: Spanned<String>,
    /// When it was taken back, if it was.
    pub reversed_time: Option<Spanned<String>>,
}

/// What a worker reported.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Outcome {
    pub contact_time: Spanned<String>,
    pub outcome_code: Spanned<String>,
    pub promise: Option<Spanned<Promise>>,
}

/// What was promised.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Promise {
    /// All that is overdue if not given.
    pub promised_amount: Option<Spanned<String>>,
    pub promised_date: Spanned<String>,
}

/// What is expected; only what is named is checked.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expected {
    pub recovery_group: Option<Spanned<String>>,
    pub recovery_score: Option<Spanned<i32>>,
    pub priority: Option<Spanned<i32>>,
    /// The population by whose points it is ranked; empty: none.
    pub population: Option<Spanned<String>>,
    /// The route that the portfolio's rules give it; empty: none.
    pub route: Option<Spanned<String>>,
    /// All reason codes in their order.
    pub reasons: Option<Vec<String>>,
    /// Reason codes that must be among them.
    pub reasons_include: Option<Spanned<Vec<String>>>,
}

impl Written {
    /// What the cases are read against; nothing where that is wrong.
    pub(super) fn terms(&self, findings: &mut Findings) -> Option<Terms> {
        let today = read_day(&self.as_of_date, "as_of_date", findings);
        let written = &self.portfolio;
        let zone = match &written.time_zone {
            None => Zone::new("UTC").ok(),
            Some(name) => Zone::new(&name.value)
                .map_err(|error| findings.add(place(name), format!("time_zone: {error}")))
                .ok(),
        };
        let currency = match &written.base_currency {
            None => Currency::from_code(CURRENCY),
            Some(code) => {
                let known = Currency::from_code(&code.value);
                if known.is_none() {
                    let bound = "must be a code of ISO 4217, such as EUR";
                    findings.add(place(code), format!("base_currency {:?} {bound}", code.value));
                }
                known
            }
        };
        let ranking = written.ranking(currency?, findings);
        let (today, zone, currency) = (today?, zone?, currency?);
        Some(Terms { today, zone, currency, ranking: ranking? })
    }

    /// The cases that can be ranked; what is wrong with the others is found.
    pub(super) fn cases(
        &self,
        terms: &Terms,
        rules: Option<&RuleSet>,
        findings: &mut Findings,
    ) -> Vec<Golden> {
        let count = self.cases.value.len();
        if !(1..=CASES_MAX).contains(&count) {
            let message = format!("cases has {count} entries; 1 to {CASES_MAX} are allowed");
            findings.add(place(&self.cases), message);
        }
        let mut names: BTreeSet<&str> = BTreeSet::new();
        let mut read = Vec::new();
        for case in self.cases.value.iter().take(CASES_MAX) {
            let name = &case.value.name;
            let fits = (1..=NAME_BYTES_MAX).contains(&name.value.len());
            if !fits || name.value.chars().any(char::is_control) {
                let bound = format!("must be 1 to {NAME_BYTES_MAX} bytes on one line");
                findings.add(place(name), format!("name {:?} {bound}", name.value));
            }
            if !names.insert(&name.value) {
                findings.add(place(name), format!("two cases are named {:?}", name.value));
            }
            check_expected(&case.value.expect, findings);
            read.extend(Golden::read(case, terms, rules, findings));
        }
        read
    }
}

impl Portfolio {
    /// By the rules of the contract; paths become places.
    fn ranking(
        &self,
        currency: Currency,
        findings: &mut Findings,
    ) -> Option<crate::model::RankingSettings> {
        let mut given = proto::RankingSettings::default();
        let before = findings.found.len();
        if let Some(text) = &self.tolerance_amount {
            given.tolerance_amount = read_money(text, "tolerance_amount", currency, findings);
        }
        if let Some(bounds) = &self.stage_bounds {
            given.stage_bounds.clone_from(&bounds.value);
        }
        if let Some(names) = &self.protected_inputs_on {
            given.protected_inputs_on.clone_from(&names.value);
        }
        if let Some(rules) = &self.routing_rules {
            given.routing_rules = routing_rules_of(&rules.value);
        }
        if let Some(kind) = &self.default_debtor_kind {
            match word::DEBTOR_KIND.number(&kind.value) {
                Some(number) => given.default_debtor_kind = number,
                None => {
                    let all = word::DEBTOR_KIND.all();
                    let message = format!("default_debtor_kind {:?} must be one of", kind.value);
                    findings.add(place(kind), format!("{message} {all}"));
                }
            }
        }
        let read = ranking_settings(given, currency).map_err(|violations| {
            for broken in &violations.0 {
                let at = match broken.field.as_str() {
                    field if field.contains("stage_bounds") => {
                        self.stage_bounds.as_ref().map(place)
                    }
                    field if field.contains("routing_rules") => {
                        self.routing_rules.as_ref().map(place)
                    }
                    _ => self.protected_inputs_on.as_ref().map(place),
                };
                let at = at.or(self.tolerance_amount.as_ref().map(place));
                findings.add(at.unwrap_or((1, 1)), broken.text());
            }
        });
        read.ok().filter(|_| findings.found.len() == before)
    }
}

fn check_expected(expected: &Spanned<Expected>, findings: &mut Findings) {
    let Expected {
        recovery_group,
        recovery_score,
        priority,
        population,
        route,
        reasons,
        reasons_include,
    } = &expected.value;
    let any = recovery_group.is_some()
        || recovery_score.is_some()
        || priority.is_some()
        || population.is_some()
        || route.is_some()
        || reasons.is_some()
        || reasons_include.is_some();
    if !any {
        findings.add(place(expected), "expect names nothing: no case could fail it");
    }
    if let Some(group) =
        recovery_group.as_ref().filter(|one| !["A", "B", "C"].contains(&&*one.value))
    {
        let message = format!("recovery_group {:?} must be A, B or C", group.value);
        findings.add(place(group), message);
    }
    for (name, number) in [("recovery_score", recovery_score), ("priority", priority)] {
        if let Some(number) = number.as_ref().filter(|one| !(0..=1_000).contains(&one.value)) {
            let message = format!("{name} is {}; 0 to 1000 are possible", number.value);
            findings.add(place(number), message);
        }
    }
    if let Some(codes) = reasons_include.as_ref().filter(|one| one.value.is_empty()) {
        findings.add(place(codes), "reasons_include names no code; leave it out");
    }
}

/// A day of the form 2026-03-20.
pub(super) fn read_day(text: &Spanned<String>, name: &str, findings: &mut Findings) -> Option<Day> {
    let day = parse_day(&text.value);
    if day.is_none() {
        let bound = "must be a day from 1970-01-01 to 2199-12-31, written like 2026-03-20";
        findings.add(place(text), format!("{name} {:?} {bound}", text.value));
    }
    day
}

/// An amount in a currency.
pub(super) fn read_money(
    text: &Spanned<String>,
    name: &str,
    currency: Currency,
    findings: &mut Findings,
) -> Option<proto::Money> {
    let number = Decimal::parse(&text.value);
    let money = number.ok_or("must be a number such as 1240.50".to_owned());
    let money = money.and_then(|number| number.money(currency).map_err(|(_, bound)| bound));
    money
        .map_err(|bound| findings.add(place(text), format!("{name} {:?}: {bound}", text.value)))
        .ok()
}

/// An instant: an RFC 3339 time, or a day, which means its first instant in the zone.
pub(super) fn read_instant(
    text: &Spanned<String>,
    name: &str,
    terms: &Terms,
    findings: &mut Findings,
) -> Option<crate::model::Micros> {
    let instant = match parse_day(&text.value) {
        Some(day) => Some(terms.zone.start_of(day)),
        None => chrono::DateTime::parse_from_rfc3339(&text.value)
            .ok()
            .map(|time| crate::model::Micros(time.timestamp_micros())),
    };
    match instant {
        None => {
            let bound = "must be a day such as 2026-03-20 or a time such as 2026-03-20T04:00:00Z";
            findings.add(place(text), format!("{name} {:?} {bound}", text.value));
        }
        Some(instant) if instant > super::end_of(terms.today, &terms.zone) => {
            let message =
                format!("{name} {:?} is after the as_of_date, {}", text.value, terms.today);
            findings.add(place(text), message);
        }
        Some(_) => {}
    }
    instant
}
