//! `arrears case get`: everything the service holds of one case.

use std::collections::BTreeMap;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde::Serialize;

use crate::cli::failure::Failure;
use crate::cli::field::input;
use crate::cli::output::{self, Format};
use crate::cli::view::{self, CaseView};
use crate::cli::word;
use crate::model::INPUTS;
use crate::proto;

/// A case with its newest document, its holds and its payments.
#[derive(Debug, Serialize)]
pub(super) struct FullCaseView {
    #[serde(flatten)]
    case: CaseView,
    episode: i32,
    rank_date: String,
    rule_set_id: String,
    case_seq: Option<i64>,
    active_holds: Vec<HoldView>,
    /// What the source said, by the names of an import's columns.
    document: BTreeMap<String, String>,
    instalments: Vec<InstalmentView>,
    arrears_profile: Vec<MonthView>,
    payments: Vec<PaymentView>,
}

#[derive(Debug, Serialize)]
struct HoldView {
    event_id: String,
    kind: &'static str,
    scope: &'static str,
    until_time: String,
    evidence_reference: String,
}

#[derive(Debug, Serialize)]
struct InstalmentView {
    due_date: String,
    due_amount: String,
    paid_amount: String,
    paid_date: String,
}

#[derive(Debug, Serialize)]
struct MonthView {
    month: String,
    months_past_due: Option<i32>,
    billed_amount: String,
    paid_amount: String,
}

#[derive(Debug, Serialize)]
struct PaymentView {
    event_id: String,
    event_time: String,
    amount: String,
    currency: String,
    reversed: bool,
}

impl FullCaseView {
    pub(super) fn new(case: &proto::Case) -> FullCaseView {
        let rank = case.rank.as_ref();
        let document = case.document.clone().unwrap_or_default();
        let hold = |hold: &proto::ActiveHold| HoldView {
            event_id: hold.event_id.clone(),
            kind: word::HOLD_KIND.word(hold.kind),
            scope: word::HOLD_SCOPE.word(hold.scope),
            until_time: view::time(hold.until_time.as_ref()),
            evidence_reference: hold.evidence_reference.clone(),
        };
        let payment = |payment: &proto::RecordedPayment| {
            let (amount, currency) = view::amount(payment.amount.as_ref());
            PaymentView {
                event_id: payment.event_id.clone(),
                event_time: view::time(payment.event_time.as_ref()),
                amount,
                currency,
                reversed: payment.reversed,
            }
        };
        FullCaseView {
            case: CaseView::new(case),
            episode: case.episode,
            rank_date: view::day(rank.and_then(|rank| rank.rank_date.as_ref())),
            rule_set_id: rank.map(|rank| rank.rule_set_id.clone()).unwrap_or_default(),
            case_seq: rank.map(|rank| rank.case_seq),
            active_holds: case.holds.iter().map(hold).collect(),
            instalments: document.instalments.iter().map(InstalmentView::new).collect(),
            arrears_profile: document.arrears_profile.iter().map(MonthView::new).collect(),
            document: columns(&document),
            payments: case.payments.iter().map(payment).collect(),
        }
    }

    /// Writes the case; as CSV its line of the list only.
    pub(super) fn print(&self, format: Format) -> Result<(), Failure> {
        match format {
            Format::Table => output::write_out(&self.text()),
            Format::Json | Format::Jsonl => output::json(format, self),
            Format::Csv => output::records(format, std::slice::from_ref(&self.case)),
        }
    }

