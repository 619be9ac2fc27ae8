//! What the ledger says and what payments say: which of them counts when.

use arrears::model::Micros;
use arrears::proto;
use proto::EventDisposition::{Duplicate, Recorded, Rejected as EventRejected};
use proto::PushDisposition::{Corrected, Created, Rejected, Stale, Superseded, Unchanged, Updated};
use proto::event::Kind;

use crate::support::{NOW, TestServer, date, document, euro, instant, portfolio};

const PORTFOLIO: &str = "cards";

async fn server() -> TestServer {
    let server = TestServer::start().await;
    server.create(portfolio(PORTFOLIO)).await;
    server
}

/// Hours after the test clock's first instant; negative before.
fn hours(hours: i64) -> Micros {
    NOW.plus(hours * Micros::HOUR)
}

/// A document of case `c` that speaks of an instant.
fn ledger(units: i64, as_of: Micros) -> proto::CaseDocument {
    proto::CaseDocument { overdue_amount: euro(units), as_of_time: instant(as_of), ..document("c") }
}

fn payment(event_id: &str, units: i64, at: Micros) -> proto::Event {
    event(event_id, at, Kind::Payment(proto::Payment { amount: euro(units), shares: vec![] }))
}

fn reversal(event_id: &str, of: &str, at: Micros) -> proto::Event {
    let kind = Kind::Reversal(proto::Reversal { reversed_event_id: of.to_owned() });
    proto::Event { case_ids: vec![], ..event(event_id, at, kind) }
}

fn event(event_id: &str, at: Micros, kind: Kind) -> proto::Event {
    proto::Event {
        event_id: event_id.to_owned(),
        event_time: instant(at),
        case_ids: vec!["c".to_owned()],
        debtor_id: String::new(),
        kind: Some(kind),
    }
}

async fn record(server: &TestServer, events: Vec<proto::Event>) -> Vec<proto::EventResult> {
    let request = proto::RecordEventsRequest { portfolio_id: PORTFOLIO.to_owned(), events };
    server.cases().record_events(request).await.unwrap().into_inner().results
}

async fn push_one(server: &TestServer, document: proto::CaseDocument) -> proto::PushDisposition {
    server.push(PORTFOLIO, vec![document]).await[0].disposition()
}

async fn amount(server: &TestServer) -> (Option<proto::Money>, bool) {
    let case = server.get(PORTFOLIO, "c").await;
    (case.overdue_amount, case.provisional)
}

#[tokio::test]
async fn a_payment_the_ledger_does_not_know_is_taken_off_until_it_does() {
    let server = server().await;
    push_one(&server, ledger(1_000, hours(-10))).await;
    let results = record(&server, vec![payment("p1", 300, hours(-2))]).await;
    assert_eq!(results[0].disposition(), Recorded);
    assert_eq!(amount(&server).await, (euro(700), true));

    // The next file was made before the payment: it is still taken off.
    assert_eq!(push_one(&server, ledger(1_000, hours(-5))).await, Unchanged);
    assert_eq!(amount(&server).await, (euro(700), true));

    // This one knows of it.
    assert_eq!(push_one(&server, ledger(700, hours(-1))).await, Updated);
    assert_eq!(amount(&server).await, (euro(700), false));
}

#[tokio::test]
async fn a_payment_from_before_the_file_changes_nothing() {
    let server = server().await;
    push_one(&server, ledger(1_000, hours(-2))).await;
    record(&server, vec![payment("p1", 300, hours(-3))]).await;
    assert_eq!(amount(&server).await, (euro(1_000), false));
    let case = server.get(PORTFOLIO, "c").await;
    assert_eq!(case.payments.len(), 1, "it is history all the same");
}

/// An unchanged file whose instant reaches a payment absorbs it: the ledger saw
/// the money and says that this much is still overdue.
#[tokio::test]
async fn an_unchanged_file_absorbs_the_payment_it_has_seen() {
    let server = server().await;
    push_one(&server, ledger(1_000, hours(-10))).await;
    record(&server, vec![payment("p1", 300, hours(-4))]).await;
    let before = server.get(PORTFOLIO, "c").await.rank.unwrap().case_seq;
    assert_eq!(push_one(&server, ledger(1_000, hours(-1))).await, Unchanged);
    assert_eq!(amount(&server).await, (euro(1_000), false));
    let after = server.get(PORTFOLIO, "c").await.rank.unwrap().case_seq;
    assert_eq!(after, before + 1, "the absorption is an event");
}

