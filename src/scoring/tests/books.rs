//! Books: what they tell of all cases is what single cases give, on any day.

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::model::{CaseNo, CaseState, Day, DebtorKind, Facts, Rank, Route, Stage};
use crate::scoring::feature::Feature;
use crate::scoring::month::Month;
use crate::scoring::subject::Subject;
use crate::scoring::{
    BUSINESS_YAML, Book, CaseInput, Count, Filter, HISTOGRAM_BUCKETS, RuleSet, RuleSetDefinition,
    Simulated, SimulationRequest, Slice, SliceBy, Standing, value,
};

use super::experiments::experiment;
use super::generate::{card_of_everything, case, routing_rules, today};
use super::{Case, compiled, definition, routed, shipped, shipped_definition};

/// A rule set of this card for persons and the shipped one for businesses, which
/// starts from so many points more.
fn with_business(yaml: &str, more: i32) -> RuleSetDefinition {
    let business =
        BUSINESS_YAML.replacen("base_points: 500", &format!("base_points: {}", 500 + more), 1);
    RuleSetDefinition { business_scorecard_yaml: Some(business), ..definition(yaml) }
}

/// Cases of the day of the tests, by number.
type Cases = BTreeMap<i64, Case>;

fn put(book: &mut Book, rules: &RuleSet, (number, case): (i64, &Case)) {
    let row = book.row(rules.ranking(), &case.input());
    book.put(CaseNo(number), row);
}

/// Cases that change, come or go, by their place.
fn follow(
    book: &mut Book,
    (rules, cases): (&RuleSet, &mut Cases),
    changes: impl IntoIterator<Item = (usize, Case, bool)>,
) {
    for (at, case, gone) in changes {
        let number = at as i64 + 1;
        if gone {
            cases.remove(&number);
            book.put(CaseNo(number), None);
        } else {
            put(book, rules, (number, &case));
            cases.insert(number, case);
        }
    }
}

fn bucket(number: i32) -> usize {
    (number as usize / 50).min(HISTOGRAM_BUCKETS - 1)
}

/// How far a case moves, as the book orders them.
fn how_far(ranks: &[Rank; 2]) -> i32 {
    let [one, two] = ranks;
    let groups = (one.group as i32 - two.group as i32).abs();
    1_001 * groups + (one.score - two.score).abs()
}

/// How many cases are of each population by the second rule set, and with each route.
type Counted = [BTreeMap<String, u64>; 2];

/// The same by ranking case by case.
fn one_by_one(
    rules: [&RuleSet; 2],
    cases: &Cases,
    (day, filter): (Day, &Filter),
) -> (Simulated, Vec<(i32, i64)>, Counted) {
    let mut told = Simulated { scores: vec![0; 1_001], ..Simulated::default() };
    let mut movers = Vec::new();
    let mut counted = Counted::default();
    for (number, case) in cases {
        let input = CaseInput { today: day, ..case.input() };
        let ranked = rules.map(|rules| rules.rank(&input));
        if ranked[0].state == CaseState::Closed {
            continue;
        }
        let kind = case.facts.debtor_kind.unwrap_or(rules[0].ranking().default_debtor_kind);
        if !filter.debtor_kinds.is_empty() && !filter.debtor_kinds.contains(&kind) {
            continue;
        }
        let amount = ranked[0].served.overdue_amount_minor;
        if filter.overdue_amount_minor_min.is_some_and(|min| amount < min) {
            continue;
        }
        let route = ranked[1].rank.route;
        if !filter.routes.is_empty() && !filter.routes.contains(&route) {
            continue;
        }
        if ranked[0].state == CaseState::PreDue {
            told.pre_due += 1;
            continue;
        }
        if !filter.stages.is_empty() && !filter.stages.contains(&ranked[0].stage) {
            continue;
        }
        *counted[0].entry(rules[1].explain(&input, None).population).or_default() += 1;
        *counted[1].entry(route.to_string()).or_default() += 1;
        let ranks = ranked.map(|ranked| ranked.rank);
        for (at, rank) in ranks.iter().enumerate() {
            told.score_histograms[at][bucket(rank.score)] += 1;
            told.priority_histograms[at][bucket(rank.priority)] += 1;
        }
        told.scores[ranks[1].score as usize] += 1;
        told.score_changed += u64::from(ranks[0].score != ranks[1].score);
        told.priority_changed += u64::from(ranks[0].priority != ranks[1].priority);
        let [one, two] = ranks.map(|rank| rank.group as usize - 1);
        told.migration[one][two] += Count { cases: 1, overdue_amount_minor: amount.into() };
        if how_far(&ranks) > 0 {
            movers.push((-how_far(&ranks), *number));
        }
    }
    movers.sort_unstable();
    (told, movers, counted)
}

