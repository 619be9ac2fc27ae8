//! What is odd about scorecards that can rank.

use crate::scoring::card::Card;
use crate::scoring::{BUSINESS_YAML, CONSUMER_YAML, locked_changes};

use super::validation::SMALL;
use super::wrong_forms::WHOLE;
use super::{compiled, definition};

fn warnings(yaml: &str) -> Vec<(String, String)> {
    let found = compiled(&definition(yaml)).warnings().into_iter();
    found.map(|one| (one.path, one.message)).collect()
}

/// Those of bins alone: the special values are out of range as well.
fn of_bins(mut found: Vec<(String, String)>) -> Vec<(String, String)> {
    found.retain(|one| one.0.contains(".bins["));
    found
}

#[test]
fn a_bin_that_no_case_can_be_in_is_warned_of() {
    let with = |feature: &str| {
        let yaml =
            WHOLE.replacen("    feature: days_past_due\n", &format!("    feature: {feature}\n"), 1);
        warnings(&yaml.replacen("direction: DOWN", "weight_milli: 900", 1))
    };
    assert_eq!(with("days_past_due"), []);
    let found = of_bins(with("late_months_12"));
    let bin = |bin: usize| format!("characteristics[0].bins[{bin}]");
    let message = "no case can be in it: the feature is 0 to 12".to_owned();
    assert_eq!(found, [(bin(1), message.clone()), (bin(2), message)]);
    let low = WHOLE.replacen("    feature: days_past_due\n", "    feature: attempt_count\n", 1);
    let low = low.replacen("{ to: 31, ", "{ to: 0, ", 1).replacen("from: 31", "from: 0", 1);
    let message = "no case can be in it: the feature is at least 0".to_owned();
    assert_eq!(of_bins(warnings(&low)), [(bin(0), message)]);
    let high =
        WHOLE.replacen("{ to: 500, ", "{ to: 1001, ", 1).replacen("from: 500", "from: 1001", 1);
    assert_eq!(warnings(&high)[0].0, "priority.terms[0].bins[1]");
}

#[test]
fn a_derived_feature_that_nothing_looks_at_is_warned_of() {
    let yaml = WHOLE.replacen("derived.on_books]", "derived.gap]", 1);
    let message = "nothing looks at derived.on_books".to_owned();
    assert_eq!(warnings(&yaml), [("derived[2]".to_owned(), message)]);
    let yaml = WHOLE.replacen("feature: derived.worse\n", "feature: tenure_months\n", 1);
    assert_eq!(warnings(&yaml)[0].0, "derived[6]");
}

#[test]
fn a_population_that_no_case_can_be_of_is_warned_of() {
    let early = "[{ feature: days_past_due, to: 8 }, { feature: promises_broken, missing: true }]";
    let late = "      - { feature: derived.alone, protected: true, from: 1 }\n";
    let with = |first: &str, second: &str| {
        let yaml = WHOLE.replacen(late, first, 1).replacen(early, second, 1);
        let mut found = warnings(&yaml);
        found.retain(|one| one.0.starts_with("populations"));
        found
    };
    assert_eq!(with("", early), []);
    let taken = "no case can be of it: late takes all of its cases";
    let beside = "no case can be of it: when[1] cannot hold beside the others";
    let alone = "no case can be of it: when[0] cannot hold beside the others";
    for (second, says) in [
        (
            "[{ feature: days_past_due, from: 150, to: 160 }, { feature: reachable, is: [NO] }]",
            taken,
        ),
        ("[{ feature: days_past_due, from: 121 }]", taken),
        ("[{ feature: days_past_due, to: 8 }, { feature: days_past_due, from: 8 }]", beside),
        ("[{ feature: days_past_due, to: 8 }, { feature: days_past_due, missing: true }]", beside),
        ("[{ feature: reachable, is: [NO] }, { feature: reachable, is: [YES] }]", beside),
        ("[{ feature: reachable, is: [NO] }, { feature: reachable, unknown: true }]", beside),
        ("[{ feature: late_months_12, from: 13 }]", alone),
        ("[{ feature: derived.told, to: 0 }]", alone),
    ] {
        let found = with("", second);
        assert_eq!(found, [("populations[1]".to_owned(), says.to_owned())], "{second}");
    }
    for second in [
        "[{ feature: days_past_due, from: 120 }]",
        "[{ feature: days_past_due, from: 5, to: 9 }, { feature: days_past_due, from: 8 }]",
        "[{ feature: reachable, is: [NO, YES] }, { feature: reachable, is: [YES] }]",
        "[{ feature: late_months_12, from: 12 }]",
    ] {
        assert_eq!(with("", second), [], "{second}");
        // One that is off takes nobody.
        assert_eq!(with(late, second), [], "{second}");
    }
}

#[test]
fn what_is_odd_about_the_characteristics_of_a_population_has_its_path() {
    let same = WHOLE.replacen("points: 40, locked", "points: -40, locked", 1);
    let same = same.replacen("points: 11, label", "points: -40, label", 1);
    let same = same.replacen("missing: { points: 5 }", "missing: { points: -40 }", 1);
    let found = warnings(&same);
    let message = "age adds -40 to every case, whatever its input".to_owned();
    assert!(
        found.contains(&("populations[0].characteristics[0]".to_owned(), message)),
        "{found:?}"
    );
    let base = Card::read(WHOLE).expect("a scorecard of a test");
    let mut card = base.clone();
    card.populations[0].characteristics[0].bins[0].points = 41;
    let path = "populations[0].characteristics[0].bins[0].points";
    assert_eq!(locked_changes(&card, &base)[0].path, path);
    card.populations.swap(0, 1);
    assert_eq!(locked_changes(&card, &base)[0].path, path.replace("[0].c", "[1].c"));
    card.populations.remove(1);
    assert_eq!(locked_changes(&card, &base)[0].path, "populations");
}

