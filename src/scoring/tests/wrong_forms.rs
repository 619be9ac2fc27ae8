//! Wrong forms of scorecards as data: `tests/testdata/scorecards/wrong_forms.yaml`.

use serde::Deserialize;

use crate::model::RuleSetId;
use crate::scoring::card::Card;
use crate::scoring::{InvalidScorecard, RuleSet};

use super::definition;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrongForms {
    card: String,
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

fn read() -> WrongForms {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/testdata/scorecards/wrong_forms.yaml");
    let text = std::fs::read_to_string(file).expect("the file of wrong forms");
    serde_saphyr::from_str(&text).expect("it reads as wrong forms")
}

fn findings(yaml: &str) -> Vec<InvalidScorecard> {
    RuleSet::compile(RuleSetId(1), &definition(yaml)).err().unwrap_or_default()
}

#[test]
fn the_card_of_the_wrong_forms_is_sound_in_both_its_forms() {
    let WrongForms { card, .. } = read();
    assert_eq!(findings(&card), vec![]);
    let read = Card::read(&card).expect("it is a scorecard");
    assert_eq!(Card::read(&read.canonical()), Ok(read.clone()));
    assert_eq!(findings(&read.canonical()), vec![]);
}

#[test]
fn every_wrong_form_is_found_with_its_path_and_bound() {
    let WrongForms { card, cases } = read();
    let mut missed = Vec::new();
    for WrongForm { replace, by, path, says } in cases {
        assert_eq!(card.matches(&replace).count(), 1, "{replace:?} must stand once in the card");
        let found = findings(&card.replacen(&replace, &by, 1));
        if !found.iter().any(|one| one.path == path && one.message.contains(&says)) {
            missed.push(format!("{by:?} at {path} with {says:?}, not {found:?}"));
        }
    }
    assert!(missed.is_empty(), "must be found:\n{}", missed.join("\n"));
}