fn check(
    book: &mut Book,
    rules: [&RuleSet; 2],
    cases: &Cases,
    (day, filter): (Day, &Filter),
) -> Result<(), TestCaseError> {
    let request = SimulationRequest {
        rule_sets: rules,
        day,
        filter: filter.clone(),
        slices: vec![
            SliceBy::Stage,
            SliceBy::Characteristic("c7".to_owned()),
            SliceBy::Characteristic("c100".to_owned()),
            SliceBy::Population,
            SliceBy::Route,
        ],
        movers: 5,
    };
    let mut told = book.simulate(&request).expect("the day is within a year");
    let (expected, movers, counted) = one_by_one(rules, cases, (day, filter));
    let cases_of = |slice: &Slice| slice.migration.as_flattened().iter().map(|one| one.cases).sum();
    let found: Counted = [3, 4].map(|at| {
        told.slices[at].iter().map(|slice| (slice.label.clone(), cases_of(slice))).collect()
    });
    prop_assert_eq!(found, counted);
    for slices in std::mem::take(&mut told.slices) {
        let cells = |at: usize| slices.iter().map(move |slice| slice.migration[at / 3][at % 3]);
        for at in 0..9 {
            prop_assert_eq!(cells(at).sum::<Count>(), told.migration[at / 3][at % 3]);
        }
    }
    let found = std::mem::take(&mut told.movers);
    let far: Vec<i32> = found.iter().map(|mover| -how_far(&mover.ranks)).collect();
    let wanted: Vec<i32> = movers.iter().map(|(far, _)| *far).take(5).collect();
    prop_assert_eq!(far, wanted);
    for mover in found {
        let input = CaseInput { today: day, ..cases[&mover.case_no.0].input() };
        let explained = rules.map(|rules| rules.explain(&input, None));
        for (at, explained) in explained.iter().enumerate() {
            let rank = explained.rank;
            prop_assert_eq!(mover.ranks[at], Rank { case_seq: 0, ..rank });
        }
        let moves = |[before, after]: [i32; 2]| after - before;
        let sum: i32 = mover.lines.iter().map(|line| moves(line.contributions)).sum();
        prop_assert_eq!(sum, mover.ranks[1].score - mover.ranks[0].score);
    }
    prop_assert_eq!(told, expected);
    check_standings(book, rules, cases, day)
}

