//! Every form a scorecard is written in: what is written is read back equal, and what
//! spreadsheets do to a file is survived or refused.

use proptest::prelude::*;

use crate::model::RankingSettings;
use crate::scoring::card::{
    Bin, Calibration, CalibrationPoint, Card, Condition, Cutoffs, Direction as Way, Points,
    Population, ReasonText,
};
use crate::scoring::explanation::Audience;
use crate::scoring::format::{Direction, Draft, Format, FormatFinding, Imported, export, import};
use crate::scoring::{BUSINESS_YAML, CONSUMER_YAML};

use super::generate::card_of_everything;
use super::wrong_forms::WHOLE;

/// That of the shipped scorecard for persons, taken before there were populations.
const CONSUMER_HASH: &str = "2471c40e0272e34133d3ac6be7d21dd3294d6e4c6828ea1afd5d02fdb8db5eb8";

const LOSSLESS: [Format; 3] = [Format::Yaml, Format::Json, Format::Csv];

fn written(card: &Card, format: Format) -> String {
    export(card, format, &RankingSettings::default()).expect("a scorecard that ranks")
}

fn read(text: &str, format: Format) -> Result<Imported, Vec<FormatFinding>> {
    import(text, format, &Draft::default())
}

/// Texts that spreadsheets and readers of YAML are known to change.
fn odd_text() -> impl Strategy<Value = String> {
    let odd = [
        "=1+1",
        "+5",
        "-3",
        "@here",
        "'quoted",
        "''",
        "007",
        "1e5",
        "TRUE",
        "no",
        "null",
        "~",
        "1-2",
        "Mar 3",
        "2026-03-20",
        "a|b\\c",
        "a;b,c",
        "she said \"no\"",
        " begins",
        "ends ",
        "two\nlines",
        "# none",
        "a: b",
        "- x",
        "\t",
        "é ü 漢字",
        "0x10",
        "1_000",
        ".5",
        "%,%",
        "[x]",
        "{y}",
        "& *",
        "12:30",
        "|",
        "\\",
    ];
    prop_oneof![
        2 => prop::sample::select(odd.to_vec()).prop_map(str::to_owned),
        1 => "[ -~]{1,20}",
    ]
}

/// Any scorecard that ranks, with odd texts wherever one may stand.
fn card() -> impl Strategy<Value = Card> {
    let texts = (odd_text(), odd_text(), odd_text(), any::<bool>(), 0..3_usize);
    let more = (odd_text(), any::<bool>(), any::<bool>(), any::<u8>());
    (card_of_everything(), texts, more).prop_map(|(yaml, (one, two, three, own, stages), more)| {
        let mut card = Card::read(&yaml).expect("the generator writes scorecards");
        put_more(&mut card, more);
        let text = card.characteristics.iter_mut().find(|one| one.kind.as_deref() == Some("TEXT"));
        let text = text.expect("there is a custom text");
        text.reason.text.clone_from(&one);
        let mut is = vec![one.clone(), two.clone()];
        is.dedup();
        let reason = reason_of(&three, own.then_some(&two));
        let reason = own.then_some(reason);
        text.bins =
            vec![Bin { from: None, to: None, is: Some(is), points: 3, locked: own, reason }];
        for stage in ["M1", "M3"].iter().take(stages) {
            card.cutoffs_by_stage.insert((*stage).to_owned(), Cutoffs { a: 700, b: 300 });
        }
        card
    })
}

fn reason_of(text: &str, translated: Option<&String>) -> ReasonText {
    let texts = translated.map(|text| ("es".to_owned(), text.clone()));
    let (code, audience) = ("OWN".to_owned(), Audience::Analyst);
    ReasonText { code, text: text.to_owned(), audience, texts: texts.into_iter().collect() }
}

