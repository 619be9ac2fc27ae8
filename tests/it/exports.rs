//! What is exported ranks as the service does: queries on a database, PMML in an engine
//! that is not ours.

pub(crate) mod draw;

use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use arrears::model::RankingSettings;
use arrears::scoring::card::Card;
use arrears::scoring::format::{Format, export};
use arrears::scoring::{BUSINESS_YAML, CONSUMER_YAML};

use crate::support::TestDatabase;
use draw::{Column, Ranked, Scorecard};

/// Twenty random scorecards and the two shipped ones, over 500 cases each; where they are
/// wanted every second one of the random with knock-out rules, every third with features
/// of its own, and half of them with populations.
fn scorecards(with_rules: bool) -> Vec<Scorecard> {
    let shipped = [CONSUMER_YAML, BUSINESS_YAML].map(|yaml| Card::read(yaml).unwrap());
    let random = (0..20).map(|seed| {
        let mut card = draw::card(seed);
        if with_rules && seed % 2 == 0 {
            card.knock_outs = draw::rules(seed);
        }
        if with_rules && seed % 3 == 0 {
            draw::put_derived(&mut card, seed);
        }
        if with_rules && seed % 4 < 2 {
            draw::put_populations(&mut card, seed);
        }
        card
    });
    let cards = shipped.into_iter().chain(random).enumerate();
    cards.map(|(seed, card)| draw::scorecard(card, seed as u64, 500)).collect()
}

