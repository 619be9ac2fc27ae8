//! What keeps a scorecard from being used: every rule of a card, broken once.

use crate::scoring::{BUSINESS_YAML, CONSUMER_YAML, InvalidScorecard, RuleSet, RuleSetDefinition};

use std::fmt::Write;

use super::definition;
use crate::model::RuleSetId;

/// A small card, sound as it stands.
pub(super) const SMALL: &str = "\
scorecard_id: small
base_points: 500
cutoffs: { a: 600, b: 400 }
diagnosis: { low_below_permille: 450, known_from_permille: 100 }
characteristics:
  - name: age
    feature: days_past_due
    family: overdue_age
    dimension: AGE
    weight_milli: 1500
    reason: { code: AGE, text: old, audience: AGENT }
    missing: { points: 0 }
    bins:
      - { to: 31, points: 50 }
      - { from: 31, to: 61, points: 0 }
      - { from: 61, points: -50 }
  - name: home
    feature: owns_home
    family: household
    dimension: WILLINGNESS_PASSIVE
    reason: { code: HOME, text: no home, audience: ANALYST }
    missing: { points: 0 }
    unknown: { points: 0 }
    bins:
      - { is: [YES], points: 20 }
      - { is: [NO], points: -20 }
priority:
  base_points: 0
  terms:
    - term: gain
      feature: recovery_score
      missing: { points: 0 }
      bins:
        - { to: 500, points: 10 }
        - { from: 500, points: 20 }
";

fn findings(yaml: &str) -> Vec<InvalidScorecard> {
    RuleSet::compile(RuleSetId(1), &definition(yaml)).err().unwrap_or_default()
}

/// The findings of the small card with one text replaced: path and message.
fn broken(text: &str, by: &str) -> Vec<(String, String)> {
    assert_eq!(SMALL.matches(text).count(), 1, "{text:?} must stand once in the card");
    let findings = findings(&SMALL.replacen(text, by, 1));
    findings.into_iter().map(|finding| (finding.path, finding.message)).collect()
}

#[track_caller]
fn one(text: &str, by: &str, path: &str, message: &str) {
    let found = broken(text, by);
    assert!(
        found.iter().any(|found| found.0 == path && found.1.contains(message)),
        "{by:?} must be found at {path} with {message:?}, not {found:?}"
    );
}

#[test]
fn the_small_and_the_shipped_cards_are_sound() {
    assert_eq!(findings(SMALL), vec![]);
    assert_eq!(findings(CONSUMER_YAML), vec![]);
    assert_eq!(findings(BUSINESS_YAML), vec![]);
}

#[test]
fn a_finding_says_which_of_two_cards_it_is_in() {
    let found = |person: &str, business: &str| {
        let with = RuleSetDefinition {
            business_scorecard_yaml: Some(business.to_owned()),
            ..definition(person)
        };
        let found = RuleSet::compile(RuleSetId(1), &with).err().unwrap_or_default();
        found.into_iter().map(|one| one.path).collect::<Vec<_>>()
    };
    let other = SMALL.replacen("scorecard_id: small", "scorecard_id: other", 1);
    assert_eq!(found(SMALL, &other), Vec::<String>::new());
    assert_eq!(found(SMALL, SMALL), ["business.scorecard_id"]);
    let wide = |card: &str| card.replacen("a: 600", "a: 1001", 1);
    assert_eq!(found(&wide(SMALL), &other), ["cutoffs"]);
    assert_eq!(found(SMALL, &wide(&other)), ["business.cutoffs"]);
    assert_eq!(found(&wide(SMALL), &wide(&other)), ["cutoffs", "business.cutoffs"]);
    assert_eq!(found("a: [1", "a: [1"), ["", "business"]);
}

#[test]
fn a_custom_input_is_protected_where_one_card_says_so() {
    let other = SMALL.replacen("scorecard_id: small", "scorecard_id: other", 1).replacen(
        "feature: owns_home",
        "feature: custom.area\n    kind: FLAG\n    protected: true",
        1,
    );
    let other = other.replacen("    unknown: { points: 0 }\n", "", 1);
    let mut with = definition(SMALL);
    with.business_scorecard_yaml = Some(other);
    with.ranking.protected_inputs_on = vec!["custom.area".to_owned()];
    assert!(RuleSet::compile(RuleSetId(1), &with).is_ok());
    with.ranking.protected_inputs_on = vec!["custom.place".to_owned()];
    let found = RuleSet::compile(RuleSetId(1), &with).expect_err("of no card");
    assert_eq!(found.len(), 1, "told once, not once a card: {found:?}");
    assert_eq!(found[0].path, "ranking.protected_inputs_on[0]");
}

