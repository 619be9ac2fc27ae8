//! Random scorecards, and random cases as the features that scorecards look at.

use std::fmt::Write;

use arrears::model::{
    ArrearsMonth, CustomFeature, CustomValue, Day, DebtorKind, Facts, History, INPUTS, Input,
    InputKind, LocalDays, Micros, Payment, RankingSettings, RuleSetId,
};
use arrears::scoring::card::{Card, Characteristic, KnockOut, Population};
use arrears::scoring::{CaseInput, Explanation, FEATURE_VERSION, RuleSet, RuleSetDefinition};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// What a column of features holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Column {
    Whole,
    Decimal,
    Text,
}

/// A scorecard with cases that it ranks.
pub(crate) struct Scorecard {
    pub card: Card,
    /// The features in use, each once.
    pub columns: Vec<(String, Column)>,
    pub cases: Vec<Ranked>,
}

/// A case as its features, and what the service makes of it.
pub(crate) struct Ranked {
    /// By column; empty is what nobody told.
    pub values: Vec<String>,
    pub score: i32,
    pub group: &'static str,
    /// The population by whose points it is ranked.
    pub population: String,
    pub missing: bool,
    pub unknown: bool,
    /// A text that no bin lists.
    pub unheard: bool,
    /// A single number that means something else.
    pub special: bool,
    /// A knock-out rule decided the score.
    pub ruled: bool,
    /// A feature of the scorecard's own is known.
    pub derived: bool,
}

const LEVEL: &[&str] = &["NONE", "LOW", "MEDIUM", "HIGH"];
const ANSWER: &[&str] = &["NO", "YES"];
const REASONS: &[&str] = &[
    "FORGOT",
    "PAYMENT_MISHAP",
    "TEMPORARY_SHORTAGE",
    "OWN_DEBTOR_LATE",
    "POOR_MANAGEMENT",
    "FAMILY_CHANGE",
    "INCOME_LOSS",
    "HABITUAL",
    "DISSATISFIED",
    "GAMBLING_OR_LUXURY",
    "FRAUD",
    "BUSINESS_FAILED",
    "AMOUNT_TOO_SMALL",
    "FALSE_OR_CHANGED_ADDRESS",
];
const EMPLOYMENT: &[&str] =
    &["UNEMPLOYED", "CASUAL", "SELF_EMPLOYED", "MANUAL", "OFFICE", "PUBLIC_SERVICE", "RETIRED"];

/// Features that are numbers, with the largest threshold drawn.
const NUMBERS: [(&str, i64); 10] = [
    ("days_past_due", 150),
    ("days_to_next_stage", 30),
    ("late_months_12", 6),
    ("arrears_trend", 3),
    ("months_since_payment", 6),
    ("overdue_amount_log", 60),
    ("creditor_count", 8),
    ("promises_broken", 4),
    ("limit_used_permille", 1_000),
    ("tenure_months", 60),
];

/// Features that are categories, with whether UNKNOWN is one more.
const CATEGORIES: [(&str, &[&str], bool); 9] = [
    ("cooperation", LEVEL, true),
    ("reachable", ANSWER, true),
    ("overdue_reason", REASONS, true),
    ("overdue_reason_state", &["CLAIMED", "VERIFIED", "REFUTED"], false),
    ("employment_type", EMPLOYMENT, true),
    ("income_state", &["STABLE", "REDUCED", "LOST"], true),
    ("debtor_kind", &["PERSON", "BUSINESS"], false),
    ("never_paid", ANSWER, false),
    ("marital_status", &["SINGLE", "MARRIED", "DIVORCED", "WIDOWED"], true),
];