fn written(card: &Card, format: Format) -> String {
    export(card, format, &RankingSettings::default()).unwrap()
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A table `features` with the cases of a scorecard and what is expected of each.
fn fill(database: &TestDatabase, scorecard: &Scorecard) {
    let mut columns: Vec<String> = Vec::new();
    for (name, kind) in &scorecard.columns {
        let kind = match kind {
            Column::Whole => "BIGINT",
            Column::Decimal => "NUMERIC",
            Column::Text => "TEXT",
        };
        columns.push(format!("\"{name}\" {kind}"));
    }
    let columns = columns.join(", ");
    let table = format!(
        "CREATE TABLE features ({columns}, expected_population TEXT, expected_score BIGINT, expected_group TEXT)"
    );
    database.execute("DROP TABLE IF EXISTS features");
    database.execute(&table);
    for chunk in scorecard.cases.chunks(250) {
        let mut values = String::new();
        for (at, Ranked { values: of_case, population, score, group, .. }) in
            chunk.iter().enumerate()
        {
            values.push_str(if at == 0 { "(" } else { ", (" });
            for ((_, kind), value) in scorecard.columns.iter().zip(of_case) {
                match (value.as_str(), kind) {
                    ("", _) => values.push_str("NULL, "),
                    (text, Column::Text) => write!(values, "{}, ", literal(text)).unwrap(),
                    (number, _) => write!(values, "{number}, ").unwrap(),
                }
            }
            write!(values, "'{population}', {score}, '{group}')").unwrap();
        }
        database.execute(&format!("INSERT INTO features VALUES {values}"));
    }
}

/// The query for the database that the tests run on.
fn query(database: &TestDatabase, card: &Card) -> String {
    let format = if database.url().is_some() { Format::SqlPostgres } else { Format::SqlSqlite };
    let query = written(card, format);
    query.trim_end().trim_end_matches(';').to_owned()
}

/// The query of a scorecard scores all its cases as is expected of it. How many of them are
/// of a population.
pub(crate) fn check_query(database: &TestDatabase, scorecard: &Scorecard) -> i64 {
    fill(database, scorecard);
    let query = query(database, &scorecard.card);
    let differing = "recovery_score IS DISTINCT FROM expected_score \
                     OR recovery_group IS DISTINCT FROM expected_group";
    let count = |condition: &str| {
        database.count(&format!("SELECT COUNT(*) FROM ({query}) AS ranked WHERE {condition}"))
    };
    assert_eq!(count(differing), 0, "{query}");
    assert_eq!(count("recovery_score >= 0"), scorecard.cases.len() as i64);
    // Where all are off, nobody is of any.
    if !query.contains("AS population") {
        return 0;
    }
    assert_eq!(count("population IS DISTINCT FROM expected_population"), 0, "{query}");
    count("population <> ''")
}

#[test]
fn a_query_scores_ten_thousand_cases_as_the_service_does() {
    let database = TestDatabase::without_tables();
    let (mut cases, mut parted, mut seen) = (0, 0, [0; 6]);
    for scorecard in scorecards(true) {
        parted += check_query(&database, &scorecard);
        cases += scorecard.cases.len();
        for case in &scorecard.cases {
            let Ranked { missing, unknown, unheard, special, ruled, derived, .. } = case;
            let is = [missing, unknown, unheard, special, ruled, derived];
            for (count, is) in seen.iter_mut().zip(is) {
                *count += i32::from(*is);
            }
        }
    }
    assert!(cases >= 10_000 && parted > 500, "{cases}, {parted} of a population");
    let names = "missing, unknown, unheard, special, ruled, derived";
    assert!(seen.iter().all(|count| *count > 1_000), "{names}: {seen:?}");
}

#[test]
fn a_value_that_no_case_can_have_gives_no_score() {
    let database = TestDatabase::without_tables();
    let card = Card::read(CONSUMER_YAML).unwrap();
    let scorecard = draw::scorecard(card, 1, 1);
    fill(&database, &scorecard);
    let query = query(&database, &scorecard.card);
    let unscored = || {
        database.count(&format!(
            "SELECT COUNT(*) FROM ({query}) AS ranked \
             WHERE recovery_score IS NULL AND recovery_group IS NULL"
        ))
    };
    assert_eq!(unscored(), 0);
    database.execute("UPDATE features SET reachable = 'MAYBE'");
    assert_eq!(unscored(), 1);
    database.execute("UPDATE features SET reachable = NULL");
    assert_eq!(unscored(), 0);
    if database.url().is_none() {
        // PostgreSQL refuses it itself.
        database.execute("UPDATE features SET days_past_due = 'many'");
        assert_eq!(unscored(), 1);
    }
}

#[test]
fn a_rule_may_look_at_what_no_characteristic_does() {
    let database = TestDatabase::without_tables();
    let mut card = Card::read(CONSUMER_YAML).unwrap();
    let scorecard = draw::scorecard(card.clone(), 2, 1);
    fill(&database, &scorecard);
    database.execute("ALTER TABLE features ADD COLUMN \"custom.size\" BIGINT");
    database.execute("ALTER TABLE features ADD COLUMN \"custom.member\" TEXT");
    card.knock_outs = serde_saphyr::from_str(
        "[{ name: many, score: 7, reason: { code: K, text: t, audience: ANALYST },
            when: [{ feature: custom.size, kind: NUMBER, from: 2.5 },
                   { feature: custom.member, kind: FLAG, is: [YES] }] }]",
    )
    .unwrap();
    assert!(scorecard.columns.iter().all(|(name, _)| name != "custom.member"));
    let query = query(&database, &card);
    let holds = |condition: &str| {
        let rows = format!("SELECT COUNT(*) FROM ({query}) AS ranked WHERE {condition}");
        database.count(&rows) == 1
    };
    let points = "recovery_score = expected_score AND recovery_group = expected_group";
    let none = "recovery_score IS NULL AND recovery_group IS NULL";
    let put = |size: &str, member: &str| {
        database.execute(&format!(
            "UPDATE features SET \"custom.size\" = {size}, \"custom.member\" = {member}"
        ));
    };
    assert!(holds(points));
    put("3", "NULL");
    assert!(holds(points));
    put("3", "'YES'");
    assert!(holds("recovery_score = 7 AND recovery_group = 'C'"));
    put("2", "'YES'");
    assert!(holds(points));
    put("3", "'MAYBE'");
    assert!(holds(none));
}

