//! Experiments: what ranks whom in which arm.

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::model::{Arm, DebtorKind, Experiment, ExperimentId, RuleSetId};
use crate::scoring::{ExperimentDefinition, Ranked, RuleSet, RuleSetDefinition};

use super::generate::{card_of_everything, case};
use super::properties::{check_stepping, check_sums};
use super::validation::SMALL;
use super::{Case, compiled, definition, shipped_definition};

/// An experiment with the largest shares there are.
pub(super) fn experiment(
    id: &str,
    challenger: Option<(DebtorKind, String)>,
) -> ExperimentDefinition {
    let experiment = Experiment {
        experiment_id: ExperimentId::new(id).expect("an id"),
        challenger_permille: if challenger.is_some() { 500 } else { 0 },
        control_permille: 200,
    };
    ExperimentDefinition { experiment, challenger }
}

/// A debtor of each arm of an experiment.
fn debtors(one: &ExperimentDefinition) -> BTreeMap<Arm, String> {
    let ids = (0..200).map(|number| format!("d-{number}"));
    ids.map(|id| (one.experiment.draw(&id).0, id)).collect()
}

fn of(case: &Case, debtor_id: &str) -> Case {
    Case { debtor_id: debtor_id.to_owned(), ..case.clone() }
}

/// A case as ranked without a word of arms.
fn plain(mut ranked: Ranked) -> Ranked {
    ranked.rank.arm = None;
    ranked
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(60) })]

    #[test]
    fn each_arm_is_ranked_by_its_own_and_explained_so(
        case in case(),
        (champion, challenger, business) in
            (card_of_everything(), card_of_everything(), card_of_everything()),
        challenged in prop_oneof![Just(DebtorKind::Person), Just(DebtorKind::Business)],
    ) {
        let business = business.replacen("scorecard_id: ", "scorecard_id: b", 1);
        let alone = |yaml: &str, business: &str| RuleSetDefinition {
            business_scorecard_yaml: Some(business.to_owned()),
            ..definition(yaml)
        };
        let tried = match challenged {
            DebtorKind::Person => alone(&challenger, &business),
            DebtorKind::Business => alone(&champion, &challenger.replacen("scorecard_id: ", "scorecard_id: b", 1)),
        };
        let challenger = match challenged {
            DebtorKind::Person => challenger,
            DebtorKind::Business => tried.business_scorecard_yaml.clone().unwrap_or_default(),
        };
        let running = experiment("autumn", Some((challenged, challenger)));
        let untouched = alone(&champion, &business);
        let with = RuleSetDefinition { experiment: Some(running.clone()), ..untouched.clone() };
        let [champion, tried, rules] = [&untouched, &tried, &with].map(compiled);
        for (arm, debtor_id) in debtors(&running) {
            let case = of(&case, &debtor_id);
            let ranked = case.rank(&rules);
            prop_assert_eq!(ranked.rank.arm, Some(arm));
            let explained = case.explain(&rules);
            prop_assert_eq!(explained.rank, ranked.rank);
            prop_assert_eq!(explained.experiment_id.as_deref(), Some("autumn"));
            check_sums(&explained)?;
            let reasons = rules.reasons(&case.input(), None);
            prop_assert_eq!(&reasons, &explained.reasons);
            match arm {
                Arm::Champion => prop_assert_eq!(plain(ranked), case.rank(&champion)),
                Arm::Challenger => prop_assert_eq!(plain(ranked), case.rank(&tried)),
                Arm::Control => {
                    let champion = case.rank(&champion);
                    let (one, other) = (&ranked.rank, &champion.rank);
                    prop_assert_eq!((one.score, one.group), (other.score, other.group));
                    let (_, lot) = running.experiment.draw(&debtor_id);
                    prop_assert_eq!(one.priority, lot.priority(case.today));
                    let names: Vec<_> =
                        explained.priority_lines.iter().map(|line| line.term.as_str()).collect();
                    prop_assert_eq!(names, ["control"]);
                }
            }
        }
    }

    #[test]
    fn nothing_of_a_case_has_a_say_in_its_arm_or_in_an_order_by_lot(
        (one, other) in (case(), case()), number in 0..10_000_u32, yaml in card_of_everything(),
    ) {
        let running = experiment("autumn", None);
        let with = RuleSetDefinition { experiment: Some(running), ..definition(&yaml) };
        let (rules, debtor_id) = (compiled(&with), format!("d-{number}"));
        let [one, other] = [one, other].map(|case| of(&case, &debtor_id).rank(&rules).rank);
        prop_assert_eq!(one.arm, other.arm);
        if one.arm == Some(Arm::Control) {
            prop_assert_eq!(one.priority, other.priority);
        }
    }

    #[test]
    fn stepping_through_every_arm_equals_ranking_every_day(
        case in case(), yaml in card_of_everything(),
    ) {
        let running = experiment("autumn", Some((DebtorKind::Person, yaml)));
        let with = RuleSetDefinition { experiment: Some(running.clone()), ..shipped_definition() };
        let rules = compiled(&with);
        for debtor_id in debtors(&running).values() {
            check_stepping(&rules, &of(&case, debtor_id))?;
        }
    }
}