#[test]
fn a_rule_that_never_decides_is_odd_and_one_that_leaves_nothing_as_well() {
    let rule = |name: &str, when: &str| {
        let reason = "{ code: K, text: t, audience: ANALYST }";
        format!("  - {{ name: {name}, score: 1, reason: {reason}, when: [{when}] }}\n")
    };
    let with = |rules: &[(&str, &str)]| {
        let rules: String = rules.iter().map(|(name, when)| rule(name, when)).collect();
        let mut found = warnings(&format!("{SMALL}knock_outs:\n{rules}"));
        found.retain(|one| !one.0.starts_with("cutoffs"));
        found
    };
    let late = "{ feature: days_past_due, from: 10 }";
    let early = "{ feature: days_past_due, to: 5 }";
    let of = |at: usize, message: &str| vec![(format!("knock_outs[{at}]"), message.to_owned())];
    let never = "never matches: when[1] cannot hold beside the others";
    assert_eq!(with(&[("r", &format!("{late}, {early}"))]), of(0, never));
    let home = "{ feature: owns_home, is: [YES] }";
    assert_eq!(with(&[("r", &format!("{home}, {}", home.replace("YES", "NO")))]), of(0, never));
    assert_eq!(
        with(&[("r", &format!("{home}, {}", home.replace("is: [YES]", "missing: true")))]),
        of(0, never)
    );
    let outside = "{ feature: late_months_12, from: 13 }";
    assert_eq!(with(&[("r", outside)]), of(0, &never.replace('1', "0")));
    let narrow = "{ feature: days_past_due, from: 20, to: 30 }";
    let behind = "never decides: first matches all of its cases before it";
    assert_eq!(with(&[("first", late), ("r", narrow)]), of(1, behind));
    assert_eq!(with(&[("first", late), ("r", &format!("{home}, {narrow}"))]), of(1, behind));
    let all = "matches every case of which is known what it looks at";
    for when in ["{ feature: late_months_12, from: 0 }", "{ feature: owns_home, is: [NO, YES] }"] {
        let found = with(&[("r", when), ("next", late)]);
        assert!(found.len() == 1 && found[0].1.starts_with(all), "{found:?}");
    }
    for sound in [
        &[("r", late), ("other", early)][..],
        &[("r", narrow), ("wider", late)],
        &[("first", &format!("{home}, {late}")), ("r", late)],
    ] {
        assert_eq!(with(sound), []);
    }
}

#[test]
fn nothing_is_odd_about_what_is_shipped_and_about_the_card_of_everything() {
    for yaml in [CONSUMER_YAML, BUSINESS_YAML, WHOLE] {
        assert_eq!(warnings(yaml), []);
    }
}

#[test]
fn locked_points_that_differ_from_the_base_are_warned_of() {
    let card = |yaml: &str| Card::read(yaml).expect("a scorecard of a test");
    let changes = |draft: &str, base: &str| {
        let found = locked_changes(&card(draft), &card(base)).into_iter();
        found.map(|one| (one.path, one.message)).collect::<Vec<_>>()
    };
    assert_eq!(changes(WHOLE, WHOLE), []);
    for (from, to, path, says) in [
        (
            "points: 50, locked: true",
            "points: 51, locked: true",
            "characteristics[0].bins[0].points",
            "is 51; the points are locked, and the base has 50",
        ),
        ("points: 50, locked: true", "points: 51", "characteristics[0].bins[0].points", "is 51"),
        (
            "{ points: 0, locked: true }",
            "{ points: 7 }",
            "characteristics[0].missing.points",
            "is 7",
        ),
        ("points: -7, label", "points: -9, label", "characteristics[0].special[0].points", "is -9"),
        ("points: 20, locked: true", "points: 21", "characteristics[1].bins[0].points", "is 21"),
        ("{ points: 3, locked: true }", "{ points: 9 }", "characteristics[1].other.points", "is 9"),
        ("is: [YES]", "is: [NO]", "characteristics[1]", "20 locked points for home, YES: gone"),
        (
            "{ points: 4, locked: true }",
            "{ points: 9 }",
            "priority.terms[0].missing.points",
            "is 9",
        ),
        ("term: gain", "term: other", "priority.terms", "locked points for gain"),
    ] {
        assert_eq!(WHOLE.matches(from).count(), 1, "{from:?}");
        let found = changes(&WHOLE.replacen(from, to, 1), WHOLE);
        assert!(!found.is_empty(), "{from:?}");
        assert!(found[0].0 == path && found[0].1.contains(says), "{found:?}");
    }
    let free = WHOLE.replace(", locked: true", "");
    let moved = free.replacen("to: 31, points: 50", "to: 31, points: 51", 1);
    assert_eq!(changes(&moved, &free), [], "what is not locked may change");
    let locked_now = moved.replacen("to: 31, points: 51", "to: 31, points: 51, locked: true", 1);
    assert_eq!(changes(&locked_now, &free).len(), 1, "a lock of the draft counts as well");
}