/// A scorecard of a seed, over every kind of feature.
pub(crate) fn card(seed: u64) -> Card {
    let mut dice = StdRng::seed_from_u64(seed);
    let b = dice.random_range(200..500);
    let mut yaml = format!(
        "scorecard_id: drawn\nbase_points: {}\ncutoffs: {{ a: {}, b: {b} }}\n\
         diagnosis: {{ low_below_permille: 500, known_from_permille: 100 }}\n\
         priority: {{ base_points: 0, terms: [] }}\ncharacteristics:\n",
        dice.random_range(300..700),
        b + dice.random_range(50..300),
    );
    for (name, most) in NUMBERS {
        head(&mut yaml, name, &mut dice);
        numbers(&mut yaml, most, "", &mut dice);
    }
    for (name, names, unknown) in CATEGORIES {
        head(&mut yaml, name, &mut dice);
        if name == "marital_status" {
            yaml.push_str("  protected: true\n");
        }
        if unknown {
            writeln!(yaml, "  unknown: {{ points: {} }}", points(&mut dice)).unwrap();
        }
        categories(&mut yaml, names, &mut dice);
    }
    for (name, kind) in
        [("custom.index", "NUMBER"), ("custom.member", "FLAG"), ("custom.area", "TEXT")]
    {
        head(&mut yaml, name, &mut dice);
        writeln!(yaml, "  kind: {kind}").unwrap();
        match kind {
            "NUMBER" => numbers(&mut yaml, 5, ".25", &mut dice),
            "FLAG" => categories(&mut yaml, ANSWER, &mut dice),
            _ => {
                let [one, two] = [points(&mut dice), points(&mut dice)];
                writeln!(
                    yaml,
                    "  other: {{ points: {} }}\n  bins:\n  - {{ is: [retail, \"it's \\\"far\\\"\"], \
                     points: {one} }}\n  - {{ is: ['a b', \"é\\\\c\", UNKNOWN], points: {two} }}",
                    points(&mut dice)
                )
                .unwrap();
            }
        }
    }
    Card::read(&yaml).unwrap_or_else(|found| panic!("{found:?}: {yaml}"))
}

fn points(dice: &mut StdRng) -> i32 {
    dice.random_range(-70..70)
}

fn head(yaml: &mut String, feature: &str, dice: &mut StdRng) {
    writeln!(
        yaml,
        "- name: {}\n  feature: {feature}\n  family: custom\n  dimension: ABILITY\n  \
         weight_milli: {}\n  reason: {{ code: R, text: t, audience: ANALYST }}\n  \
         missing: {{ points: {} }}",
        feature.replace('.', "_"),
        dice.random_range(0..2_000),
        points(dice)
    )
    .unwrap();
}

fn numbers(yaml: &mut String, most: i64, decimals: &str, dice: &mut StdRng) {
    let mut bounds: Vec<i64> =
        (0..dice.random_range(1..6)).map(|_| dice.random_range(-1..=most)).collect();
    bounds.sort_unstable();
    bounds.dedup();
    yaml.push_str("  bins:\n");
    let mut from = String::new();
    for bound in bounds {
        // Below 0 the decimals of the next number up would stand behind the sign.
        let to = format!("{}{decimals}", bound.max(if decimals.is_empty() { -1 } else { 0 }));
        if from.contains(&format!(" {to},")) {
            continue;
        }
        writeln!(yaml, "  - {{ {from}to: {to}, points: {} }}", points(dice)).unwrap();
        from = format!("from: {to}, ");
    }
    writeln!(yaml, "  - {{ {from}points: {} }}", points(dice)).unwrap();
    let mut special: Vec<i64> =
        (0..dice.random_range(0..4)).map(|_| dice.random_range(0..=most)).collect();
    special.sort_unstable();
    special.dedup();
    for (at, value) in special.into_iter().enumerate() {
        let begin = if at == 0 { "  special:\n" } else { "" };
        let points = points(dice);
        writeln!(
            yaml,
            "{begin}  - {{ value: {value}{decimals}, points: {points}, label: {SPECIAL} }}"
        )
        .unwrap();
    }
}

/// Formulas over whole numbers, numbers of one's own, categories and each other; those
/// before the bar are whole, those behind it are in the unit of one's own.
const FORMULAS: [(&str, &str, &str); 13] = [
    ("part", "ratio: { of: overdue_amount_log, to: tenure_months }", ""),
    ("paid", "ratio: { of: limit_amount, to: custom.limit }", ""),
    ("own", "ratio: { of: custom.limit, to: custom.index }", ""),
    ("finer", "ratio: { of: custom.limit, to: limit_amount }", ""),
    ("gap", "difference: { of: limit_amount, less: custom.limit }", ".25"),
    ("late", "difference: { of: arrears_trend, less: creditor_count }", ""),
    ("least", "min: [derived.gap, custom.index, days_past_due]", ".5"),
    ("most", "max: [creditor_count, promises_broken, derived.late]", ""),
    ("told", "known: [reachable, custom.area, derived.gap, income_state]", ""),
    ("secret", "known: [marital_status, reachable]", ""),
    ("worse", "change: { of: late_months_6, months: 2 }", ""),
    ("booked", "months_between: { from: customer_since_date, to: oldest_due_date }", ""),
    ("deep", "ratio: { of: derived.least, to: derived.most }", ""),
];

