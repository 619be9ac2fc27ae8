//! The zones of a debtor: all the debtor's cases are worked by the hours of all
//! of them.

use arrears::model::ContactPoint;

use super::*;

/// A document of a case that brings a telephone in a zone.
fn with_zone(number: usize, debtor: &str, zone: &str, as_of: Micros) -> Document {
    let point = ContactPoint {
        contact_point_id: format!("t{number}"),
        kind: None,
        time_zone: zone.to_owned(),
        jurisdiction: String::new(),
        state: None,
    };
    Document {
        case_id: case(&format!("z{number}")),
        debtor_id: id(DebtorId::new(debtor)),
        source_sequence: None,
        as_of,
        facts: Facts {
            overdue_amount_minor: 10_000,
            oldest_due_date: Some(Day(20_000 - 10)),
            contact_points: vec![point],
            ..Facts::default()
        },
    }
}

/// Small calls go first, and one large call joins their commit: the second push
/// meets a case whose lane nobody else has heard of yet.
#[tokio::test]
async fn a_sibling_of_the_same_commit_moves_with_the_zones_of_its_debtor() {
    let mut desk = Desk::with_policy(ContactPolicy::Plain(PlainPolicy::default())).await;
    let as_of = desk.stamp();
    let large = PushCommand {
        portfolio_id: portfolio("p"),
        documents: (0..50)
            .map(|number| {
                let debtor = if number == 0 { "d".to_owned() } else { format!("e{number}") };
                Ok(with_zone(number, &debtor, "Asia/Tokyo", as_of))
            })
            .collect(),
        atomic: true,
        validate_only: false,
    };
    let (engine, caller) = (Arc::clone(&desk.engine), desk.caller.clone());
    let (first, second) =
        tokio::join!(desk.push("c", "d", 900_000), push_cases(&engine, &caller, large));
    assert!(first.disposition.is_ok());
    second.expect("a push is answered");
    // 15:00 in the portfolio's zone is midnight in Tokyo.
    desk.advance(7 * 60 * MINUTE).await;
    assert_eq!(ids(&desk.lease(pull(100)).await), [""; 0]);
    desk.advance(9 * 60 * MINUTE).await;
    assert_eq!(ids(&desk.lease(pull(1)).await), ["c"]);
}