/// What the generator does not draw: points that are locked, directions, texts of special
/// values and rules, a calibration.
fn put_more(card: &mut Card, (text, calibrated, locked, dice): (String, bool, bool, u8)) {
    for (at, one) in card.characteristics.iter_mut().enumerate() {
        let drawn = (at + usize::from(dice)).is_multiple_of(5);
        one.direction = drawn.then_some(if locked { Way::Up } else { Way::Down });
        one.missing = one.missing.map(|Points { points, .. }| Points { points, locked: drawn });
        for special in one.special.iter_mut().filter(|_| drawn) {
            special.label.clone_from(&text);
            special.reason = Some(reason_of(&text, Some(&text)));
            special.locked = locked;
        }
    }
    for term in &mut card.priority.terms {
        term.bins[0].locked = locked;
        term.special.iter_mut().for_each(|one| one.locked = locked);
    }
    for one in &mut card.populations {
        one.characteristics[0].reason = reason_of(&text, locked.then_some(&text));
        one.characteristics[0].bins[0].locked = locked;
    }
    for rule in &mut card.knock_outs {
        rule.reason = reason_of(&text, locked.then_some(&text));
        rule.when[0].is = rule.when[0].is.as_ref().map(|_| vec![text.clone()]);
    }
    let point = |score, recovered_permille| CalibrationPoint { score, recovered_permille };
    card.calibration = calibrated.then(|| Calibration {
        horizon_days: 90,
        source: text.clone(),
        as_of_date: "2026-06-30".to_owned(),
        points: vec![point(0, 10), point(1_000, i32::from(dice))],
    });
}

proptest! {
    #[test]
    fn what_is_written_is_read_back_equal(card in card()) {
        for format in LOSSLESS {
            let text = written(&card, format);
            let read = read(&text, format);
            prop_assert_eq!(read.as_ref().map(|one| &one.card), Ok(&card), "{:?}:\n{}", format, text);
            prop_assert!(read.is_ok_and(|one| one.notes.is_empty()));
        }
    }

    #[test]
    fn a_points_table_survives_what_spreadsheets_do(card in card(), ending in 0..2_usize) {
        let text = written(&card, Format::Csv);
        let mut writer = csv::WriterBuilder::new()
            .delimiter(b';')
            .terminator([csv::Terminator::CRLF, csv::Terminator::Any(b'\n')][ending])
            .from_writer(Vec::new());
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
        // The rows in another order, and an empty row and column at the end.
        let mut records: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        records[1..].reverse();
        for mut record in records {
            record.push_field("");
            writer.write_record(&record).unwrap();
        }
        writer.write_record(vec![""; 25]).unwrap();
        let saved = String::from_utf8(writer.into_inner().unwrap()).unwrap();
        let read = read(&format!("\u{FEFF}{saved}"), Format::Csv);
        prop_assert_eq!(read.map(|one| one.card), Ok(card));
    }

    #[test]
    fn no_text_of_a_points_table_is_a_formula(card in card()) {
        let text = written(&card, Format::Csv);
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        for record in reader.records() {
            for cell in record.unwrap().iter().filter(|cell| cell.starts_with(['=', '+', '-', '@'])) {
                prop_assert!(cell.parse::<f64>().is_ok(), "{} begins a formula", cell);
            }
        }
    }
}

#[test]
fn the_shipped_scorecards_are_read_back_equal() {
    for yaml in [CONSUMER_YAML, BUSINESS_YAML, WHOLE] {
        let card = Card::read(yaml).unwrap();
        for format in LOSSLESS {
            assert_eq!(read(&written(&card, format), format).unwrap().card, card, "{format:?}");
        }
    }
}

/// What scorecards say that use nothing that came later must stay as it was, byte by byte:
/// it is hashed, and by the hash they are equal.
#[test]
fn the_form_of_a_scorecard_without_what_came_later_is_what_it_was() {
    let card = Card::read(super::validation::SMALL).unwrap();
    let later = ["derived", "populations"];
    let canonical = card.canonical();
    assert!(later.iter().all(|field| !canonical.contains(field)), "{canonical}");
    let before = CONSUMER_HASH;
    let card = Card::read(CONSUMER_YAML).unwrap();
    assert_eq!(blake3::Hash::from(card.content_hash()).to_hex().as_str(), before);
}

#[test]
fn a_points_table_from_before_populations_is_read() {
    let card = Card::read(CONSUMER_YAML).unwrap();
    let table = written(&card, Format::Csv);
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(table.as_bytes());
    let mut writer = csv::Writer::from_writer(Vec::new());
    for record in reader.records() {
        let cells: Vec<String> = record.unwrap().iter().map(str::to_owned).collect();
        assert_eq!(cells[4], if cells[0] == "row" { "population" } else { "" });
        let kept = cells.iter().enumerate().filter(|(at, _)| *at != 4).map(|(_, cell)| cell);
        writer.write_record(kept).unwrap();
    }
    let before = String::from_utf8(writer.into_inner().unwrap()).unwrap();
    assert_eq!(read(&before, Format::Csv).unwrap().card, card);
    let lost =
        table.replacen("characteristic,overdue_age,,1,,", "characteristic,overdue_age,,1,2,", 1);
    let found = read(&lost, Format::Csv).unwrap_err();
    assert!(
        found.iter().any(|one| one.message.contains("no row population has the number 2")),
        "{found:?}"
    );
}

