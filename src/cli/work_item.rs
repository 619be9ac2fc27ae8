//! Leased work as it is shown to whoever works it.

use std::fmt::Write;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde::Serialize;

use super::explanation::ReasonView;
use super::output::Record;
use super::view;
use super::word;
use crate::proto;

/// Work leased to one worker.
#[derive(Debug, Serialize)]
pub(super) struct WorkItemView {
    /// The token in hexadecimal.
    lease_token: String,
    lease_expire_time: String,
    debtor_id: String,
    lead_case: WorkCaseView,
    sibling_cases: Vec<WorkCaseView>,
    case_count: i32,
    total_overdue_amounts: Vec<AmountView>,
    language: String,
    contact_points: Vec<ContactPointView>,
    earlier_attempt_count: i32,
    from_reserved_share: bool,
    /// By which `arrears case explain --lease` knows it; 0 of what is not leased.
    lease_seq: i64,
}

#[derive(Debug, Serialize)]
struct WorkCaseView {
    portfolio_id: String,
    case_id: String,
    overdue_amount: String,
    currency: String,
    provisional: bool,
    as_of_time: String,
    oldest_due_date: String,
    days_past_due: i32,
    stage: &'static str,
    recovery_group: String,
    recovery_score: Option<i32>,
    priority: Option<i32>,
    /// Empty where no experiment runs.
    #[serde(skip_serializing_if = "str::is_empty")]
    arm: &'static str,
    /// Empty where it has none, or none that agents may know.
    #[serde(skip_serializing_if = "String::is_empty")]
    route: String,
    reasons: Vec<ReasonView>,
    /// In base64.
    #[serde(skip_serializing_if = "String::is_empty")]
    sealed: String,
}

#[derive(Debug, Serialize)]
struct AmountView {
    amount: String,
    currency: String,
}

#[derive(Debug, Serialize)]
struct ContactPointView {
    contact_point_id: String,
    kind: &'static str,
    time_zone: String,
    jurisdiction: String,
}

impl WorkCaseView {
    fn new(case: &proto::WorkCase) -> WorkCaseView {
        let (overdue_amount, currency) = view::amount(case.overdue_amount.as_ref());
        let rank = case.rank.as_ref();
        WorkCaseView {
            portfolio_id: case.portfolio_id.clone(),
            case_id: case.case_id.clone(),
            overdue_amount,
            currency,
            provisional: case.provisional,
            as_of_time: view::time(case.as_of_time.as_ref()),
            oldest_due_date: view::day(case.oldest_due_date.as_ref()),
            days_past_due: case.days_past_due,
            stage: word::STAGE.word(case.stage),
            recovery_group: view::group(rank),
            recovery_score: rank.map(|rank| rank.recovery_score),
            priority: rank.map(|rank| rank.priority),
            arm: view::arm(rank),
            route: view::route(rank),
            reasons: case.reasons.iter().map(ReasonView::new).collect(),
            sealed: BASE64_STANDARD.encode(&case.sealed),
        }
    }

    fn amount_text(&self) -> String {
        match self.overdue_amount.as_str() {
            "" => "amount withheld: the ledger is old".to_owned(),
            amount if self.provisional => format!("{amount} {} (provisional)", self.currency),
            amount => format!("{amount} {}", self.currency),
        }
    }

    fn text(&self) -> String {
        let arm = match self.arm {
            "" => String::new(),
            arm => format!(", arm {arm}"),
        };
        let route = match self.route.as_str() {
            "" => String::new(),
            route => format!(", route {route}"),
        };
        format!(
            "{} {}: {}, {} days past due ({}), group {}, score {}, priority {}{arm}{route}",
            self.portfolio_id,
            self.case_id,
            self.amount_text(),
            self.days_past_due,
            self.stage,
            self.recovery_group,
            view::number(self.recovery_score),
            view::number(self.priority),
        )
    }
}

impl WorkItemView {
    pub(super) fn new(item: &proto::WorkItem) -> WorkItemView {
        let total = |money: &proto::Money| {
            let (amount, currency) = view::amount(Some(money));
            AmountView { amount, currency }
        };
        let point = |point: &proto::ContactPoint| ContactPointView {
            contact_point_id: point.contact_point_id.clone(),
            kind: word::CONTACT_POINT_KIND.word(point.kind),
            time_zone: point.time_zone.clone(),
            jurisdiction: point.jurisdiction.clone(),
        };
        WorkItemView {
            lease_token: hex(&item.lease_token),
            lease_expire_time: view::time(item.lease_expire_time.as_ref()),
            debtor_id: item.debtor_id.clone(),
            lead_case: WorkCaseView::new(&item.lead_case.clone().unwrap_or_default()),
            sibling_cases: item.sibling_cases.iter().map(WorkCaseView::new).collect(),
            case_count: item.case_count,
            total_overdue_amounts: item.total_overdue_amounts.iter().map(total).collect(),
            language: item.language.clone(),
            contact_points: item.contact_points.iter().map(point).collect(),
            earlier_attempt_count: item.earlier_attempt_count,
            from_reserved_share: item.from_reserved_share,
            lease_seq: item.lease_seq,
        }
    }