    fn text(&self) -> String {
        let mut text = format!("{}\n", self.case.headline());
        let mut facts = vec![vec!["episode".to_owned(), self.episode.to_string()]];
        if let Some(case_seq) = self.case_seq {
            let ranked = format!("{}, event {case_seq}", self.rank_date);
            facts.push(vec!["ranked as of".to_owned(), ranked]);
            facts.push(vec!["rule set".to_owned(), self.rule_set_id.clone()]);
        }
        section(&mut text, "", &["", ""], facts);
        let document = self.document.iter().map(|(name, cell)| vec![name.clone(), cell.clone()]);
        section(&mut text, "What the source said", &["field", "value"], document.collect());
        let instalments = self.instalments.iter().map(InstalmentView::cells).collect();
        let header = ["due_date", "due", "paid", "paid_date"];
        section(&mut text, "Instalments", &header, instalments);
        let months = self.arrears_profile.iter().map(MonthView::cells).collect();
        let header = ["month", "months_past_due", "billed", "paid"];
        section(&mut text, "Arrears profile", &header, months);
        let holds = self.active_holds.iter().map(HoldView::cells).collect();
        section(
            &mut text,
            "Holds in force",
            &["event_id", "kind", "scope", "until", "evidence"],
            holds,
        );
        let payments = self.payments.iter().map(PaymentView::cells).collect();
        let header = ["event_id", "time", "amount", "currency", ""];
        section(&mut text, "Payments, newest first", &header, payments);
        text
    }
}

/// Adds a table with its title, unless it is empty.
fn section(text: &mut String, title: &str, header: &[&str], rows: Vec<Vec<String>>) {
    if rows.is_empty() {
        return;
    }
    let table = output::table(header, rows.into_iter());
    let title = if title.is_empty() { String::new() } else { format!("\n{title}\n") };
    text.push_str(&format!("{title}{}\n", table.trim_start_matches('\n')));
}

impl InstalmentView {
    fn new(instalment: &proto::Instalment) -> InstalmentView {
        InstalmentView {
            due_date: view::day(instalment.due_date.as_ref()),
            due_amount: view::amount(instalment.due_amount.as_ref()).0,
            paid_amount: view::amount(instalment.paid_amount.as_ref()).0,
            paid_date: view::day(instalment.paid_date.as_ref()),
        }
    }

    fn cells(&self) -> Vec<String> {
        let InstalmentView { due_date, due_amount, paid_amount, paid_date } = self;
        [due_date, due_amount, paid_amount, paid_date].map(Clone::clone).to_vec()
    }
}

impl MonthView {
    fn new(month: &proto::ArrearsMonth) -> MonthView {
        MonthView {
            month: view::day(month.month.as_ref()),
            months_past_due: month.months_past_due,
            billed_amount: view::amount(month.billed_amount.as_ref()).0,
            paid_amount: view::amount(month.paid_amount.as_ref()).0,
        }
    }

    fn cells(&self) -> Vec<String> {
        let MonthView { month, months_past_due, billed_amount, paid_amount } = self;
        let months = view::number(*months_past_due);
        vec![month.clone(), months, billed_amount.clone(), paid_amount.clone()]
    }
}

impl HoldView {
    fn cells(&self) -> Vec<String> {
        let HoldView { event_id, kind, scope, until_time, evidence_reference } = self;
        let until = if until_time.is_empty() { "a lift" } else { until_time };
        let (kind, scope, evidence) = (*kind, scope.to_lowercase(), evidence_reference);
        vec![event_id.clone(), kind.to_owned(), scope, until.to_owned(), evidence.clone()]
    }
}

impl PaymentView {
    fn cells(&self) -> Vec<String> {
        let PaymentView { event_id, event_time, amount, currency, reversed } = self;
        let reversed = if *reversed { "reversed" } else { "" };
        [event_id, event_time, amount, currency, reversed].map(str::to_owned).to_vec()
    }
}