#[test]
fn what_is_wrong_with_a_points_table_is_told_with_row_and_column() {
    let card = Card::read(CONSUMER_YAML).unwrap();
    let table = written(&card, Format::Csv);
    let changed = |from: &str, to: &str| {
        assert!(table.contains(from), "{from}");
        read(&table.replacen(from, to, 1), Format::Csv).unwrap_err()
    };
    let found = |found: &[FormatFinding], column: &str, message: &str| {
        let fits = |one: &FormatFinding| {
            one.column.as_deref() == Some(column) && one.message.contains(message)
        };
        assert!(found.iter().any(fits), "{column} {message}: {found:?}");
    };
    found(&changed("setting,base_points,500", "setting,base_points,\"500,5\""), "value", "a comma");
    found(&changed("setting,base_points,500", "setting,base_points,5E2"), "value", "power of ten");
    found(&changed("setting,base_points,500", "setting,base_points,"), "value", "must be given");
    found(&changed("setting,base_points,500", "setting,bass_points,500"), "name", "is no setting");
    found(&changed("setting,base_points,500", "setting,base_points,x"), "value", "not a number");
    found(&changed("setting,reason_points_min", "sitting,reason_points_min"), "row", "is none of");
    found(&changed("weight_milli", "weight"), "weight", "is not a column");
    found(&changed("overdue_age,AGE", "overdue_ages,AGE"), "family", "overdue_ages");
    found(&changed("bin,overdue_age,,1,", "bin,overdue_agee,,1,"), "name", "overdue_agee");
    found(&changed("bin,overdue_age,,1,", "bin,overdue_age,,99,"), "no", "no row characteristic");
    let lines: Vec<&str> = table.lines().collect();
    let cut = lines.iter().filter(|line| !line.starts_with("setting,cutoffs.a")).copied();
    let cut = cut.collect::<Vec<_>>().join("\n");
    found(&read(&cut, Format::Csv).unwrap_err(), "name", "cutoffs.a is missing");
    assert!(read("", Format::Csv).unwrap_err()[0].message.contains("empty"));
    let far = format!("setting,base_points,500{}x", ",".repeat(30));
    let beside = table.replacen("setting,base_points,500", &far, 1);
    assert!(read(&beside, Format::Csv).is_err());
}

#[test]
fn what_is_wrong_with_special_values_and_rules_of_a_table_is_told() {
    let table = written(&Card::read(WHOLE).unwrap(), Format::Csv);
    for (from, to, column, message) in [
        ("special,age,-999,", "special,age,,", "value", "must be given"),
        ("special,age,-999,", "special,age,many,", "value", "not a number"),
        ("special,age,-998,1,", "special,ages,-998,1,", "name", "\"ages\""),
        ("knock_out,vanished,", "knock_out,vanish,", "name", "the value has \"vanished\""),
        ("\"\"score\"\":120", "\"\"scores\"\":120", "value", "unknown field"),
        ("\"\"horizon_days\"\"", "\"\"horizon\"\"", "value", "unknown field"),
        (",DOWN,", ",SIDEWAYS,", "direction", "SIDEWAYS"),
        (",YES,,,,\n", ",MAYBE,,,,\n", "locked", "must be YES or NO"),
    ] {
        assert!(table.contains(from), "{from}: {table}");
        let found = read(&table.replacen(from, to, 1), Format::Csv).unwrap_err();
        let fits = |one: &FormatFinding| {
            one.column.as_deref() == Some(column) && one.message.contains(message)
        };
        assert!(found.iter().any(fits), "{column} {message}: {found:?}");
    }
}