#[test]
fn what_a_derived_feature_cannot_look_at_gives_no_score() {
    let database = TestDatabase::without_tables();
    let mut card = Card::read(CONSUMER_YAML).unwrap();
    let scorecard = draw::scorecard(card.clone(), 3, 1);
    fill(&database, &scorecard);
    database.execute("ALTER TABLE features ADD COLUMN limit_amount BIGINT");
    database.execute("ALTER TABLE features ADD COLUMN \"custom.any\" TEXT");
    card.derived = serde_saphyr::from_str(
        "[{ name: share, ratio: { of: limit_amount, to: days_past_due } },
          { name: told, known: [income_state, custom.any, derived.share] }]",
    )
    .unwrap();
    card.knock_outs = serde_saphyr::from_str(
        "[{ name: much, score: 7, reason: { code: K, text: t, audience: ANALYST },
            when: [{ feature: derived.share, from: 2000 }, { feature: derived.told, from: 2 }] }]",
    )
    .unwrap();
    let query = query(&database, &card);
    let put = |values: &str| database.execute(&format!("UPDATE features SET {values}"));
    let holds = |condition: &str| {
        let rows = format!("SELECT COUNT(*) FROM ({query}) AS ranked WHERE {condition}");
        database.count(&rows) == 1
    };
    put("days_past_due = 40, limit_amount = 79, income_state = NULL, \"custom.any\" = 'far'");
    assert!(holds("\"derived.share\" = 1975 AND \"derived.told\" = 2 AND recovery_score <> 7"));
    put("limit_amount = 80");
    assert!(holds("\"derived.share\" = 2000 AND recovery_score = 7"));
    put("limit_amount = -1");
    assert!(holds("\"derived.share\" = -25 AND recovery_score <> 7"));
    put("days_past_due = 0, income_state = 'UNKNOWN'");
    assert!(holds("\"derived.share\" IS NULL AND \"derived.told\" = 1"));
    assert!(holds("recovery_score IS NOT NULL"));
    put("income_state = 'SOME'");
    assert!(holds("recovery_score IS NULL AND recovery_group IS NULL"));
    if database.url().is_none() {
        put("income_state = NULL, limit_amount = 'many'");
        assert!(holds("recovery_score IS NULL AND recovery_group IS NULL"));
    }
}

/// Ratios of whole numbers, of numbers of one's own and of derived ones, each looked at.
const RATIOS: &str = "
scorecard_id: ratios
base_points: 500
cutoffs: { a: 600, b: 400 }
diagnosis: { low_below_permille: 450, known_from_permille: 100 }
derived:
  - { name: own, ratio: { of: custom.a, to: custom.b } }
  - { name: finer, ratio: { of: limit_amount, to: custom.b } }
  - { name: coarser, ratio: { of: custom.a, to: limit_amount } }
  - { name: whole, ratio: { of: limit_amount, to: creditor_count } }
  - { name: again, ratio: { of: derived.finer, to: derived.own } }
  - { name: back, ratio: { of: custom.a, to: derived.finer } }
characteristics:
";

fn ratios() -> Card {
    let mut yaml = RATIOS.to_owned();
    for name in ["own", "finer", "coarser", "whole", "again", "back"] {
        writeln!(
            yaml,
            "  - {{ name: {name}, feature: derived.{name}, family: custom, dimension: ABILITY, \
             reason: {{ code: R, text: t, audience: ANALYST }}, missing: {{ points: 0 }}, \
             bins: [{{ to: 1000, points: 10 }}, {{ from: 1000, points: 20 }}] }}"
        )
        .unwrap();
    }
    yaml.push_str("priority: { base_points: 0, terms: [] }\n");
    Card::read(&yaml).unwrap()
}