#[test]
fn ranges_have_no_gaps_and_no_overlaps_and_open_ends() {
    one(
        "from: 31, ",
        "from: 32, ",
        "characteristics[0].bins[1].from",
        "is 32; the bin before ends at 31",
    );
    one("from: 61, ", "from: 60, ", "characteristics[0].bins[2].from", "a gap or an overlap");
    one("{ to: 31, ", "{ from: 0, to: 31, ", "characteristics[0].bins[0].from", "left out");
    one(
        "from: 61, points",
        "from: 61, to: 99, points",
        "characteristics[0].bins[2].to",
        "left out",
    );
    one("from: 31, to: 61, ", "from: 31, to: 31, ", "characteristics[0].bins[1].to", "above from");
    one("from: 31, to: 61, ", "from: 31, ", "characteristics[0].bins[1].to", "is missing");
    one(
        "{ to: 31, ",
        "{ to: 31.5, ",
        "characteristics[0].bins[0].to",
        "\"31.5\" is not a whole number",
    );
    one("{ to: 31, ", "{ to: soon, ", "characteristics[0].bins[0].to", "not a whole number");
    one("{ to: 31, ", "{ is: [YES], to: 31, ", "characteristics[0].bins[0].is", "ranges");
}

#[test]
fn special_bins_stand_where_they_can_occur_and_nowhere_else() {
    one(
        "    missing: { points: 0 }\n    bins:\n      - { to: 31",
        "    bins:\n      - { to: 31",
        "characteristics[0].missing",
        "must be given",
    );
    one("    unknown: { points: 0 }\n", "", "characteristics[1].unknown", "must be given");
    let other = "    missing: { points: 0 }\n    other: { points: 1 }\n    bins:\n      - { to: 31";
    one(
        "    missing: { points: 0 }\n    bins:\n      - { to: 31",
        other,
        "characteristics[0].other",
        "cannot occur",
    );
    one("      - { is: [NO], points: -20 }\n", "", "characteristics[1].other", "must be given");
    one(
        "is: [NO]",
        "is: [NO, YES]",
        "characteristics[1].bins[1].is[1]",
        "\"YES\" stands in bins[0] already",
    );
    one(
        "is: [NO]",
        "is: [NO, MAYBE]",
        "characteristics[1].bins[1].is[1]",
        "\"MAYBE\" is none of NO, YES",
    );
    one("is: [NO], ", "to: 3, ", "characteristics[1].bins[1].is", "must list categories");
}

#[test]
fn numbers_keep_their_bounds() {
    one(
        "- { to: 31, points: 50 }",
        "- { to: 31, points: -2147483648 }",
        "characteristics[0].bins[0].points",
        "is -2147483648; -1000 to 1000 are allowed",
    );
    one("{ a: 600, b: 400 }", "{ a: 400, b: 400 }", "cutoffs", "a is 400 and b is 400");
    one("{ a: 600, b: 400 }", "{ a: 1001, b: 400 }", "cutoffs", "a <= 1000");
    one("{ a: 600, b: 400 }", "{ a: 600, b: 0 }", "cutoffs", "0 < b");
    let by_stage = "{ a: 600, b: 400 }\ncutoffs_by_stage: { M6: { a: 2, b: 1 } }";
    one("{ a: 600, b: 400 }", by_stage, "cutoffs_by_stage.M6", "is not a stage");
    let by_stage = "{ a: 600, b: 400 }\ncutoffs_by_stage: { M2: { a: 2, b: 3 } }";
    one("{ a: 600, b: 400 }", by_stage, "cutoffs_by_stage.M2", "a is 2 and b is 3");
    one("base_points: 500", "base_points: 10001", "base_points", "-10000 to 10000");
    one(
        "weight_milli: 1500",
        "weight_milli: 10001",
        "characteristics[0].weight_milli",
        "0 to 10000",
    );
    one("weight_milli: 1500", "weight_milli: -1", "characteristics[0].weight_milli", "is -1");
    one("points: -50", "points: -1001", "characteristics[0].bins[2].points", "-1000 to 1000");
    one(
        "known_from_permille: 100",
        "known_from_permille: 0",
        "diagnosis.known_from_permille",
        "1 to 1000",
    );
    one(
        "low_below_permille: 450",
        "low_below_permille: 1001",
        "diagnosis.low_below_permille",
        "is 1001",
    );
    one("base_points: 0", "base_points: -1", "priority.base_points", "is -1");
}

