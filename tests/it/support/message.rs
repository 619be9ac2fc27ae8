//! Messages that are right as they stand, for a test to change.

use arrears::model::Micros;
use arrears::proto;

/// A portfolio in Berlin and euros with everything else left out.
pub(crate) fn portfolio(portfolio_id: &str) -> proto::Portfolio {
    proto::Portfolio {
        portfolio_id: portfolio_id.to_owned(),
        time_zone: "Europe/Berlin".to_owned(),
        base_currency: "EUR".to_owned(),
        ..Default::default()
    }
}

/// A document of the five columns, overdue since New Year 2026.
pub(crate) fn document(case_id: &str) -> proto::CaseDocument {
    proto::CaseDocument {
        case_id: case_id.to_owned(),
        debtor_id: format!("debtor-of-{case_id}"),
        overdue_amount: euro(1_200),
        oldest_due_date: date(2026, 1, 1),
        ..Default::default()
    }
}

pub(crate) fn euro(units: i64) -> Option<proto::Money> {
    Some(proto::Money { currency_code: "EUR".to_owned(), units, nanos: 0 })
}

pub(crate) fn date(year: i32, month: i32, day: i32) -> Option<proto::Date> {
    Some(proto::Date { year, month, day })
}

pub(crate) fn instant(instant: Micros) -> Option<prost_types::Timestamp> {
    Some(prost_types::Timestamp { seconds: instant.0 / Micros::SECOND, nanos: 0 })
}