#[test]
fn pmml_refuses_the_rules_that_it_cannot_carry() {
    let mut card = Card::read(WHOLE).unwrap();
    card.populations.clear();
    let mut settings = RankingSettings::default();
    let refused = |card: &Card, settings: &RankingSettings| {
        export(card, Format::Pmml, settings).unwrap_err().iter().map(ToString::to_string).collect()
    };
    let found: Vec<String> = refused(&card, &settings);
    assert_eq!(found.len(), 1, "a rule that is off decides nothing: {found:?}");
    assert!(found[0].contains("knock_outs[1]") && found[0].contains("small_debt"), "{found:?}");
    settings.protected_inputs_on.push("dependent_children".to_owned());
    let found: Vec<String> = refused(&card, &settings);
    assert!(found.len() == 2 && found[0].contains("vanished"), "{found:?}");
    card.knock_outs.clear();
    let mut parted = card.clone();
    let (name, when) = ("late".to_owned(), Vec::new());
    let characteristics = card.characteristics.clone();
    parted.populations = vec![Population { name, when, base_points: 1, characteristics }];
    let condition =
        Condition { feature: "reachable".to_owned(), unknown: true, ..Condition::default() };
    parted.populations[0].when = vec![condition];
    let found: Vec<String> = refused(&parted, &settings);
    assert!(found.len() == 1 && found[0].contains("cannot carry late"), "{found:?}");
    parted = card.clone();
    parted.characteristics[0].feature = "derived.told".to_owned();
    parted.characteristics[0].special.clear();
    let found: Vec<String> = refused(&parted, &settings);
    assert!(found.len() == 1 && found[0].contains("derived.told"), "{found:?}");
    let pmml = written(&card, Format::Pmml);
    let [special, range] = ["operator=\"equal\" value=\"-999\"", "operator=\"lessThan\""]
        .map(|text| pmml.find(text).unwrap_or_else(|| panic!("{text}: {pmml}")));
    assert!(special < range, "single numbers are looked for first");
}

const OPTBINNING: &str = ",Variable,Bin,Points\n\
    0,days_past_due,\"(-inf, 30.50)\",193.0\n\
    1,days_past_due,\"[30.50, 46.50)\",187.0\n\
    2,days_past_due,\"[46.50, inf)\",96.0\n\
    3,days_past_due,Special,156.0\n\
    4,days_past_due,Missing,156.4\n\
    0,income_state,\"<StringArray>\n['REDUCED', 'LOST']\nLength: 2, dtype: str\",131.0\n\
    1,income_state,['STABLE'],163.0\n\
    2,income_state,Special,156.0\n\
    3,income_state,Missing,156.0\n\
    0,Branch Size,\"(-inf, 2.50)\",-12.5\n\
    1,Branch Size,\"[2.50, inf)\",20.0\n";

const SCORECARDPY: &str = ",variable,bin,points\n\
    0,basepoints,,335.0\n\
    1,late_months_12,missing,-21.0\n\
    2,late_months_12,\"[-inf,3.0)\",50.0\n\
    3,late_months_12,\"[3.0,inf)\",-52.0\n\
    4,days_past_due,-9999.0,-5.0\n\
    5,days_past_due,\"missing%,%[-inf,45.0)\",78.0\n\
    6,days_past_due,\"[45.0,inf)\",-125.0\n\
    7,income_state,\"REDUCED%,%LOST\",34.0\n\
    8,income_state,STABLE,-62.0\n";

fn easier(base: Option<Card>) -> Draft {
    Draft { base, direction: Some(Direction::HigherIsEasier) }
}

#[test]
fn a_table_of_optbinning_becomes_a_draft_that_says_what_it_lacks() {
    let named = OPTBINNING.replace("Branch Size", "branch_size");
    let Imported { card, notes } = import(&named, Format::Optbinning, &easier(None)).unwrap();
    let [age, income, branch] = &card.characteristics[..] else { panic!("{card:?}") };
    assert_eq!(age.feature, "days_past_due");
    let bins: Vec<_> =
        age.bins.iter().map(|bin| (bin.from.as_deref(), bin.to.as_deref(), bin.points)).collect();
    assert_eq!(
        bins,
        [(None, Some("31"), 193), (Some("31"), Some("47"), 187), (Some("47"), None, 96)]
    );
    assert_eq!(age.missing.map(|one| one.points), Some(156));
    assert_eq!(income.bins[0].is.as_deref().unwrap(), ["REDUCED", "LOST"]);
    assert_eq!((income.unknown, income.other), (None, None));
    assert_eq!(
        (branch.feature.as_str(), branch.kind.as_deref()),
        ("custom.branch_size", Some("NUMBER"))
    );
    assert_eq!(branch.bins[0].to.as_deref(), Some("2.5"));
    assert_eq!(branch.bins[0].points, -13, "halves away from zero");
    for said in [
        "line 5: days_past_due: Special (156 points) was left out",
        "2 points had decimals",
        "income_state: unknown needs points",
        "cutoffs: say where",
        "days_past_due: give it a family",
        "branch_size: no feature has this name",
        "branch_size: missing needs points",
        "show_digits",
    ] {
        assert!(notes.iter().any(|note| note.contains(said)), "{said}: {notes:#?}");
    }
    let yaml = written(&card, Format::Yaml);
    let ranks =
        crate::scoring::RuleSet::compile(crate::model::RuleSetId(0), &super::definition(&yaml));
    let found = ranks.expect_err("a draft cannot rank before it is filled in");
    for path in ["cutoffs", "characteristics[0].reason.text", "characteristics[1].unknown"] {
        assert!(found.iter().any(|one| one.path == path), "{path}: {found:?}");
    }
}