#[test]
fn sums_stay_within_what_a_table_holds() {
    let heavy = |at: usize| {
        format!(
            "  - name: c{at}\n    feature: custom.n{at}\n    kind: NUMBER\n    family: custom\n    \
             dimension: AGE\n    weight_milli: 10000\n    reason: {{ code: R, text: t, audience: AGENT }}\n    \
             missing: {{ points: 0 }}\n    bins: [{{ points: 1000 }}]\n"
        )
    };
    let with = |count: usize| {
        let all: String = (0..count).map(heavy).collect();
        SMALL.replacen("  - name: home", &format!("{all}  - name: home"), 1)
    };
    assert_eq!(findings(&with(2)), vec![]);
    let found = findings(&with(3));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].message.contains("30595 at best"), "{found:?}");
    assert!(findings(&with(63)).iter().any(|one| one.message.contains("has 65 entries")));
}

#[test]
fn features_are_known_and_rights_never_rank() {
    one(
        "feature: owns_home",
        "feature: owns_hom",
        "characteristics[1].feature",
        "\"owns_hom\" is not a feature; known are",
    );
    one(
        "feature: owns_home",
        "feature: recovery_score",
        "characteristics[1].feature",
        "for the priority only",
    );
    for right in [
        "dispute",
        "holds",
        "complaint",
        "custom.hardship_requested",
        "custom.opt_out",
        "represented",
    ] {
        one(
            "feature: owns_home",
            &format!("feature: {right}"),
            "characteristics[1].feature",
            "a right of the debtor",
        );
        one(
            "feature: recovery_score",
            &format!("feature: {right}"),
            "priority.terms[0].feature",
            "a right of the debtor",
        );
    }
    one("feature: owns_home", "feature: custom.area", "characteristics[1].kind", "has a kind");
    one(
        "feature: owns_home",
        "feature: custom.Area\n    kind: TEXT",
        "characteristics[1].kind",
        "has a kind",
    );
    one(
        "feature: owns_home",
        "feature: owns_home\n    kind: TEXT",
        "characteristics[1].kind",
        "has a kind",
    );
    one(
        "feature: owns_home",
        "feature: custom.area\n    kind: FLOAT",
        "characteristics[1].kind",
        "none of NUMBER, TEXT and FLAG",
    );
    one("name: home", "name: age", "characteristics[1].name", "used twice");
    one("name: home", "name: Home", "characteristics[1].name", "a-z, 0-9 and _");
}

#[test]
fn words_that_only_look_like_rights_may_rank() {
    for name in ["custom.household_size", "custom.threshold", "custom.experimental"] {
        let feature = format!("feature: {name}\n    kind: FLAG");
        let found = broken("feature: owns_home", &feature);
        assert!(found.iter().all(|found| found.0 != "characteristics[1].feature"), "{found:?}");
    }
}

#[test]
fn protected_inputs_say_so_and_keep_to_analysts() {
    one("feature: owns_home", "feature: residency_local", "characteristics[1].protected", "say so");
    one(
        "audience: ANALYST",
        "audience: AGENT",
        "characteristics[1].reason.audience",
        "must be ANALYST",
    );
    let gambling = SMALL
        .replacen("audience: ANALYST", "audience: AGENT", 1)
        .replacen("family: household", "family: payment_history", 1)
        .replacen("feature: owns_home", "feature: overdue_reason", 1)
        .replacen("is: [YES]", "is: [FRAUD]", 1)
        .replacen("is: [NO]", "is: [FORGOT]", 1)
        .replacen(
            "    unknown: { points: 0 }",
            "    unknown: { points: 0 }\n    other: { points: 0 }",
            1,
        );
    let found = findings(&gambling);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].path, "characteristics[1].bins[0].reason");
    assert!(found[0].message.contains("suspicion"), "{found:?}");
    let mut on = definition(SMALL);
    on.ranking.protected_inputs_on = vec!["marital_status".to_owned(), "owns_home".to_owned()];
    let found = RuleSet::compile(RuleSetId(1), &on).expect_err("a home is not protected");
    assert_eq!(found[0].path, "ranking.protected_inputs_on[1]");
}