/// Features of a scorecard's own, each with a characteristic that looks at it, and the
/// numbers that they look at and nobody else does.
pub(crate) fn put_derived(card: &mut Card, seed: u64) {
    let mut dice = StdRng::seed_from_u64(seed);
    let (mut derived, mut yaml) = (String::new(), String::new());
    for (name, formula, decimals) in FORMULAS {
        // Off, and in no query.
        let protected = if name == "secret" { "protected: true, " } else { "" };
        writeln!(derived, "- {{ name: {name}, {protected}{formula} }}").unwrap();
        head(&mut yaml, &format!("derived.{name}"), &mut dice);
        if name == "secret" {
            yaml.push_str("  protected: true\n");
        }
        let most = [5, 60, 3_000][dice.random_range(0..3)];
        numbers(&mut yaml, most, decimals, &mut dice);
    }
    head(&mut yaml, "limit_amount", &mut dice);
    numbers(&mut yaml, 1_000_000, "", &mut dice);
    head(&mut yaml, "custom.limit", &mut dice);
    yaml.push_str("  kind: NUMBER\n");
    numbers(&mut yaml, 1_000_000, ".25", &mut dice);
    let more: Vec<Characteristic> =
        serde_saphyr::from_str(&yaml).unwrap_or_else(|error| panic!("{error}: {yaml}"));
    card.characteristics.extend(more);
    card.derived = serde_saphyr::from_str(&derived).unwrap_or_else(|error| panic!("{error}"));
    let rule = "{ name: own, score: 444, reason: { code: K, text: t, audience: ANALYST }, \
                when: [{ feature: derived.deep, from: 300 }, { feature: derived.late, to: 1 }] }";
    card.knock_outs.insert(0, serde_saphyr::from_str(rule).unwrap());
}

/// Populations that look at what the scorecard itself does, some of which are off.
pub(crate) fn put_populations(card: &mut Card, seed: u64) {
    let mut dice = StdRng::seed_from_u64(seed);
    for at in 0..dice.random_range(1..4) {
        let count = dice.random_range(1..3);
        let when = (0..count).map(|_| CONDITIONS[dice.random_range(0..CONDITIONS.len())]);
        let when: Vec<String> = when.map(|one| format!("{{ {one} }}")).collect();
        let mut own = card.characteristics.clone();
        let mut first = true;
        own.retain(|_| std::mem::take(&mut first) || dice.random_bool(0.4));
        for one in &mut own {
            one.weight_milli = dice.random_range(0..2_000);
        }
        card.populations.push(Population {
            name: format!("p{at}"),
            when: serde_saphyr::from_str(&format!("[{}]", when.join(", "))).unwrap(),
            base_points: dice.random_range(200..800),
            characteristics: own,
        });
    }
}

/// Whether a query computes the feature itself.
fn is_computed(card: &Card, feature: &str) -> bool {
    let own = feature.strip_prefix("derived.");
    let of = |name: &str| card.derived.iter().find(|one| one.name == name);
    let one = own.and_then(of);
    one.is_some_and(|one| one.change.is_none() && one.months_between.is_none())
}

/// What every special value stands for.
const SPECIAL: &str = "something else";

/// The conditions of knock-out rules, over every kind of feature.
const CONDITIONS: [&str; 12] = [
    "feature: days_past_due, from: 20, to: 100",
    "feature: days_past_due, from: 60",
    "feature: creditor_count, to: 4",
    "feature: months_since_payment, missing: true",
    "feature: custom.index, kind: NUMBER, from: 1.25, to: 3.5",
    "feature: custom.area, kind: TEXT, is: [\"it's \\\"far\\\"\", unheard]",
    "feature: custom.area, kind: TEXT, missing: true",
    "feature: custom.member, kind: FLAG, is: [YES]",
    "feature: reachable, is: [NO]",
    "feature: cooperation, unknown: true",
    "feature: overdue_reason, is: [FRAUD, FORGOT, INCOME_LOSS, HABITUAL]",
    "feature: marital_status, protected: true, is: [MARRIED]",
];

/// Knock-out rules for a scorecard, some of which are off.
pub(crate) fn rules(seed: u64) -> Vec<KnockOut> {
    let mut dice = StdRng::seed_from_u64(seed);
    let mut yaml = String::new();
    for at in 0..dice.random_range(1..5) {
        let score = dice.random_range(0..=1_000);
        let count = dice.random_range(1..3);
        let when = (0..count).map(|_| CONDITIONS[dice.random_range(0..CONDITIONS.len())]);
        let when: Vec<String> = when.map(|one| format!("{{ {one} }}")).collect();
        writeln!(
            yaml,
            "- name: k{at}\n  score: {score}\n  when: [{}]\n  \
             reason: {{ code: K, text: t, audience: ANALYST }}",
            when.join(", ")
        )
        .unwrap();
    }
    serde_saphyr::from_str(&yaml).unwrap_or_else(|error| panic!("{error}: {yaml}"))
}