#[test]
fn a_scorecard_that_is_there_gives_a_table_what_it_lacks() {
    let base = Card::read(CONSUMER_YAML).unwrap();
    let imported = import(SCORECARDPY, Format::Scorecardpy, &easier(Some(base.clone()))).unwrap();
    let card = imported.card;
    assert_eq!((card.cutoffs, &card.priority), (base.cutoffs, &base.priority));
    assert_eq!(card.base_points, 335);
    let of = |card: &Card, feature: &str| {
        card.characteristics.iter().find(|one| one.feature == feature).cloned().unwrap()
    };
    let (age, before) = (of(&card, "days_past_due"), of(&base, "days_past_due"));
    assert_eq!((&age.reason, age.family, &age.name), (&before.reason, before.family, &before.name));
    assert_eq!(age.missing.map(|one| one.points), Some(78), "missing has a part in a range");
    assert_eq!(age.bins.len(), 2);
    let said = |text: &str| imported.notes.iter().any(|note| note.contains(text));
    assert!(
        said("line 6: days_past_due: -9999.0 (-5 points) was left out"),
        "{:#?}",
        imported.notes
    );
    assert!(said("is not in the table and was left out"));

    let harder = Draft { direction: Some(Direction::HigherIsHarder), base: Some(base) };
    let turned = import(SCORECARDPY, Format::Scorecardpy, &harder).unwrap();
    assert_eq!(turned.card.base_points, -335);
    let points =
        of(&turned.card, "late_months_12").bins.iter().map(|bin| bin.points).collect::<Vec<_>>();
    assert_eq!(points, [-50, 52]);
    assert!(turned.notes.iter().any(|note| note.contains("turned round")));
}

#[test]
fn what_cannot_be_used_of_a_foreign_table_is_told() {
    let wrong = |text: &str, format: Format| {
        let found = import(text, format, &easier(None)).unwrap_err();
        found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    let opt = |row: &str| wrong(&format!("Variable,Bin,Points\n{row}\n"), Format::Optbinning);
    for (row, said) in [
        ("days_past_due,\"(-inf, 30.50]\",1", "includes its last number"),
        ("days_past_due,\"(3, 30.50)\",1", "leaves out its first number"),
        (
            "days_past_due,\"(-inf, 3)\",1\ndays_past_due,\"[4, inf)\",1",
            "line 3: days_past_due: the range",
        ),
        ("days_past_due,\"(-inf, 3)\",1", "no range goes on"),
        ("days_past_due,\"(-inf, inf)\",\"1,5\"", "a comma"),
        ("days_past_due,\"(-inf, inf)\",1e2", "power of ten"),
        ("days_past_due,\"(-inf, inf)\",", "not a number"),
        ("days_past_due,\"(-inf, inf)\",9999999", "out of bounds"),
        ("days_past_due,\"(-inf, 3.0000001)\",3", "more than 6 decimals"),
        (",\"(-inf, inf)\",3", "not named"),
        ("Totals,,3", "rows of totals"),
        ("income_state,['RICH'],3", "\"RICH\" is none of"),
        ("income_state,['LOST'],3\nincome_state,['LOST'],4", "stands in two bins"),
        ("income_state,['LOST' ... 'STABLE'],3", "cut short"),
        ("income_state,['LOST],3", "no closing quote"),
        ("income_state,\"(-inf, inf)\",3", "has no numbers"),
    ] {
        let told = opt(row);
        assert!(told.contains(said), "{row}: {told}");
    }
    let told = wrong("a,b\n1,2\n", Format::Optbinning);
    assert!(told.contains("column Variable: the column is missing; there are a, b"), "{told}");
    let undirected = import(OPTBINNING, Format::Optbinning, &Draft::default()).unwrap_err();
    assert!(undirected[0].message.contains("whether higher is easier"), "{undirected:?}");
    for format in [Format::Pmml, Format::SqlSqlite, Format::SqlPostgres] {
        assert!(read("", format).unwrap_err()[0].message.contains("only written"));
    }
}