/// The single fields of a document by the names of an import's columns; what was
/// not told is left out.
fn columns(document: &proto::CaseDocument) -> BTreeMap<String, String> {
    let (overdue_amount, currency) = view::amount(document.overdue_amount.as_ref());
    let close = document.close.as_ref();
    let sequence = document.source_sequence.map(|number| number.to_string());
    let closed = close.map_or("", |close| word::CLOSE_REASON.word(close.reason));
    let mut columns: Vec<(String, String)> = [
        ("source_sequence", sequence.unwrap_or_default()),
        ("as_of_time", view::time(document.as_of_time.as_ref())),
        ("overdue_amount", overdue_amount),
        ("currency", currency),
        ("oldest_due_date", view::day(document.oldest_due_date.as_ref())),
        ("outstanding_amount", view::amount(document.outstanding_amount.as_ref()).0),
        ("close_reason", closed.to_owned()),
        ("close_date", view::day(close.and_then(|close| close.date.as_ref()))),
        ("debtor_kind", word::DEBTOR_KIND.word(document.debtor_kind).to_owned()),
        ("language", document.language.clone()),
        ("sealed", BASE64_STANDARD.encode(&document.sealed)),
    ]
    .map(|(name, cell)| (name.to_owned(), cell))
    .to_vec();
    let told = |input: &crate::model::Input| {
        let value = input::get(document, *input)?;
        Some((input.name().to_owned(), value.text(*input)))
    };
    columns.extend(INPUTS.iter().filter_map(told));
    for (at, point) in document.contact_points.iter().enumerate() {
        let name = |part: &str| format!("contact_points.{}.{part}", at + 1);
        columns.extend([
            (name("contact_point_id"), point.contact_point_id.clone()),
            (name("kind"), word::CONTACT_POINT_KIND.word(point.kind).to_owned()),
            (name("time_zone"), point.time_zone.clone()),
            (name("jurisdiction"), point.jurisdiction.clone()),
            (name("state"), word::CONTACT_POINT_STATE.word(point.state).to_owned()),
        ]);
    }
    for feature in &document.custom_features {
        use proto::custom_feature::Value;
        let (kind, cell) = match &feature.value {
            Some(Value::Number(number)) => ("number", number.to_string()),
            Some(Value::Text(text)) => ("text", text.clone()),
            Some(Value::Flag(flag)) => ("flag", flag.to_string()),
            None => continue,
        };
        columns.push((format!("custom_features.{}.{kind}", feature.feature_id), cell));
    }
    columns.into_iter().filter(|(_, cell)| !cell.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::field::{Draft, Field};
    use crate::model::Currency;

    /// Whatever an import reads stands in the view under the same name, so that
    /// it could be read again.
    #[test]
    fn what_an_import_reads_is_shown_by_the_same_names() {
        let mut cells: BTreeMap<String, String> = [
            ("currency", "EUR"),
            ("source_sequence", "17"),
            ("as_of_time", "2025-11-21T04:00:00Z"),
            ("overdue_amount", "1240.50"),
            ("oldest_due_date", "2025-10-01"),
            ("outstanding_amount", "9000.00"),
            ("close_reason", "SOLD"),
            ("close_date", "2025-11-20"),
            ("debtor_kind", "BUSINESS"),
            ("language", "es-MX"),
            ("contact_points.1.contact_point_id", "P-1"),
            ("contact_points.1.kind", "MOBILE"),
            ("contact_points.1.time_zone", "America/Mexico_City"),
            ("contact_points.1.jurisdiction", "MX"),
            ("contact_points.1.state", "VALID"),
            ("custom_features.logins.number", "3.5"),
            ("custom_features.vip.flag", "true"),
            ("custom_features.branch.text", "north"),
        ]
        .map(|(name, cell)| (name.to_owned(), cell.to_owned()))
        .into();
        for input in INPUTS {
            use crate::model::InputKind as Kind;
            let cell = match input.kind() {
                Kind::Count { .. } => "3",
                Kind::Amount => "12.50",
                Kind::Date => "2019-05-04",
                Kind::Level => "HIGH",
                Kind::Answer => "YES",
                Kind::Enum(_) => match input.name() {
                    "overdue_reason_state" => "VERIFIED",
                    _ => "UNKNOWN",
                },
            };
            cells.insert(input.name().to_owned(), cell.to_owned());
        }
        let mut fields: Vec<(Field, &String)> =
            cells.iter().map(|(name, cell)| (Field::from_name(name).expect(name), cell)).collect();
        fields.sort();
        let mut draft = Draft { currency: Currency::from_code("EUR"), ..Draft::default() };
        for (field, cell) in fields {
            field.set(&mut draft, cell).expect(cell);
        }
        assert_eq!(columns(&draft.document), cells);
    }

    #[test]
    fn a_case_of_which_little_is_known_is_shown_without_empty_tables() {
        let view = FullCaseView::new(&proto::Case::default());
        let text = view.text();
        assert!(!text.contains("Payments") && !text.contains("field"), "{text}");
        assert_eq!(serde_json::to_value(&view).unwrap()["episode"], 0);
    }
}