/// Single cases stand where ranking them puts them, those not due nowhere.
fn check_standings(
    book: &mut Book,
    rules: [&RuleSet; 2],
    cases: &Cases,
    day: Day,
) -> Result<(), TestCaseError> {
    let asked: Vec<CaseNo> =
        cases.keys().chain([&i64::MAX]).map(|number| CaseNo(*number)).collect();
    let standings = book.standings(rules, day).expect("the day is within a year");
    let (some, others) = asked.split_at(asked.len() / 2);
    let mut found = book.stand(&standings, some);
    let others = book.stand(&standings, others).into_iter();
    found.extend(others.map(|standing| Standing { at: some.len() + standing.at, ..standing }));
    found.sort_unstable_by_key(|standing| standing.at);
    let mut expected = Vec::new();
    for (at, case) in cases.values().enumerate() {
        let ranked = rules.map(|rules| rules.rank(&CaseInput { today: day, ..case.input() }));
        if matches!(ranked[0].state, CaseState::Closed | CaseState::PreDue) {
            continue;
        }
        let ranks = ranked.each_ref().map(|ranked| ranked.rank);
        expected.push(Standing {
            at,
            stage: ranked[0].stage,
            groups: ranks.map(|rank| rank.group),
            scores: ranks.map(|rank| rank.score as i16),
            priorities: ranks.map(|rank| rank.priority as i16),
            arms: ranks.map(|rank| rank.arm),
            routes: ranks.map(|rank| rank.route),
        });
    }
    prop_assert_eq!(found, expected);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(40) })]

    #[test]
    fn a_course_is_the_value_on_every_day_of_a_year(case in case(), yaml in card_of_everything()) {
        let rules = shipped();
        let own = compiled(&definition(&yaml));
        let derived = own.scorecard(DebtorKind::Person).card.derived.iter();
        let derived = derived.filter_map(|one| one.feature.clone().map(Feature::Derived));
        let input = case.input();
        let subject = Subject::new(&input, rules.ranking());
        let began = Month::of(case.today);
        let features = Feature::names().filter_map(|name| Feature::find(name, None));
        let courses: Vec<_> = features
            .chain(derived)
            .filter_map(|one| Some((one.measure()?.course(&subject), one.clone())))
            .collect();
        for ahead in 0..=366 {
            let day = case.today.plus(ahead);
            let at = crate::scoring::book::Instant::new(day, began, rules.ranking().stage_bounds);
            let at = at.expect("a year is within reach");
            let input = CaseInput { today: day, ..case.input() };
            let subject = Subject::new(&input, rules.ranking());
            for (course, feature) in &courses {
                let (kept, fresh) = (course.value(feature, &at), value(feature, &subject));
                prop_assert_eq!(kept, fresh, "{:?} {} days ahead: {:?}", feature, ahead, course);
            }
        }
    }

    #[test]
    fn a_book_tells_what_single_cases_give(
        cases in proptest::collection::vec(case(), 1..60),
        (first, second) in (card_of_everything(), card_of_everything()),
        changes in proptest::collection::vec((0..60_usize, case(), any::<bool>()), 0..20),
        (days, stage, least) in (0..366_i32, 0..5_usize, 0..50_000_i64),
        routing in routing_rules(),
    ) {
        let with_business = |yaml: &str, more| routed(with_business(yaml, more), &routing);
        let one = compiled(&with_business(&first, 0));
        let other = compiled(&with_business(&second, 9));
        // One bin of one characteristic is worth more.
        let nearby = compiled(&with_business(&first.replacen("points: 2", "points: 5", 1), 0));
        let mut cases: Cases = (1..).zip(cases).collect();
        let mut book = Book::new([&one, &other], today());
        for (number, case) in &cases {
            put(&mut book, &one, (*number, case));
        }
        let all = (today(), &Filter::default());
        check(&mut book, [&one, &one], &cases, all)?;
        check(&mut book, [&one, &nearby], &cases, all)?;
        check(&mut book, [&one, &other], &cases, (today().plus(days), &Filter::default()))?;
        check(&mut book, [&one, &nearby], &cases, all)?;
        follow(&mut book, (&one, &mut cases), changes);
        check(&mut book, [&one, &nearby], &cases, all)?;
        let filter = Filter {
            stages: vec![Stage::ALL[stage]],
            debtor_kinds: vec![DebtorKind::Person],
            overdue_amount_minor_min: Some(least),
            ..Filter::default()
        };
        check(&mut book, [&one, &other], &cases, (today().plus(days), &filter))?;
        for route in [Route::NONE, routing[0].route] {
            let filter = Filter { routes: vec![route], ..Filter::default() };
            check(&mut book, [&one, &other], &cases, (today().plus(days), &filter))?;
        }
    }

    /// What ranks now holds an experiment; what is tried ranks alone, as it would active.
    #[test]
    fn a_book_tells_what_every_arm_gives(
        cases in proptest::collection::vec(case(), 1..60),
        (champion, challenger, candidate) in
            (card_of_everything(), card_of_everything(), card_of_everything()),
        changes in proptest::collection::vec((0..60_usize, case(), any::<bool>()), 0..20),
        (days, debtors) in (0..366_i32, 1..100_usize),
    ) {
        let running = experiment("autumn", Some((DebtorKind::Person, challenger)));
        let now = RuleSetDefinition { experiment: Some(running), ..with_business(&champion, 0) };
        let [now, next] = [&now, &with_business(&candidate, 9)].map(compiled);
        let of = |case, number: usize| Case { debtor_id: format!("d-{}", number % debtors), ..case };
        let numbered = cases.into_iter().enumerate();
        let mut cases: Cases =
            numbered.map(|(at, case)| (at as i64 + 1, of(case, at))).collect();
        let mut book = Book::new([&now, &next], today());
        prop_assert!(book.serves(&now, today()) && book.serves(&next, today()));
        for (number, case) in &cases {
            put(&mut book, &now, (*number, case));
        }
        let all = (today(), &Filter::default());
        check(&mut book, [&now, &next], &cases, all)?;
        check(&mut book, [&now, &next], &cases, (today().plus(days), &Filter::default()))?;
        // Also to other debtors, and so to other arms.
        let changes = changes.into_iter().map(|(at, case, gone)| (at, of(case, at + 7), gone));
        follow(&mut book, (&now, &mut cases), changes);
        check(&mut book, [&now, &next], &cases, all)?;
        let filter = Filter { overdue_amount_minor_min: Some(2_000), ..Filter::default() };
        check(&mut book, [&now, &next], &cases, (today(), &filter))?;
        // Both ways: what was active may have had the experiment.
        check(&mut book, [&next, &now], &cases, all)?;
        check(&mut book, [&now, &now], &cases, all)?;
        book.retain(|case_no| case_no.0 % 2 == 0);
        book.shrink();
        cases.retain(|number, _| number % 2 == 0);
        check(&mut book, [&now, &next], &cases, all)?;
    }
}

