//! Wrong forms of scorecards as data: `tests/testdata/scorecards/wrong_forms.yaml`.

use proptest::prelude::*;
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
    /// A text on the line of the finding.
    #[serde(default)]
    at: String,
    /// Whether nothing else is found.
    #[serde(default)]
    alone: bool,
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
    for WrongForm { replace, by, path, says, at, alone } in cases() {
        assert_eq!(WHOLE.matches(&replace).count(), 1, "{replace:?} must stand once in the card");
        let card = WHOLE.replacen(&replace, &by, 1);
        let found = findings(&card);
        let told = |one: &InvalidScorecard| {
            let line = one.line.and_then(|line| card.lines().nth(usize::try_from(line).ok()? - 1));
            let placed = line.is_some_and(|line| line.contains(&at));
            one.path == path && one.message.contains(&says) && placed
        };
        if !found.iter().any(told) || (alone && found.len() > 1) {
            missed.push(format!("{by:?} at {path} with {says:?} on {at:?}, not {found:?}"));
        }
    }
    assert!(missed.is_empty(), "must be found:\n{}", missed.join("\n"));
}

/// What is wrong in form is told at once, wherever it is; no rule is looked at before.
#[test]
fn every_wrong_form_of_a_card_is_told_at_once() {
    let changes = [
        ("base_points: 500", "base_points: 500.5"),
        ("family: household", "family: q"),
        ("reason: { code: HOME, text: no home, audience: ANALYST }", "reason: none"),
        ("direction: DOWN", "direktion: DOWN"),
        ("{ from: 61, points: -50 }", "{ from: 61 }"),
        ("to: 61, points: 0 }", "to: 61 }"),
    ];
    let broken = changes.iter().fold(WHOLE.to_owned(), |card, (from, to)| {
        assert_eq!(card.matches(from).count(), 1, "{from}");
        card.replacen(from, to, 1)
    });
    let paths: Vec<String> = findings(&broken).into_iter().map(|one| one.path).collect();
    assert_eq!(
        paths,
        [
            "base_points",
            "characteristics[0].direktion",
            "characteristics[0].bins[1].points",
            "characteristics[0].bins[2].points",
            "characteristics[1].family",
            "characteristics[1].reason",
        ]
    );
}

#[test]
fn a_text_that_is_no_scorecard_is_told_as_a_whole() {
    for (text, line, says) in [
        ("", 1, "the text is empty"),
        ("# nothing\n\n", 1, "the text is empty"),
        ("[]", 1, "the text is a list; the fields scorecard_id, base_points"),
        ("a,b,c\n1,2,3\n", 1, "the text is a,b,c 1,2,3; the fields scorecard_id"),
        ("a: 1\n\tb: 2\n", 1, "found a tab"),
        ("a: [1", 1, ""),
    ] {
        let found = findings(text);
        let [one] = found.as_slice() else { panic!("{text:?}: {found:?}") };
        assert_eq!((one.path.as_str(), one.line), ("", Some(line)), "{text:?}: {one}");
        assert!(one.message.contains(says), "{text:?}: {one}");
    }
    let found = findings("{}");
    assert_eq!(found[0].path, "scorecard_id");
    assert_eq!(found.len(), 6, "every field that must be given: {found:?}");
}

/// What is told is bounded, and so is the work: names that stand twice are not looked for
/// among all of them.
#[test]
fn a_hundred_of_a_hundred_thousand_wrong_fields_are_told() {
    let mut card = WHOLE.to_owned();
    card.push_str("cutoffs_by_stage:\n");
    for at in 0..100_000 {
        card.push_str(&format!("  k{at}: 1\n"));
    }
    assert_eq!(findings(&card).len(), 100);
}

proptest! {
    /// Whatever somebody writes in the place of a line, or of a word of it: what is no
    /// scorecard is told with its line and in our words.
    #[test]
    fn whatever_is_written_in_a_card_is_told_in_our_words(
        at in any::<prop::sample::Index>(),
        from in 0_usize..60,
        by in prop_oneof![
            Just(String::new()),
            "[ -~]{0,12}",
            prop::sample::select(vec!["~", "[]", "{}", "- 1", "x: y", "'", "1.5", "&a *a", "<<: 1"])
                .prop_map(str::to_owned),
        ],
        to_end in any::<bool>(),
    ) {
        let mut lines: Vec<String> = WHOLE.lines().map(str::to_owned).collect();
        let line = at.get_mut(&mut lines);
        let end = line.floor_char_boundary(from);
        let rest = line[end..].split_once(' ').map_or("", |(_, rest)| rest).to_owned();
        line.truncate(end);
        line.push_str(&by);
        if !to_end {
            line.push(' ');
            line.push_str(&rest);
        }
        let card = lines.join("\n");
        let Err(found) = Card::read(&card) else { return Ok(()) };
        prop_assert!(!found.is_empty() && found.len() <= 100);
        for one in &found {
            prop_assert!(one.line.is_some(), "{one}: {card}");
            for words in ["Policy", "i32", "mapping start", "sequence start", "missing field", "Option<"] {
                prop_assert!(!one.message.contains(words), "{one}: {card}");
            }
        }
    }
}