#[tokio::test]
async fn a_reversal_gives_back_what_was_taken_off() {
    let server = server().await;
    push_one(&server, ledger(1_000, hours(-10))).await;
    record(&server, vec![payment("p1", 300, hours(-5))]).await;
    let results = record(&server, vec![reversal("r1", "p1", hours(-4))]).await;
    assert_eq!(results[0].disposition(), Recorded);
    assert_eq!(amount(&server).await.0, euro(1_000));
}

/// The ledger knew of the payment, then the money went back.
#[tokio::test]
async fn a_reversal_after_the_file_raises_the_amount() {
    let server = server().await;
    push_one(&server, ledger(1_000, hours(-10))).await;
    record(&server, vec![payment("p1", 300, hours(-5))]).await;
    push_one(&server, ledger(700, hours(-3))).await;
    assert_eq!(amount(&server).await, (euro(700), false));
    record(&server, vec![reversal("r1", "p1", hours(-1))]).await;
    assert_eq!(amount(&server).await, (euro(1_000), true));
}

#[tokio::test]
async fn two_files_of_one_day_count_by_instant_whatever_their_order() {
    let server = server().await;
    push_one(&server, ledger(900, hours(-2))).await;
    assert_eq!(push_one(&server, ledger(1_000, hours(-8))).await, Stale);
    assert_eq!(amount(&server).await.0, euro(900));
    assert_eq!(push_one(&server, ledger(950, hours(-2))).await, Corrected);
    assert_eq!(amount(&server).await.0, euro(950));
    assert_eq!(push_one(&server, ledger(950, hours(-2))).await, Unchanged);
}

#[tokio::test]
async fn a_numbered_source_counts_by_number() {
    let server = server().await;
    let numbered = |sequence, units| proto::CaseDocument {
        source_sequence: Some(sequence),
        ..ledger(units, hours(-2))
    };
    assert_eq!(push_one(&server, numbered(5, 900)).await, Created);
    assert_eq!(push_one(&server, numbered(4, 800)).await, Stale);
    assert_eq!(push_one(&server, numbered(5, 850)).await, Corrected);
    assert_eq!(push_one(&server, numbered(7, 850)).await, Unchanged);
    assert_eq!(push_one(&server, numbered(6, 100)).await, Stale, "the unchanged 7 counted");
    assert_eq!(push_one(&server, numbered(8, 700)).await, Updated);

    let result = &server.push(PORTFOLIO, vec![ledger(1, hours(-1))]).await[0];
    assert_eq!(result.disposition(), Rejected);
    assert_eq!(result.error.as_ref().unwrap().reason, "SEQUENCE_REQUIRED");
}

#[tokio::test]
async fn a_source_that_does_not_number_refuses_numbers() {
    let server = server().await;
    push_one(&server, ledger(900, hours(-2))).await;
    let numbered = proto::CaseDocument { source_sequence: Some(1), ..ledger(1, hours(-1)) };
    let result = &server.push(PORTFOLIO, vec![numbered]).await[0];
    assert_eq!(result.error.as_ref().unwrap().reason, "SEQUENCE_UNEXPECTED");
}

#[tokio::test]
async fn of_two_documents_for_a_case_the_later_or_higher_one_wins() {
    let server = server().await;
    let results =
        server.push(PORTFOLIO, vec![ledger(100, hours(-2)), ledger(200, hours(-2))]).await;
    assert_eq!(results[0].disposition(), Superseded);
    assert_eq!(results[1].disposition(), Created);
    assert_eq!(amount(&server).await.0, euro(200));
}

#[tokio::test]
async fn an_amount_of_nothing_cures_and_an_amount_opens_the_next_episode() {
    let server = server().await;
    push_one(&server, ledger(1_000, hours(-10))).await;
    let cured = proto::CaseDocument { oldest_due_date: None, ..ledger(0, hours(-8)) };
    let result = server.push(PORTFOLIO, vec![cured]).await.remove(0);
    assert_eq!(result.state(), proto::CaseState::Closed);
    assert_eq!(result.rank, None);
    let case = server.get(PORTFOLIO, "c").await;
    assert_eq!(case.close_reason(), proto::CloseReason::Cured);
    assert_eq!(case.episode, 1);

    push_one(&server, ledger(400, hours(-6))).await;
    let case = server.get(PORTFOLIO, "c").await;
    assert_eq!((case.state(), case.episode), (proto::CaseState::Open, 2));
    assert_eq!(case.close_reason(), proto::CloseReason::Unspecified);
}