#[test]
fn a_book_serves_the_experiment_that_its_cases_are_kept_by() {
    let running = |id| {
        let experiment = Some(experiment(id, None));
        compiled(&RuleSetDefinition { experiment, ..shipped_definition() })
    };
    let (autumn, winter) = (running("autumn"), running("winter"));
    let book = Book::new([&autumn, shipped()], today());
    assert!(book.serves(&autumn, today()) && !book.serves(&winter, today()));
    assert!(book.serves(shipped(), today()), "what has ended needs no other book");
    assert!(!Book::new([shipped()], today()).serves(&autumn, today()));
}

#[test]
fn a_book_serves_what_it_has_columns_for_and_reaches_a_year() {
    let mut definition = shipped_definition();
    definition.scorecard_yaml =
        definition.scorecard_yaml.replace("feature: tenure_months", "feature: overdue_amount_log");
    let other = compiled(&definition);
    let fewer = definition_of_age();
    let rules = shipped();
    let mut book = Book::new([&fewer], today());
    assert!(book.serves(&fewer, today()));
    assert!(!book.serves(&fewer, today().plus(40)), "it was begun in another month");
    assert!(!book.serves(rules, today()));
    let whole = Book::new([rules], today());
    assert!(whole.serves(rules, today()) && whole.serves(&fewer, today()));
    assert!(whole.serves(&other, today()), "it looks at nothing more");
    let request = |day| SimulationRequest {
        rule_sets: [&fewer, &fewer],
        day,
        filter: Filter::default(),
        slices: Vec::new(),
        movers: 0,
    };
    assert!(book.simulate(&request(today().plus(366))).is_some());
    assert!(book.simulate(&request(today().plus(420))).is_none());
    assert!(book.simulate(&request(today().plus(-40))).is_none());
}

#[test]
fn a_book_takes_no_more_room_for_being_used() {
    let rules = shipped();
    let mut book = Book::new([rules], today());
    for number in 1..=5_000_i64 {
        let facts = Facts {
            overdue_amount_minor: 100 * number,
            oldest_due_date: Some(today().plus(-(number % 200) as i32)),
            ..Facts::default()
        };
        put(&mut book, rules, (number, &Case::new(facts, today())));
    }
    let before = book.bytes();
    book.simulate(&SimulationRequest::of_all([rules, rules], today())).expect("it is today");
    let more = book.bytes().saturating_sub(before);
    assert!(more < book.len(), "{more} bytes more than {before}");
}

fn definition_of_age() -> RuleSet {
    compiled(&definition(&super::generate::card_of_one("days_past_due", "")))
}

/// The bin of one characteristic is all that a filter and a slice by it leave.
#[test]
fn cases_are_filtered_and_counted_apart_by_bins() {
    let rules = shipped();
    let mut book = Book::new([rules], today());
    for number in 1..=100_i64 {
        let mut facts = Facts {
            overdue_amount_minor: 100,
            oldest_due_date: Some(today().plus(-(number as i32))),
            ..Facts::default()
        };
        if number % 4 == 0 {
            facts.inputs.set(crate::model::Input::Cooperation, 5);
        }
        put(&mut book, rules, (number, &Case::new(facts, today())));
    }
    let mut request = SimulationRequest {
        rule_sets: [rules, rules],
        day: today(),
        filter: Filter::default(),
        slices: vec![SliceBy::Characteristic("cooperation".to_owned()), SliceBy::DebtorKind],
        movers: 3,
    };
    let told = book.simulate(&request).expect("today is within reach");
    let counts = |told: &Simulated, at: usize| -> Vec<(String, u64)> {
        let slices = told.slices[at].iter();
        let cases = |counts: &[[Count; 3]; 3]| counts.iter().flatten().map(|one| one.cases).sum();
        slices.map(|slice| (slice.label.clone(), cases(&slice.migration))).collect()
    };
    assert_eq!(counts(&told, 0), [("missing".to_owned(), 75), ("HIGH".to_owned(), 25)]);
    assert_eq!(counts(&told, 1), [("PERSON".to_owned(), 100)]);
    assert!(told.movers.is_empty(), "nothing moves");
    request.filter.bins = vec![("cooperation".to_owned(), vec!["HIGH".to_owned()])];
    let told = book.simulate(&request).expect("today is within reach");
    assert_eq!(told.total(), Count { cases: 25, overdue_amount_minor: 2_500 });
    request.filter.bins = vec![("unheard_of".to_owned(), vec!["HIGH".to_owned()])];
    assert_eq!(book.simulate(&request).expect("today is within reach").total().cases, 0);
    book.retain(|case_no| case_no.0 <= 10);
    request.filter.bins.clear();
    assert_eq!(book.simulate(&request).expect("today is within reach").total().cases, 10);
}