/// The names in up to three bins, some of them perhaps in none.
fn categories(yaml: &mut String, names: &[&str], dice: &mut StdRng) {
    let mut bins: [Vec<&str>; 3] = Default::default();
    let mut left_out = false;
    for name in names {
        match dice.random_range(0..4) {
            3 if names.len() > 2 => left_out = true,
            at => bins[at % 3].push(name),
        }
    }
    if bins.iter().all(Vec::is_empty) {
        bins[0].push(names[0]);
    }
    if left_out {
        writeln!(yaml, "  other: {{ points: {} }}", points(dice)).unwrap();
    }
    yaml.push_str("  bins:\n");
    for bin in bins.iter().filter(|bin| !bin.is_empty()) {
        writeln!(yaml, "  - {{ is: [{}], points: {} }}", bin.join(", "), points(dice)).unwrap();
    }
}

/// The days of UTC.
struct Utc;

impl LocalDays for Utc {
    fn day_of(&self, instant: Micros) -> Day {
        Day(i32::try_from(instant.0.div_euclid(Micros::DAY)).unwrap())
    }

    fn start_of(&self, day: Day) -> Micros {
        Micros(i64::from(day.0) * Micros::DAY)
    }
}

/// A scorecard that ranks, by the settings of a new portfolio.
pub(super) fn compiled(card: &Card) -> RuleSet {
    let definition = RuleSetDefinition {
        scorecard_yaml: card.canonical(),
        business_scorecard_yaml: None,
        ranking: RankingSettings::default(),
        feature_version: FEATURE_VERSION,
        experiment: None,
    };
    RuleSet::compile(RuleSetId(1), &definition)
        .unwrap_or_else(|found| panic!("{found:?}: {}", card.canonical()))
}

/// Ranks random cases by a scorecard.
pub(super) fn scorecard(card: Card, seed: u64, count: usize) -> Scorecard {
    // Every column has a line where there are no populations.
    let plain = Card { populations: Vec::new(), ..card.clone() };
    let rules = [compiled(&card), compiled(&plain)];
    let columns = columns(&card);
    let mut dice = StdRng::seed_from_u64(seed);
    let cases = (0..count).map(|_| ranked(&rules, &card, &columns, &mut dice)).collect();
    Scorecard { card, columns, cases }
}

/// The features that a scorecard looks at, each once.
pub(crate) fn columns(card: &Card) -> Vec<(String, Column)> {
    let mut columns: Vec<(String, Column)> = Vec::new();
    for one in card.characteristics.iter().filter(|one| !is_computed(card, &one.feature)) {
        let texts = one.bins.iter().any(|bin| bin.is.is_some());
        let kind = match (texts, one.kind.is_some()) {
            (true, _) => Column::Text,
            (false, true) => Column::Decimal,
            (false, false) => Column::Whole,
        };
        if columns.iter().all(|(name, _)| *name != one.feature) {
            columns.push((one.feature.clone(), kind));
        }
    }
    columns
}

fn ranked(
    rules: &[RuleSet; 2],
    card: &Card,
    columns: &[(String, Column)],
    dice: &mut StdRng,
) -> Ranked {
    let today = Day::from_ymd(2026, 3, 20).unwrap();
    let (facts, history) = case(today, dice);
    let as_of = Utc.start_of(today);
    let input = CaseInput {
        facts: &facts,
        history: &history,
        debtor_id: "d-1",
        as_of,
        case_seq: 1,
        today,
        days: &Utc,
    };
    let told = rules.each_ref().map(|rules| rules.explain(&input, None));
    Ranked::of(told.each_ref(), card, columns)
}

impl Ranked {
    /// A case as it is explained, and as it would be if its scorecard had no populations: its
    /// features stand beside what they contribute.
    pub fn of(
        [told, plain]: [&Explanation; 2],
        card: &Card,
        columns: &[(String, Column)],
    ) -> Ranked {
        let lines = || card.characteristics.iter().zip(&plain.lines);
        let of = |name: &String| {
            let line = lines().find(|(one, _)| one.feature == *name).map(|(_, line)| line);
            line.expect("every column is a feature of the scorecard").value.clone()
        };
        Ranked {
            values: columns.iter().map(|(name, _)| of(name)).collect(),
            score: told.rank.score,
            group: told.rank.group.letter(),
            population: told.population.clone(),
            missing: told.lines.iter().any(|line| line.missing),
            unknown: told.lines.iter().any(|line| line.bin == "unknown"),
            unheard: told.lines.iter().any(|line| line.bin == "other"),
            special: told.lines.iter().any(|line| line.bin == SPECIAL),
            ruled: told.knock_out.is_some(),
            derived: told.derived.iter().any(|line| !line.value.is_empty()),
        }
    }
}