#[tokio::test]
async fn a_case_closes_for_the_reason_named() {
    let server = server().await;
    push_one(&server, ledger(1_000, hours(-10))).await;
    let close = proto::CaseClose { reason: proto::CloseReason::Sold.into(), date: None };
    let sold = proto::CaseDocument { close: Some(close), ..ledger(1_000, hours(-8)) };
    push_one(&server, sold).await;
    let case = server.get(PORTFOLIO, "c").await;
    assert_eq!(case.close_reason(), proto::CloseReason::Sold);
}

/// Payments may cover everything: the case is parked and stays open, because
/// only the ledger closes.
#[tokio::test]
async fn payments_that_cover_everything_close_nothing() {
    let server = server().await;
    push_one(&server, ledger(1_000, hours(-10))).await;
    record(&server, vec![payment("p1", 1_000, hours(-2))]).await;
    let case = server.get(PORTFOLIO, "c").await;
    assert_eq!(case.state(), proto::CaseState::Open);
    assert_eq!((case.overdue_amount, case.provisional), (euro(0), true));
}

#[tokio::test]
async fn a_due_date_ahead_is_not_overdue() {
    let server = server().await;
    let ahead =
        proto::CaseDocument { oldest_due_date: date(2026, 3, 20), ..ledger(1_000, hours(-10)) };
    let result = server.push(PORTFOLIO, vec![ahead]).await.remove(0);
    assert_eq!(result.state(), proto::CaseState::PreDue);
    let case = server.get(PORTFOLIO, "c").await;
    assert_eq!(case.days_past_due, -16);
    assert_eq!(case.stage(), proto::Stage::Unspecified);
}

/// Money settles the oldest instalment first; days past due move with it.
#[tokio::test]
async fn a_payment_moves_the_oldest_due_date_only_where_instalments_are_known() {
    let server = server().await;
    let instalment = |month| proto::Instalment {
        due_date: date(2026, month, 1),
        due_amount: euro(500),
        ..Default::default()
    };
    let known = proto::CaseDocument {
        instalments: vec![instalment(1), instalment(2)],
        ..ledger(1_000, hours(-10))
    };
    push_one(&server, known).await;
    record(&server, vec![payment("p1", 600, hours(-2))]).await;
    let case = server.get(PORTFOLIO, "c").await;
    assert_eq!(case.oldest_due_date, date(2026, 2, 1));
    assert_eq!(case.overdue_amount, euro(400));
}

#[tokio::test]
async fn an_event_counts_once() {
    let server = server().await;
    push_one(&server, ledger(1_000, hours(-10))).await;
    let twice = vec![payment("p1", 300, hours(-2)), payment("p1", 300, hours(-2))];
    let results = record(&server, twice).await;
    assert_eq!(results[0].disposition(), Recorded);
    assert_eq!(results[1].disposition(), Duplicate);
    let results = record(&server, vec![payment("p1", 300, hours(-2))]).await;
    assert_eq!(results[0].disposition(), Duplicate);
    assert_eq!(amount(&server).await.0, euro(700));

    let results = record(&server, vec![payment("p1", 301, hours(-2))]).await;
    assert_eq!(results[0].disposition(), EventRejected);
    assert_eq!(results[0].error.as_ref().unwrap().reason, "EVENT_ALREADY_EXISTS");
}

#[tokio::test]
async fn an_event_that_names_nothing_known_may_be_sent_again() {
    let server = server().await;
    let results = record(&server, vec![payment("p1", 300, hours(-2))]).await;
    assert_eq!(results[0].error.as_ref().unwrap().reason, "CASE_NOT_FOUND");
    let results = record(&server, vec![reversal("r1", "p1", hours(-2))]).await;
    assert_eq!(results[0].error.as_ref().unwrap().reason, "EVENT_NOT_FOUND");
    push_one(&server, ledger(1_000, hours(-10))).await;
    let results = record(&server, vec![payment("p1", 300, hours(-2))]).await;
    assert_eq!(results[0].disposition(), Recorded);
}