    /// The token in hexadecimal.
    pub(super) fn lease_token(&self) -> &str {
        &self.lease_token
    }

    /// The item as a block of lines; the token stands alone on its line, so that
    /// it is easy to copy.
    pub(super) fn text(&self) -> String {
        let mut text = format!("debtor   {}", self.debtor_id);
        let totals = self.total_overdue_amounts.iter();
        let totals: Vec<String> = totals.map(|t| format!("{} {}", t.amount, t.currency)).collect();
        let cases = if self.case_count == 1 { "case" } else { "cases" };
        let _ = write!(text, ": {} {cases}, {} overdue", self.case_count, totals.join(" + "));
        let _ = writeln!(text, ", {} earlier attempts", self.earlier_attempt_count);
        let _ = writeln!(text, "lead     {}", self.lead_case.text());
        for case in &self.sibling_cases {
            let _ = writeln!(text, "sibling  {}", case.text());
        }
        for reason in &self.lead_case.reasons {
            let _ = writeln!(
                text,
                "why      {} (-{}): {}",
                reason.reason_code, reason.points_lost, reason.text
            );
        }
        for point in &self.contact_points {
            let ContactPointView { contact_point_id, kind, time_zone, .. } = point;
            let zone = if time_zone.is_empty() { "zone not known" } else { time_zone };
            let _ = writeln!(text, "contact  {contact_point_id} {} {zone}", kind.to_lowercase());
        }
        if self.from_reserved_share {
            text.push_str("note     served for having waited longest\n");
        }
        let _ = writeln!(text, "until    {}", self.lease_expire_time);
        let _ = writeln!(text, "token    {}", self.lease_token);
        text
    }
}

impl Record for WorkItemView {
    const HEADER: &'static [&'static str] = &[
        "debtor_id",
        "portfolio_id",
        "case_id",
        "overdue",
        "currency",
        "dpd",
        "stage",
        "group",
        "score",
        "priority",
        "reasons",
        "case_count",
        "lease_expire_time",
        "lease_token",
    ];

    fn cells(&self) -> Vec<String> {
        let lead = &self.lead_case;
        let reasons: Vec<&str> = lead.reasons.iter().map(|r| r.reason_code.as_str()).collect();
        vec![
            self.debtor_id.clone(),
            lead.portfolio_id.clone(),
            lead.case_id.clone(),
            lead.overdue_amount.clone(),
            lead.currency.clone(),
            lead.days_past_due.to_string(),
            lead.stage.to_owned(),
            lead.recovery_group.clone(),
            view::number(lead.recovery_score),
            view::number(lead.priority),
            reasons.join(" "),
            self.case_count.to_string(),
            self.lease_expire_time.clone(),
            self.lease_token.clone(),
        ]
    }
}

/// Bytes in hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The bytes of a hexadecimal text.
pub(super) fn from_hex(text: &str) -> Result<Vec<u8>, String> {
    let wrong = || "must be the hexadecimal token that `arrears worklist lease` printed".to_owned();
    let digits = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if text.is_empty() || !text.len().is_multiple_of(2) || !digits {
        return Err(wrong());
    }
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).map_err(|_| wrong()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_come_back_as_they_went() {
        let bytes: Vec<u8> = (0..=255).collect();
        assert_eq!(from_hex(&hex(&bytes)).unwrap(), bytes);
        for text in ["", "0", "0g", "0x", "é1", "ab cd", "+1"] {
            assert!(from_hex(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_amount_that_is_withheld_is_said_to_be() {
        let item = proto::WorkItem {
            lead_case: Some(proto::WorkCase { case_id: "L-1".to_owned(), ..Default::default() }),
            case_count: 1,
            ..Default::default()
        };
        let view = WorkItemView::new(&item);
        assert!(view.text().contains("amount withheld"), "{}", view.text());
        assert_eq!(view.cells().len(), WorkItemView::HEADER.len());
    }
}