#[test]
fn ratios_of_the_largest_and_the_smallest_numbers_are_those_of_the_service() {
    let database = TestDatabase::without_tables();
    let names = ["own", "finer", "coarser", "whole", "again", "back"];
    let expected = names.map(|name| format!("expected_{name} BIGINT")).join(", ");
    database.execute(&format!(
        "CREATE TABLE features (\"custom.a\" NUMERIC, \"custom.b\" NUMERIC, \
         limit_amount BIGINT, creditor_count BIGINT, {expected})"
    ));
    // What service and databases hold alike: millionths, and whole numbers whose
    // millionths a floating number has.
    let own: [i64; 13] = [
        -9_000_000_000_000_000_000,
        -9_223_372_037_000_000,
        -1,
        0,
        1,
        3,
        999_999,
        1_000_000,
        2_999_999_000_000,
        9_223_372_036_000_000,
        9_223_372_037_000_000,
        8_999_999_999_488_000_000,
        9_000_000_000_000_000_000,
    ];
    let amounts: [i64; 6] =
        [0, 1, 7, 9_223_372_036_855, 999_999_999_999_999, 1_000_000_000_000_000];
    let rules = draw::compiled(&ratios());
    let (mut rows, mut seen) = (Vec::new(), 0);
    for a in own {
        for b in own {
            for (at, amount) in amounts.iter().enumerate() {
                let count = [1, 7, 90][at % 3];
                let made = draw::derived(&rules, (a, b), (*amount, count));
                seen += made.iter().filter(|value| !value.is_empty()).count();
                let made = made.iter().map(|one| if one.is_empty() { "NULL" } else { one });
                let made: Vec<&str> = made.collect();
                let [a, b] = [a, b].map(decimal);
                rows.push(format!("({a}, {b}, {amount}, {count}, {})", made.join(", ")));
            }
        }
    }
    assert!(seen > 3_000, "{seen} of {} rows have ratios", rows.len());
    for chunk in rows.chunks(250) {
        database.execute(&format!("INSERT INTO features VALUES {}", chunk.join(", ")));
    }
    let query = query(&database, &ratios());
    for name in names {
        let differing = format!(
            "SELECT COUNT(*) FROM ({query}) AS ranked \
             WHERE \"derived.{name}\" IS DISTINCT FROM expected_{name}"
        );
        assert_eq!(database.count(&differing), 0, "{name}");
    }
}

const FINE: &str = "\
scorecard_id: fine
base_points: 500
cutoffs: { a: 540, b: 470 }
diagnosis: { low_below_permille: 450, known_from_permille: 100 }
knock_outs:
  - name: some
    when: [{ feature: custom.b, kind: NUMBER, from: -0.300002, to: -0.299997 }]
    score: 77
    reason: { code: K, text: t, audience: ANALYST }
characteristics:
  - name: fine
    feature: custom.a
    kind: NUMBER
    family: custom
    dimension: ABILITY
    reason: { code: R, text: t, audience: ANALYST }
    missing: { points: 0 }
    special:
      - { value: -1, points: -70, label: minus }
      - { value: 0.75, points: 70, label: three }
      - { value: 0, points: 71, label: zero }
    bins:
      - { to: -0.25, points: -30 }
      - { from: -0.25, to: 0, points: -10 }
      - { from: 0, to: 0.000001, points: 5 }
      - { from: 0.000001, to: 0.5, points: 10 }
      - { from: 0.5, to: 524287.123457, points: 20 }
      - { from: 524287.123457, points: 40 }
priority: { base_points: 0, terms: [] }
";

/// A number that is given finer than it is kept falls into the bin that it falls into when
/// the service has rounded it.
#[test]
fn what_lies_between_two_millionths_goes_where_the_service_rounds_it() {
    let database = TestDatabase::without_tables();
    let card = Card::read(FINE).unwrap();
    let rules = draw::compiled(&card);
    let edges =
        [-1_000_000, -300_002, -299_997, -250_000, 0, 1, 500_000, 750_000, 524_287_123_457_i64];
    let near = edges.iter().flat_map(|edge| (-25..=25).map(move |off| edge * 10 + off));
    let halves = (0..2_000).map(|at| (at * 7_919 % 3_000_000 - 1_500_000) * 10 + 5);
    let mut rows = Vec::new();
    for tenths in near.chain(halves) {
        let sign = if tenths < 0 { "-" } else { "" };
        let (whole, rest) = (tenths.abs() / 10_000_000, tenths.abs() % 10_000_000);
        let text = format!("{sign}{whole}.{rest:07}");
        // As the contract says: kept in millionths, the nearest of them.
        let kept = (text.parse::<f64>().unwrap() * 1e6).round() as i64;
        let score = draw::told(&rules, (kept, kept), (0, 1)).rank.score;
        rows.push(format!("({text}, {text}, {score})"));
    }
    for kind in ["NUMERIC", "DOUBLE PRECISION"] {
        database.execute("DROP TABLE IF EXISTS features");
        database.execute(&format!(
            "CREATE TABLE features (\"custom.a\" {kind}, \"custom.b\" {kind}, expected BIGINT)"
        ));
        for chunk in rows.chunks(250) {
            database.execute(&format!("INSERT INTO features VALUES {}", chunk.join(", ")));
        }
        let query = query(&database, &card);
        let differing = format!(
            "SELECT COUNT(*) FROM ({query}) AS ranked WHERE recovery_score IS DISTINCT FROM expected"
        );
        assert_eq!(database.count(&differing), 0, "{kind}: {query}");
        for score in [77, 430, 570, 571, 470, 490, 510, 520, 540] {
            let of = format!("SELECT COUNT(*) FROM features WHERE expected = {score}");
            assert!(database.count(&of) > 0, "no case has {score}");
        }
    }
}