/// A case; half of what may be told is not.
pub(crate) fn case(today: Day, dice: &mut StdRng) -> (Facts, History) {
    let mut facts = Facts {
        overdue_amount_minor: dice.random_range(1..5_000_000),
        oldest_due_date: (!dice.random_bool(0.1)).then(|| today.plus(-dice.random_range(-2..160))),
        debtor_kind: [None, Some(DebtorKind::Person), Some(DebtorKind::Business)]
            [dice.random_range(0..3)],
        ..Facts::default()
    };
    for input in INPUTS.iter().copied() {
        if dice.random_bool(0.5) {
            facts.inputs.set(input, value(input, dice));
        }
    }
    if dice.random_bool(0.6) {
        let months = (1..=8).rev().map(|before| today.plus(-31 * before).ymd());
        facts.arrears_profile = months
            .map(|(year, month, _)| ArrearsMonth {
                month: Day::from_ymd(year, month, 1).unwrap(),
                months_past_due: dice.random_range(0..4),
                billed_amount_minor: None,
                paid_amount_minor: None,
            })
            .collect();
        facts.arrears_profile.dedup_by_key(|month| month.month);
    }
    let custom = [
        (
            "area",
            CustomValue::Text(
                ["retail", "a b", "é\\c", "it's \"far\"", "unheard", "UNKNOWN"]
                    [dice.random_range(0..6)]
                .to_owned(),
            ),
        ),
        ("index", CustomValue::Number(250_000 * dice.random_range(-2..24))),
        ("limit", CustomValue::Number(dice.random_range(-5_000_000..3_000_000_000_000))),
        ("member", CustomValue::Flag(dice.random_bool(0.5))),
    ];
    for (feature_id, value) in custom {
        if dice.random_bool(0.7) {
            facts.custom_features.push(CustomFeature { feature_id: feature_id.to_owned(), value });
        }
    }
    let mut history = History::default();
    if dice.random_bool(0.3) {
        history.pay(Payment {
            event_id: "p".to_owned(),
            event_time: Utc.start_of(today.plus(-dice.random_range(0..200))),
            amount_minor: dice.random_range(1..1_000),
            reversed_time: None,
        });
    }
    (facts, history)
}

fn value(input: Input, dice: &mut StdRng) -> i64 {
    match input.kind() {
        InputKind::Level => dice.random_range(1..=5),
        InputKind::Answer => dice.random_range(1..=3),
        InputKind::Enum(max) => dice.random_range(1..=max),
        InputKind::Count { max } => dice.random_range(0..=max.min(10)),
        InputKind::Amount => dice.random_range(0..1_000_000),
        InputKind::Date => dice.random_range(18_000..20_500),
    }
}

/// What the service makes of derived features, in their order, as text, of a case with
/// `custom.a` and `custom.b` in millionths, `limit_amount` and `creditor_count`; empty is
/// missing.
pub(super) fn derived(rules: &RuleSet, own: (i64, i64), given: (i64, i64)) -> Vec<String> {
    told(rules, own, given).derived.into_iter().map(|line| line.value).collect()
}

/// What the service makes of such a case.
pub(super) fn told(
    rules: &RuleSet,
    (a, b): (i64, i64),
    (amount, count): (i64, i64),
) -> Explanation {
    let today = Day::from_ymd(2026, 3, 20).unwrap();
    let mut facts =
        Facts { overdue_amount_minor: 1, oldest_due_date: Some(today), ..Facts::default() };
    facts.inputs.set(Input::LimitAmount, amount);
    facts.inputs.set(Input::CreditorCount, count);
    for (feature_id, number) in [("a", a), ("b", b)] {
        let value = CustomValue::Number(number);
        facts.custom_features.push(CustomFeature { feature_id: feature_id.to_owned(), value });
    }
    let input = CaseInput {
        facts: &facts,
        history: &History::default(),
        debtor_id: "d-1",
        as_of: Utc.start_of(today),
        case_seq: 1,
        today,
        days: &Utc,
    };
    rules.explain(&input, None)
}