/// The paths of what keeps a rule set with a challenger from ranking.
fn found(business: Option<&str>, (kind, challenger): (DebtorKind, &str)) -> Vec<String> {
    let with = RuleSetDefinition {
        business_scorecard_yaml: business.map(str::to_owned),
        experiment: Some(experiment("autumn", Some((kind, challenger.to_owned())))),
        ..definition(SMALL)
    };
    let found = RuleSet::compile(RuleSetId(1), &with).err().unwrap_or_default();
    found.into_iter().map(|one| one.path).collect()
}

#[test]
fn a_challenger_is_checked_like_any_scorecard() {
    use DebtorKind::{Business, Person};
    let nothing: [&str; 0] = [];
    let other = SMALL.replacen("scorecard_id: small", "scorecard_id: other", 1);
    let wide = SMALL.replacen("a: 600", "a: 1001", 1);
    assert_eq!(found(None, (Person, SMALL)), nothing, "it may have the id of its champion");
    assert_eq!(found(None, (Business, SMALL)), nothing);
    assert_eq!(found(Some(&other), (Business, &other)), nothing);
    assert_eq!(found(Some(&other), (Person, &wide)), ["challenger.cutoffs"]);
    assert_eq!(found(Some(&other), (Person, &other)), ["challenger.scorecard_id"]);
    assert_eq!(found(Some(&other), (Business, SMALL)), ["challenger.scorecard_id"]);
    assert_eq!(found(None, (Person, "a: [1")), ["challenger"]);
}

#[test]
fn what_is_odd_about_a_challenger_is_told_as_its() {
    let odd = |yaml: &str| {
        let with = RuleSetDefinition {
            experiment: Some(experiment("autumn", Some((DebtorKind::Person, yaml.to_owned())))),
            ..definition(SMALL)
        };
        compiled(&with).warnings().into_iter().map(|one| one.path).collect::<Vec<_>>()
    };
    // Neither reaches an A or a C; the other adds the same to every case besides.
    let flat = SMALL.replacen("weight_milli: 1500", "weight_milli: 0", 1);
    let own = ["cutoffs.a", "cutoffs.b"];
    let its = ["challenger.characteristics[0]", "challenger.cutoffs.a", "challenger.cutoffs.b"];
    assert_eq!(odd(&flat), [&own[..], &its].concat());
    assert_eq!(odd(SMALL), [&own[..], &its[1..]].concat());
}

/// What one scorecard marks as protected all of them must mark.
#[test]
fn what_a_challenger_protects_is_protected_everywhere() {
    let custom = "feature: custom.area\n    kind: FLAG";
    let open = SMALL.replacen("feature: owns_home", custom, 1);
    let open = open.replacen("    unknown: { points: 0 }\n", "", 1);
    let protected = open.replacen(custom, &format!("{custom}\n    protected: true"), 1);
    let found = |champion: &str, challenger: &str| {
        let running = experiment("autumn", Some((DebtorKind::Person, challenger.to_owned())));
        let with = RuleSetDefinition { experiment: Some(running), ..definition(champion) };
        let found = RuleSet::compile(RuleSetId(1), &with).err().unwrap_or_default();
        found.into_iter().map(|one| one.path).collect::<Vec<_>>()
    };
    assert_eq!(found(&open, &open), Vec::<String>::new());
    assert_eq!(found(&protected, &protected), Vec::<String>::new());
    assert_eq!(found(&open, &protected), ["characteristics[1].protected"]);
    assert_eq!(found(&protected, &open), ["challenger.characteristics[1].protected"]);
}
