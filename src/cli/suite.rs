//! Golden cases: a file that says of a few cases, as of a frozen day, how a scorecard
//! must rank them. They are ranked here by what ranks cases on the server.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::output::Record;
use crate::model::{Day, LocalDays, RankingSettings, RuleSetId};
use crate::policy::Zone;
use crate::scoring::card::Card;
use crate::scoring::{
    BUSINESS_YAML, CONSUMER_YAML, FEATURE_VERSION, InvalidScorecard, RuleSet, RuleSetDefinition,
};
use crate::yaml::{self, Flaw};

mod case;
mod history;
pub(super) mod junit;
mod verdict;
mod written;

use case::{Golden, Terms};
pub(super) use verdict::Verdict;
use written::{Place, Written};

/// A suite that can be run.
pub(super) struct Suite {
    file: String,
    zone: Zone,
    rules: RuleSet,
    today: Day,
    cases: Vec<Golden>,
}

/// Something that keeps a suite from being run.
#[derive(Clone, Debug, Serialize)]
pub(super) struct SuiteFinding {
    /// The file: the suite, or its scorecard.
    file: String,
    line: Option<u64>,
    column: Option<u64>,
    message: String,
}

impl Record for SuiteFinding {
    const HEADER: &'static [&'static str] = &["file", "line", "column", "message"];

    fn cells(&self) -> Vec<String> {
        let number = |number: Option<u64>| number.map_or_else(String::new, |at| at.to_string());
        vec![self.file.clone(), number(self.line), number(self.column), self.message.clone()]
    }
}

/// The findings of one file.
struct Findings {
    file: String,
    found: Vec<SuiteFinding>,
}

impl Findings {
    fn add(&mut self, (line, column): Place, message: impl Into<String>) {
        let file = self.file.clone();
        let (line, column) = (Some(line), Some(column));
        self.found.push(SuiteFinding { file, line, column, message: message.into() });
    }
}

/// A scorecard as text, and the file it stands in.
struct Source {
    file: String,
    text: String,
}

impl Suite {
    /// Reads a suite and the scorecards that it names. `instead` is a scorecard that
    /// takes the place of the one of its id, or of the one for persons.
    ///
    /// # Errors
    /// Every finding.
    pub(super) fn read(file: &Path, instead: Option<&Card>) -> Result<Suite, Vec<SuiteFinding>> {
        let shown = file.display().to_string();
        let text = std::fs::read_to_string(file).map_err(|error| {
            let message = error.to_string();
            vec![SuiteFinding { file: shown.clone(), line: None, column: None, message }]
        })?;
        let written: Written = yaml::read(&text).map_err(|flaws| {
            let found = flaws.into_iter().map(|Flaw { path, place, message }| {
                let (line, column) = (place.map(|at| at.line), place.map(|at| at.column));
                let message = told(path, message);
                SuiteFinding { file: shown.clone(), line, column, message }
            });
            found.collect::<Vec<_>>()
        })?;
        let mut findings = Findings { file: shown.clone(), found: Vec::new() };
        let read = written.terms(&mut findings);
        let rules = rules(file, &written, instead, read.as_ref(), &mut findings);
        let cases = match &read {
            Some(terms) => written.cases(terms, rules.as_ref(), &mut findings),
            None => Vec::new(),
        };
        match (read, rules) {
            (Some(terms), Some(rules)) if findings.found.is_empty() => {
                let Terms { zone, today, .. } = terms;
                Ok(Suite { file: shown, zone, rules, today, cases })
            }
            _ => Err(findings.found),
        }
    }

    /// Ranks every case and says how it differs from what is expected.
    pub(super) fn run(&self) -> Vec<Verdict> {
        let verdict = |case| Verdict::new(&self.file, case, &self.rules, (self.today, &self.zone));
        self.cases.iter().map(verdict).collect()
    }

    /// The file of the suite.
    pub(super) fn file(&self) -> &str {
        &self.file
    }
}

/// The rule set that the suite names, compiled. Its scorecards are told of even where
/// the rest of the suite is wrong.
fn rules(
    file: &Path,
    written: &Written,
    instead: Option<&Card>,
    terms: Option<&Terms>,
    findings: &mut Findings,
) -> Option<RuleSet> {
    let beside = file.parent().unwrap_or(Path::new(""));
    let mut named = |name: &Option<serde_saphyr::Spanned<String>>| match name {
        None => Some(None),
        Some(name) => {
            let path: PathBuf = beside.join(&name.value);
            match std::fs::read_to_string(&path) {
                Ok(text) => Some(Some(Source { file: path.display().to_string(), text })),
                Err(error) => {
                    let place = (name.referenced.line(), name.referenced.column());
                    findings.add(place, format!("{}: {error}", path.display()));
                    None
                }
            }
        }
    };
    let (person, business) = (named(&written.scorecard), named(&written.business_scorecard));
    let (person, business) = person.zip(business)?;
    let shipped =
        |id: &str, text: &str| Source { file: format!("shipped {id}"), text: text.into() };
    // Whoever names a scorecard for persons alone means it for everybody.
    let business = match (&person, business) {
        (None, None) => Some(shipped("business", BUSINESS_YAML)),
        (_, business) => business,
    };
    let mut sources =
        [Some(person.unwrap_or_else(|| shipped("consumer", CONSUMER_YAML))), business];
    if let Some(card) = instead {
        let is_of = |source: &Option<Source>| {
            let read = source.as_ref().map(|source| Card::read(&source.text));
            read.is_some_and(|read| read.is_ok_and(|read| read.scorecard_id == card.scorecard_id))
        };
        let at = usize::from(is_of(&sources[1]));
        let file = format!("revision of {}", card.scorecard_id);
        sources[at] = Some(Source { file, text: card.canonical() });
    }
    let text = |at: usize| sources[at].as_ref().map(|source| source.text.clone());
    let definition = RuleSetDefinition {
        scorecard_yaml: text(0).unwrap_or_default(),
        business_scorecard_yaml: text(1),
        ranking: terms.map_or_else(RankingSettings::default, |terms| terms.ranking.clone()),
        feature_version: FEATURE_VERSION,
        experiment: None,
    };
    match RuleSet::compile(RuleSetId(0), &definition) {
        Ok(rules) => Some(rules),
        Err(found) => {
            let located = found.into_iter().map(|one| located(one, &sources, &findings.file));
            findings.found.extend(located.collect::<Vec<_>>());
            None
        }
    }
}

/// A finding of the compiler with the file it speaks of.
fn located(found: InvalidScorecard, sources: &[Option<Source>; 2], suite: &str) -> SuiteFinding {
    let InvalidScorecard { path, line, column, message } = found;
    let business = path == "business" || path.starts_with("business.");
    let file = match (path.starts_with("ranking"), &sources[usize::from(business)]) {
        (false, Some(source)) => source.file.clone(),
        _ => suite.to_owned(),
    };
    SuiteFinding { file, line, column, message: told(path, message) }
}

/// A message with the path of what it speaks of.
fn told(path: String, message: String) -> String {
    if path.is_empty() { message } else { format!("{path}: {message}") }
}

/// The last instant of a day.
fn end_of(day: Day, zone: &Zone) -> crate::model::Micros {
    zone.start_of(day.plus(1)).plus(-1)
}
