//! What happens in the lives of random cases.

use arrears::model::*;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::{CASES, OUTCOMES, facts};

#[derive(Clone, Debug)]
pub(super) enum Step {
    /// Hours.
    Wait(i64),
    Push(Vec<Pushed>),
    Record(Vec<Happened>),
    Work(Worked),
    Activate(Changed),
}

/// A rule that gives a route: the label, what it looks at, and from where on.
pub(super) type Rule = (&'static str, &'static str, i32);

/// Those rules as settings have them.
pub(super) fn routing_rules(rules: [Option<Rule>; 2]) -> Vec<RoutingRule> {
    let rule = |(label, feature, from): Rule| RoutingRule {
        route: Route::new(label).unwrap(),
        when: vec![Condition {
            feature: feature.to_owned(),
            from: Some(from.to_string()),
            ..Condition::default()
        }],
    };
    rules.into_iter().flatten().map(rule).collect()
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Changed {
    Scorecard {
        kind: DebtorKind,
        base_points: i32,
        cutoff: i32,
        weight_milli: i32,
        /// The score of a rule, and from how many days past due it decides; nothing for
        /// no rule.
        knock_out: Option<(i32, i32)>,
        /// The base points of a population, and from how many days past due less the months
        /// since a payment one is of it; nothing for none.
        population: Option<(i32, i32)>,
    },
    Settings {
        tolerance: i64,
        last_days: [i32; 4],
        protected: bool,
        kind: DebtorKind,
        language: &'static str,
        /// Rules that give routes.
        routing: [Option<Rule>; 2],
    },
    /// So many activations ago.
    Back(i64),
    /// An experiment beside the newest scorecard of a kind: its name and its shares, and by
    /// how many points the challenger starts higher.
    Experiment {
        kind: DebtorKind,
        experiment_id: &'static str,
        challenger_permille: i32,
        control_permille: i32,
        more_points: i32,
    },
}

#[derive(Clone, Debug)]
pub(super) struct Worked {
    pub(super) outcome: &'static str,
    /// The language of the reasons that is asked for.
    pub(super) language: Option<&'static str>,
    pub(super) late: bool,
    /// Whether all cases of the work item were spoken of, or the lead case only.
    pub(super) all_cases: bool,
    /// What is promised, of the outcome that promises; nothing = all.
    pub(super) amount: Option<i64>,
    /// In how many days.
    pub(super) days: i32,
}

#[derive(Clone, Debug)]
pub(super) struct Pushed {
    pub(super) case: usize,
    /// The debtor and what is said; nothing = what was said before.
    pub(super) content: Option<(usize, Facts)>,
    pub(super) hours_old: i64,
    /// By how much the number lies behind the newest one.
    pub(super) numbers_back: i64,
}

#[derive(Clone, Debug)]
pub(super) struct Happened {
    pub(super) hours_ago: i64,
    /// How many events back the one is that is reversed or lifted.
    pub(super) back: usize,
    pub(super) what: What,
}

#[derive(Clone, Debug)]
pub(super) enum What {
    Payment(Vec<(usize, i64)>),
    Reversal,
    CaseHold(usize, HoldKind, Option<i64>),
    DebtorHold(usize, HoldKind),
    Lift,
}

fn pushed() -> impl Strategy<Value = Pushed> {
    let content =
        option::weighted(0.5, (prop_oneof![4 => Just(0), 1 => 1..3_usize], facts::facts()));
    let hours_old = prop_oneof![2 => Just(0), 2 => 0..12_i64, 2 => 0..100_i64];
    let numbers_back = prop_oneof![5 => Just(0), 1 => 0..4_i64];
    (0..CASES, content, hours_old, numbers_back).prop_map(
        |(case, content, hours_old, numbers_back)| Pushed {
            case,
            content,
            hours_old,
            numbers_back,
        },
    )
}

fn happened() -> impl Strategy<Value = Happened> {
    let kind = || proptest::sample::select(HoldKind::ALL);
    let what = prop_oneof![
        5 => vec((0..CASES, 1..40_000_i64), 1..3).prop_map(|mut shares| {
            shares.dedup_by_key(|share| share.0);
            What::Payment(shares)
        }),
        3 => Just(What::Reversal),
        1 => (0..CASES, kind(), option::of(1..200_i64))
            .prop_map(|(case, kind, hours)| What::CaseHold(case, kind, hours)),
        1 => (0..3_usize, kind()).prop_map(|(debtor, kind)| What::DebtorHold(debtor, kind)),
        2 => Just(What::Lift),
    ];
    (-12..100_i64, 0..4_usize, what).prop_map(|(hours_ago, back, what)| Happened {
        hours_ago,
        back,
        what,
    })
}

pub(super) fn worked() -> impl Strategy<Value = Worked> {
    let outcome = proptest::sample::select(&OUTCOMES[..]);
    let late = prop_oneof![4 => Just(false), 1 => Just(true)];
    let language = prop_oneof![Just(None), Just(Some("es")), Just(Some("zh"))];
    (outcome, language, late, any::<bool>(), option::of(1..30_000_i64), 2..60).prop_map(
        |(outcome, language, late, all_cases, amount, days)| Worked {
            outcome,
            language,
            late,
            all_cases,
            amount,
            days,
        },
    )
}

pub(super) fn changed() -> impl Strategy<Value = Changed> {
    let days = prop_oneof![Just([30, 60, 90, 120]), Just([5, 10, 40, 300])];
    let kind = || prop_oneof![3 => Just(DebtorKind::Person), 1 => Just(DebtorKind::Business)];
    let knock_out = option::of((0..1_001_i32, 0..120_i32));
    let population = option::of((-500..1_500_i32, 0..120_i32));
    let card = (kind(), -500..1_500_i32, 100..800_i32, 0..3_000_i32, knock_out, population);
    let tolerance = prop_oneof![Just(0_i64), Just(2_000), 0..50_000_i64];
    let language = prop_oneof![Just("und"), Just("es")];
    let features = ["days_past_due", "days_to_next_stage", "attempt_count", "promises_broken"];
    let feature = proptest::sample::select(features.to_vec());
    let rule = (prop_oneof![Just("legal"), Just("late")], feature, 0..60_i32);
    let routing = [option::of(rule.clone()), option::of(rule)];
    let settings = (tolerance, days, any::<bool>(), kind(), language, routing);
    // By each name the three debtors are otherwise spread over the arms.
    let names = &["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"][..];
    let shares = (prop_oneof![Just(0), Just(250), Just(500)], prop_oneof![Just(0), Just(200)]);
    let experiment = (kind(), proptest::sample::select(names), shares, 1..300_i32);
    let experiment = experiment.prop_map(|(kind, name, (challenger, control), more)| {
        let control = if challenger == 0 { 200 } else { control };
        (kind, name, challenger, control, more)
    });
    prop_oneof![
        2 => card.prop_map(|(kind, base_points, cutoff, weight_milli, knock_out, population)| {
            Changed::Scorecard { kind, base_points, cutoff, weight_milli, knock_out, population }
        }),
        3 => settings.prop_map(|(tolerance, last_days, protected, kind, language, routing)| {
            Changed::Settings { tolerance, last_days, protected, kind, language, routing }
        }),
        1 => (0..4_i64).prop_map(Changed::Back),
        3 => experiment.prop_map(
            |(kind, experiment_id, challenger_permille, control_permille, more_points)| {
                Changed::Experiment {
                    kind,
                    experiment_id,
                    challenger_permille,
                    control_permille,
                    more_points,
                }
            },
        ),
    ]
}

pub(super) fn pushes() -> impl Strategy<Value = Vec<Pushed>> {
    vec(pushed(), 1..4)
}

pub(super) fn events() -> impl Strategy<Value = Vec<Happened>> {
    vec(happened(), 1..4)
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => prop_oneof![1..30_i64, 24..2_000_i64].prop_map(Step::Wait),
        4 => pushes().prop_map(Step::Push),
        3 => events().prop_map(Step::Record),
        2 => worked().prop_map(Step::Work),
        1 => changed().prop_map(Step::Activate),
    ]
}