#[tokio::test]
async fn a_hold_shows_until_it_is_lifted_and_moves_no_rank() {
    let server = server().await;
    push_one(&server, ledger(1_000, hours(-10))).await;
    let before = server.get(PORTFOLIO, "c").await.rank.unwrap();
    let hold = proto::Hold { kind: proto::HoldKind::Dispute.into(), ..Default::default() };
    let of_debtor = proto::Event {
        case_ids: vec![],
        debtor_id: "debtor-of-c".to_owned(),
        ..event("h2", hours(-2), Kind::Hold(hold.clone()))
    };
    record(&server, vec![event("h1", hours(-3), Kind::Hold(hold)), of_debtor]).await;
    let case = server.get(PORTFOLIO, "c").await;
    let holds: Vec<_> = case.holds.iter().map(|hold| (&*hold.event_id, hold.scope())).collect();
    assert_eq!(holds, [("h1", proto::HoldScope::Case), ("h2", proto::HoldScope::Debtor)]);
    let rank = case.rank.unwrap();
    assert_eq!(
        (rank.recovery_score, rank.recovery_group, rank.priority),
        (before.recovery_score, before.recovery_group, before.priority)
    );

    let lift = |hold: &str| Kind::Lift(proto::Lift { hold_event_id: hold.to_owned() });
    let lifts = ["h1", "h2"].map(|hold| proto::Event {
        case_ids: vec![],
        ..event(&format!("lift-{hold}"), hours(-1), lift(hold))
    });
    record(&server, lifts.to_vec()).await;
    assert_eq!(server.get(PORTFOLIO, "c").await.holds, []);
}

/// A lift ends a hold for the cases it names, for a debtor, or for all.
#[tokio::test]
async fn a_lift_ends_what_it_names_and_nothing_else() {
    let server = server().await;
    let mut other = ledger(500, hours(-10));
    other.case_id = "other".to_owned();
    let mut stranger = ledger(500, hours(-10));
    (stranger.case_id, stranger.debtor_id) = ("s".to_owned(), "debtor-of-s".to_owned());
    server.push(PORTFOLIO, vec![ledger(1_000, hours(-10)), other, stranger]).await;
    let hold = proto::Hold { kind: proto::HoldKind::Dispute.into(), ..Default::default() };
    let about = |event_id: &str, cases: &[&str], debtor: &str, kind: Kind| proto::Event {
        case_ids: cases.iter().map(|id| (*id).to_owned()).collect(),
        debtor_id: debtor.to_owned(),
        ..event(event_id, hours(-1), kind)
    };
    let placed = vec![
        about("h1", &["c", "other"], "", Kind::Hold(hold.clone())),
        about("h2", &[], "debtor-of-c", Kind::Hold(hold)),
    ];
    record(&server, placed).await;
    let lift = |hold: &str| Kind::Lift(proto::Lift { hold_event_id: hold.to_owned() });
    let wrong = vec![
        about("l1", &["s"], "", lift("h1")),
        about("l2", &["c"], "", lift("h2")),
        about("l3", &[], "debtor-of-c", lift("h1")),
        about("l4", &[], "debtor-of-s", lift("h2")),
    ];
    let fields = ["case_ids", "case_ids", "debtor_id", "debtor_id"];
    let results = record(&server, wrong).await.into_iter().zip(fields);
    for (at, (result, field)) in results.enumerate() {
        let violation = result.error.unwrap().violations.remove(0);
        assert_eq!(violation.field, format!("events[{at}].{field}"));
        assert_eq!(violation.reason, "FIELD_CONFLICT");
    }
    let nobody = record(&server, vec![about("l5", &[], "nobody", lift("h2"))]).await;
    assert_eq!(nobody[0].error.as_ref().unwrap().reason, "DEBTOR_NOT_FOUND");
    let holds = async |case: &str| -> Vec<String> {
        let holds = server.get(PORTFOLIO, case).await.holds;
        holds.into_iter().map(|hold| hold.event_id).collect()
    };
    assert_eq!((holds("c").await.len(), holds("other").await.len()), (2, 2));
    record(&server, vec![about("l6", &["other"], "", lift("h1"))]).await;
    assert_eq!(
        (holds("c").await, holds("other").await),
        (vec!["h1".into(), "h2".into()], vec!["h2".into()])
    );
    record(&server, vec![about("l7", &[], "debtor-of-c", lift("h2"))]).await;
    assert_eq!((holds("c").await, holds("other").await), (vec!["h1".to_owned()], vec![]));
    record(&server, vec![about("l8", &[], "", lift("h1"))]).await;
    assert_eq!(holds("c").await, [""; 0]);
}

