//! Wrong forms of scorecards as data: `tests/testdata/scorecards/wrong_forms.yaml`.

use serde::Deserialize;

use crate::model::RuleSetId;
use crate::scoring::card::Card;
use crate::scoring::{InvalidScorecard, RuleSet};

use super::definition;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrongForms {
    cases: Vec<WrongForm>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrongForm {
    /// A text that stands once in the card.
    replace: String,
    by: String,
    path: String,
    says: String,
}

/// A card with every field there is.
pub(super) const WHOLE: &str = include_str!("../../../tests/testdata/scorecards/whole.yaml");

fn cases() -> Vec<WrongForm> {
    let text = include_str!("../../../tests/testdata/scorecards/wrong_forms.yaml");
    let read: WrongForms = serde_saphyr::from_str(text).expect("it reads as wrong forms");
    read.cases
}

fn findings(yaml: &str) -> Vec<InvalidScorecard> {
    RuleSet::compile(RuleSetId(1), &definition(yaml)).err().unwrap_or_default()
}

#[test]
fn the_whole_card_is_sound_in_both_its_forms() {
    assert_eq!(findings(WHOLE), vec![]);
    let read = Card::read(WHOLE).expect("it is a scorecard");
    assert_eq!(Card::read(&read.canonical()), Ok(read.clone()));
    assert_eq!(findings(&read.canonical()), vec![]);
}

#[test]
fn every_wrong_form_is_found_with_its_path_and_bound() {
    let mut missed = Vec::new();
    for WrongForm { replace, by, path, says } in cases() {
        assert_eq!(WHOLE.matches(&replace).count(), 1, "{replace:?} must stand once in the card");
        let found = findings(&WHOLE.replacen(&replace, &by, 1));
        let told = |one: &InvalidScorecard| {
            let placed = one.line.is_some() || !path.contains('[');
            one.path == path && one.message.contains(&says) && placed
        };
        if !found.iter().any(told) {
            missed.push(format!("{by:?} at {path} with {says:?}, not {found:?}"));
        }
    }
    assert!(missed.is_empty(), "must be found:\n{}", missed.join("\n"));
}