#[test]
fn every_finding_is_told_at_once_with_its_line() {
    let yaml = SMALL.replacen("from: 31, ", "from: 32, ", 1).replacen("a: 600", "a: 300", 1);
    let found = findings(&yaml);
    let told: Vec<(&str, Option<u64>)> =
        found.iter().map(|one| (one.path.as_str(), one.line)).collect();
    assert_eq!(told, [("cutoffs", Some(3)), ("characteristics[0].bins[1].from", Some(15))]);
    assert!(
        found[1].to_string().starts_with("line 15, column 11: characteristics[0].bins[1].from: ")
    );
}

#[test]
fn what_is_not_a_scorecard_is_told_with_its_line() {
    let found = findings(&SMALL.replacen("weight_milli", "wieght_milli", 1));
    assert_eq!((found.len(), found[0].line), (1, Some(10)), "{found:?}");
    assert_eq!(found[0].path, "characteristics[0].wieght_milli");
    let found = findings("a: [1");
    assert_eq!(found.len(), 1);
    let mut old = definition(SMALL);
    old.feature_version = 0;
    let found = RuleSet::compile(RuleSetId(1), &old).expect_err("of another version");
    assert_eq!((found.len(), found[0].path.as_str()), (1, "feature_version"));
}

#[test]
fn more_derived_features_than_allowed_cost_no_more_than_those_allowed() {
    let mut yaml = SMALL.to_owned();
    yaml.push_str("derived:\n  - { name: d0, known: [custom.a] }\n");
    for at in 1..5_000 {
        writeln!(yaml, "  - {{ name: d{at}, known: [derived.d{}] }}", at - 1).expect("a text");
    }
    let found = findings(&yaml);
    assert!(found.iter().any(|one| one.path == "derived" && one.message.contains("has 5000")));
}

#[test]
fn every_feature_is_documented() {
    let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/FEATURES.md");
    let page = std::fs::read_to_string(page).expect("the page of features");
    for name in crate::scoring::feature::Feature::names() {
        assert!(page.contains(&format!("`{name}`")), "docs/FEATURES.md does not define {name}");
    }
    let version = crate::scoring::FEATURE_VERSION;
    assert!(page.contains(&format!("feature version {version} ")), "of another version");
}

/// The findings of the small card with derived features of which the last is looked at by
/// so many conditions of knock-out rules.
fn looked_at(conditions: usize, formulas: &[&str]) -> Vec<(String, String)> {
    let mut yaml = format!("{SMALL}derived:\n");
    for (at, formula) in formulas.iter().enumerate() {
        writeln!(yaml, "  - {{ name: d{at}, {formula} }}").expect("a text");
    }
    yaml.push_str("knock_outs:\n");
    let one = format!("{{ feature: derived.d{}, from: 5 }}", formulas.len() - 1);
    for (rule, left) in (0..conditions).step_by(16).enumerate() {
        let when = vec![one.as_str(); (conditions - left).min(16)].join(", ");
        let reason = "{ code: K, text: t, audience: AGENT }";
        writeln!(yaml, "  - {{ name: r{rule}, score: 1, reason: {reason}, when: [{when}] }}")
            .expect("a text");
    }
    findings(&yaml).into_iter().map(|finding| (finding.path, finding.message)).collect()
}

#[test]
fn what_derived_features_cost_that_move_every_day_is_bounded_in_all() {
    let share = "ratio: { of: days_past_due, to: limit_amount }";
    assert_eq!(looked_at(85, &[share]), []);
    let found = looked_at(86, &[share]);
    let [(path, message)] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(path, "derived");
    for part in ["derived.d0 move every day", "258 values", "256 are allowed"] {
        assert!(message.contains(part), "{part}: {message}");
    }
    // 1 + 2 of the first + 1 of itself and 1 of what the document tells.
    let deep = [share, "max: [derived.d0, creditor_count]"];
    assert_eq!(looked_at(51, &deep), []);
    let found = looked_at(52, &deep);
    assert!(found[0].1.starts_with("derived.d1 move") && found[0].1.contains("260"), "{found:?}");
    // What moves by the month, or not at all, is looked at by the month, or never.
    for formula in [
        "ratio: { of: late_months_12, to: limit_amount }",
        "max: [monthly_income_amount, limit_amount]",
        "months_between: { from: oldest_due_date, to: today }",
    ] {
        assert_eq!(looked_at(400, &[formula]), [], "{formula}");
    }
    let fixed = ["max: [monthly_income_amount, limit_amount]", "min: [derived.d0, days_past_due]"];
    assert_eq!(looked_at(85, &fixed), []);
}