/// A number of millionths as it is written.
fn decimal(millionths: i64) -> String {
    let sign = if millionths < 0 { "-" } else { "" };
    let (whole, rest) =
        (millionths.unsigned_abs() / 1_000_000, millionths.unsigned_abs() % 1_000_000);
    if rest == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{rest:06}") }
}

#[test]
fn cutoffs_of_single_stages_are_those_of_the_days_past_due() {
    let database = TestDatabase::without_tables();
    let mut card = Card::read(CONSUMER_YAML).unwrap();
    for (stage, a) in [("M1", 900), ("M3", 300), ("M5", 999)] {
        let cutoffs = arrears::scoring::card::Cutoffs { a, b: 250 };
        card.cutoffs_by_stage.insert(stage.to_owned(), cutoffs);
    }
    let scorecard = draw::scorecard(card, 5, 1_000);
    fill(&database, &scorecard);
    let query = query(&database, &scorecard.card);
    let condition = "recovery_group IS DISTINCT FROM expected_group";
    let differing = format!("SELECT COUNT(*) FROM ({query}) AS ranked WHERE {condition}");
    assert_eq!(database.count(&differing), 0);
}

/// Where a Python with pypmml is; `make pmml` says it.
const PYPMML: &str = "ARREARS_PYPMML";

#[test]
fn an_engine_of_pmml_scores_ten_thousand_cases_as_the_service_does() {
    let Some(python) = std::env::var_os(PYPMML) else {
        eprintln!("skipped: {PYPMML} names no Python with pypmml; `make pmml` does");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let scorecards = scorecards(false);
    for (at, scorecard) in scorecards.iter().enumerate() {
        let path = |ending: &str| folder.path().join(format!("{at}.{ending}"));
        std::fs::write(path("pmml"), written(&scorecard.card, Format::Pmml)).unwrap();
        std::fs::write(path("json"), records(scorecard)).unwrap();
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/exports/score.py");
    let output = Command::new(python).arg(script).arg(folder.path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let cases: usize = scorecards.iter().map(|one| one.cases.len()).sum();
    assert!(said.contains(&format!("{cases} scores are equal")), "{said}");
}

/// The cases with what is expected, for the script.
fn records(scorecard: &Scorecard) -> String {
    let records = scorecard.cases.iter().map(|case| {
        let pairs = scorecard.columns.iter().zip(&case.values);
        let values = pairs.map(|((name, kind), value)| {
            let value = match (value.as_str(), kind) {
                ("", _) => serde_json::Value::Null,
                (text, Column::Text) => text.into(),
                (number, Column::Whole) => number.parse::<i64>().unwrap().into(),
                (number, Column::Decimal) => number.parse::<f64>().unwrap().into(),
            };
            (name.clone(), value)
        });
        let features: serde_json::Map<String, serde_json::Value> = values.collect();
        serde_json::json!({ "features": features, "expected": case.score })
    });
    serde_json::Value::Array(records.collect()).to_string()
}