/// The same night twice changes nothing at all, not even the sequence.
#[tokio::test]
async fn the_same_night_twice_changes_nothing() {
    let server = server().await;
    let night: Vec<_> = (0..40)
        .map(|index| proto::CaseDocument {
            as_of_time: instant(hours(-3)),
            ..document(&format!("c{index}"))
        })
        .collect();
    server.push(PORTFOLIO, night.clone()).await;
    let before = server.get(PORTFOLIO, "c7").await;
    let again = server.push(PORTFOLIO, night).await;
    assert!(again.iter().all(|result| result.disposition() == Unchanged));
    assert_eq!(server.get(PORTFOLIO, "c7").await, before);
}

#[tokio::test]
async fn a_dry_run_says_what_would_happen_and_stores_nothing() {
    let server = server().await;
    let request = proto::PushCasesRequest {
        portfolio_id: PORTFOLIO.to_owned(),
        cases: vec![document("c"), document("d")],
        validate_only: true,
        ..Default::default()
    };
    let results = server.cases().push_cases(request).await.unwrap().into_inner().results;
    assert!(results.iter().all(|result| result.disposition() == Created));
    assert!(results[0].rank.is_some());
    let list = proto::ListCasesRequest { portfolio_id: PORTFOLIO.to_owned(), ..Default::default() };
    assert_eq!(server.cases().list_cases(list).await.unwrap().into_inner().cases, []);
}

#[tokio::test]
async fn a_case_may_change_hands() {
    let server = server().await;
    push_one(&server, ledger(1_000, hours(-10))).await;
    let other = proto::CaseDocument { debtor_id: "heir".to_owned(), ..ledger(1_000, hours(-8)) };
    assert_eq!(push_one(&server, other).await, Updated);
    assert_eq!(server.get(PORTFOLIO, "c").await.debtor_id, "heir");
}

/// A file that names one debtor in every row must not make each push dearer than
/// the one before.
#[tokio::test]
async fn a_debtor_has_no_more_open_cases_than_the_bound() {
    let server = server().await;
    let of_one = |number: usize| proto::CaseDocument {
        debtor_id: "everybody".to_owned(),
        ..document(&format!("case-{number}"))
    };
    let first = server.push(PORTFOLIO, (0..1_000).map(of_one).collect()).await;
    assert!(first.iter().all(|result| result.disposition() == Created));
    let others = vec![of_one(7), of_one(1_000), document("another")];
    let results = server.push(PORTFOLIO, others).await;
    let dispositions: Vec<_> = results.iter().map(|result| result.disposition()).collect();
    assert_eq!(dispositions, [Unchanged, Rejected, Created]);
    let violation = &results[1].error.as_ref().unwrap().violations[0];
    assert_eq!(violation.field, "cases[1].debtor_id");
    assert!(violation.description.contains("at most 1000 open cases"), "{violation:?}");
    let paid = proto::CaseDocument { overdue_amount: euro(0), ..of_one(3) };
    let results = server.push(PORTFOLIO, vec![paid]).await;
    assert_eq!(results[0].state(), proto::CaseState::Closed);
    let results = server.push(PORTFOLIO, vec![of_one(1_000), of_one(1_001)]).await;
    let dispositions: Vec<_> = results.iter().map(|result| result.disposition()).collect();
    assert_eq!(dispositions, [Created, Rejected]);
}

/// A document that says the same anew counts, also beside one of the same debtor that moves
/// all its cases to other lanes.
#[tokio::test]
async fn a_renewed_ledger_stays_renewed_beside_a_case_with_another_zone() {
    let server = server().await;
    let other = |time_zone: &str, at| proto::CaseDocument {
        case_id: "other".to_owned(),
        contact_points: vec![proto::ContactPoint {
            contact_point_id: "p".to_owned(),
            time_zone: time_zone.to_owned(),
            ..Default::default()
        }],
        ..ledger(700, at)
    };
    server.push(PORTFOLIO, vec![ledger(1_200, hours(-20)), other("Europe/Madrid", NOW)]).await;
    let night = vec![ledger(1_200, hours(-2)), other("Asia/Tokyo", NOW)];
    let results = server.push(PORTFOLIO, night).await;
    assert_eq!([results[0].disposition(), results[1].disposition()], [Unchanged, Corrected]);
    let read = server.get(PORTFOLIO, "c").await;
    assert_eq!(read.as_of_time, instant(hours(-2)));
    assert_eq!(read.document.unwrap().as_of_time, instant(hours(-2)));
}
