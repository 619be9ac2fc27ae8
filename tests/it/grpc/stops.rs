//! What a worker who renews is told, for everything that may have happened.

use std::collections::BTreeSet;

use arrears::model::Micros;
use arrears::proto;
use proto::LeaseDirective::{Continue, StopExpired, StopHold, StopPaid, StopWindow};

use crate::support::{
    NOW, TestServer, always, date, document, euro, event, hold, instant, lift, outcome, payment,
    portfolio, pull, work_list,
};

/// What happens between a lease and its renewal.
#[derive(Clone, Copy, Debug)]
enum Happens {
    Nothing,
    PaidInFull,
    PaidInPart,
    PaidAndTakenBack,
    Cured,
    Closed(proto::CloseReason),
    DueAhead,
    HoldOnCase,
    HoldOnDebtor,
    HoldThatEnded,
    HoldLifted,
    HoldOnSibling,
    HoldAndPaid,
    HoursChanged,
    ZoneChanged,
    CapLowered,
    TimePassed,
    TimePassedAndLeasedAnew,
    Reported,
    Released,
    OtherDebtor,
    TokenMadeUp,
}

use Happens::*;

/// What the worker is told, and why the token is refused where it is.
const TOLD: &[(Happens, proto::LeaseDirective, &str)] = &[
    (Nothing, Continue, ""),
    (PaidInFull, StopPaid, ""),
    (PaidInPart, Continue, ""),
    (PaidAndTakenBack, Continue, ""),
    (Cured, StopPaid, ""),
    (Closed(proto::CloseReason::PaidOff), StopPaid, ""),
    (Closed(proto::CloseReason::Sold), StopPaid, ""),
    (Closed(proto::CloseReason::Deceased), StopPaid, ""),
    (DueAhead, StopPaid, ""),
    (HoldOnCase, StopHold, ""),
    (HoldOnDebtor, StopHold, ""),
    (HoldThatEnded, Continue, ""),
    (HoldLifted, Continue, ""),
    (HoldOnSibling, Continue, ""),
    (HoldAndPaid, StopPaid, ""),
    (HoursChanged, StopWindow, ""),
    (ZoneChanged, StopWindow, ""),
    // A cap is the law of the next attempt: this one was counted when it was granted.
    (CapLowered, Continue, ""),
    (TimePassed, StopExpired, "LEASE_EXPIRED"),
    (TimePassedAndLeasedAnew, StopExpired, "LEASE_SUPERSEDED"),
    (Reported, StopExpired, "LEASE_EXPIRED"),
    (Released, StopExpired, "LEASE_EXPIRED"),
    (OtherDebtor, StopExpired, "LEASE_EXPIRED"),
    (TokenMadeUp, StopExpired, "LEASE_TOKEN_MALFORMED"),
];

/// A later document of the leased case.
fn later() -> proto::CaseDocument {
    proto::CaseDocument { as_of_time: instant(NOW.plus(Micros::SECOND)), ..document("c1") }
}

fn plain(start_minute: i32, attempts_per_day: i32) -> Option<proto::ContactPolicy> {
    let hours = (1..=7).map(|weekday| proto::DayHours { weekday, start_minute, end_minute: 1_440 });
    let plain = proto::PlainPolicy {
        hours: hours.collect(),
        attempts_per_day: Some(attempts_per_day),
        attempts_per_week: Some(attempts_per_day),
    };
    Some(proto::ContactPolicy { policy: Some(proto::contact_policy::Policy::Plain(plain)) })
}

/// One leased case with a sibling that is not due yet for a call, of a debtor who may be
/// called around the clock.
async fn with_lease() -> (TestServer, proto::WorkItem) {
    let server = TestServer::start().await;
    let contact_policy = plain(0, 2);
    server.create(proto::Portfolio { contact_policy, ..portfolio("cards") }).await;
    server.create(always("loans")).await;
    server.create_list(work_list("all")).await;
    server.push("cards", vec![document("c1")]).await;
    let sibling =
        proto::CaseDocument { debtor_id: "debtor-of-c1".to_owned(), ..document("sibling") };
    let item = server.lease(pull("all", 1)).await.work_items.remove(0);
    server.push("loans", vec![sibling]).await;
    server.clock.advance(Micros::MINUTE);
    (server, item)
}

async fn update(server: &TestServer, contact_policy: Option<proto::ContactPolicy>) {
    let request = proto::GetPortfolioRequest { portfolio_id: "cards".to_owned() };
    let read = server.portfolios().get_portfolio(request).await.unwrap().into_inner();
    let portfolio = Some(proto::Portfolio { contact_policy, ..read.portfolio.unwrap() });
    let request = proto::UpdatePortfolioRequest { portfolio, ..Default::default() };
    server.portfolios().update_portfolio(request).await.unwrap();
}

async fn push_again(server: &TestServer, document: proto::CaseDocument) {
    let results = server.push("cards", vec![document]).await;
    assert_eq!(results[0].disposition(), proto::PushDisposition::Updated, "{results:?}");
}

/// The documents that come in.
fn documents(what: Happens) -> Option<proto::CaseDocument> {
    match what {
        Cured => {
            Some(proto::CaseDocument { overdue_amount: euro(0), oldest_due_date: None, ..later() })
        }
        Closed(reason) => {
            let close = Some(proto::CaseClose { reason: reason.into(), date: None });
            Some(proto::CaseDocument { close, ..later() })
        }
        DueAhead => Some(proto::CaseDocument { oldest_due_date: date(2026, 3, 20), ..later() }),
        ZoneChanged => {
            let honolulu = proto::ContactPoint {
                contact_point_id: "p".to_owned(),
                time_zone: "Pacific/Honolulu".to_owned(),
                ..Default::default()
            };
            Some(proto::CaseDocument { contact_points: vec![honolulu], ..later() })
        }
        OtherDebtor => {
            Some(proto::CaseDocument { debtor_id: "somebody-else".to_owned(), ..later() })
        }
        _ => None,
    }
}

/// The events that come in, with their portfolio.
fn events(what: Happens) -> (&'static str, Vec<proto::Event>) {
    let paid = |units| event("e", &["c1"], payment(euro(units)));
    let dispute = |case_id: &str| event("h", &[case_id], hold(proto::HoldKind::Dispute));
    match what {
        PaidInFull => ("cards", vec![paid(1_200)]),
        PaidInPart => ("cards", vec![paid(1_199)]),
        PaidAndTakenBack => {
            let reversal = proto::Reversal { reversed_event_id: "e".to_owned() };
            let taken = event("r", &[], proto::event::Kind::Reversal(reversal));
            ("cards", vec![paid(1_200), taken])
        }
        HoldOnCase => ("cards", vec![dispute("c1")]),
        HoldLifted => ("cards", vec![dispute("c1"), event("l", &["c1"], lift("h"))]),
        HoldAndPaid => ("cards", vec![dispute("c1"), paid(1_200)]),
        HoldOnSibling | TimePassedAndLeasedAnew => ("loans", vec![dispute("sibling")]),
        HoldOnDebtor => {
            let debtor_id = "debtor-of-c1".to_owned();
            let held = event("h", &[], hold(proto::HoldKind::Cease));
            ("loans", vec![proto::Event { debtor_id, ..held }])
        }
        HoldThatEnded => {
            let until_time = instant(NOW.plus(90 * Micros::SECOND));
            let kind = proto::HoldKind::Dispute.into();
            let held = proto::Hold { kind, until_time, ..Default::default() };
            ("cards", vec![event("h", &["c1"], proto::event::Kind::Hold(held))])
        }
        _ => ("cards", Vec::new()),
    }
}

async fn happen(server: &TestServer, item: &mut proto::WorkItem, what: Happens) {
    let (portfolio_id, events) = events(what);
    if !events.is_empty() {
        server.record(portfolio_id, events).await;
    }
    match what {
        // It is 11:01 in Berlin.
        HoursChanged => update(server, plain(11 * 60 + 5, 2)).await,
        ZoneChanged => update(server, plain(8 * 60, 2)).await,
        CapLowered => update(server, plain(0, 1)).await,
        HoldThatEnded => {
            assert_eq!(server.renew(std::slice::from_ref(item)).await[0].directive(), StopHold);
            server.clock.advance(Micros::MINUTE);
        }
        TimePassed => server.clock.advance(4 * Micros::MINUTE),
        TimePassedAndLeasedAnew => {
            server.clock.advance(34 * Micros::MINUTE);
            let wait = Some(prost_types::Duration { seconds: 20, nanos: 0 });
            let pull = proto::LeaseWorkRequest { wait, ..pull("all", 1) };
            assert_eq!(server.lease(pull).await.work_items.len(), 1);
        }
        Reported => {
            server.report(outcome(item, "no_answer")).await;
        }
        Released => {
            let lease_token = item.lease_token.clone();
            let releases = vec![proto::LeaseRelease { lease_token, not_dialled: true }];
            let request = proto::ReleaseLeasesRequest { releases };
            server.work_lists().release_leases(request).await.unwrap();
        }
        TokenMadeUp => item.lease_token = b"made up".to_vec(),
        _ => {}
    }
    if let Some(document) = documents(what) {
        push_again(server, document).await;
    }
}

#[tokio::test]
async fn a_worker_who_renews_is_told_to_stop_for_every_reason() {
    for (what, directive, reason) in TOLD {
        let (server, mut item) = with_lease().await;
        happen(&server, &mut item, *what).await;
        let until = NOW.plus(server.elapsed() + 5 * Micros::MINUTE);
        let renewal = server.renew(&[item]).await.remove(0);
        assert_eq!(renewal.directive(), *directive, "{what:?}");
        let error = renewal.error.map_or(String::new(), |error| error.reason);
        assert_eq!(error, *reason, "{what:?}");
        let goes_on = instant(until).filter(|_| *directive == Continue);
        assert_eq!(renewal.lease_expire_time, goes_on, "{what:?}");
    }
}

/// A directive that no row of the table tells would be a promise without a keeper.
#[test]
fn every_directive_stands_in_the_table() {
    let told: BTreeSet<i32> = TOLD.iter().map(|row| row.1.into()).collect();
    let known = |number: &i32| proto::LeaseDirective::try_from(*number).is_ok();
    let published: BTreeSet<i32> = (1..100).filter(known).collect();
    assert_eq!(told, published);
}

/// A worker told to stop keeps the lease until the report, and the report counts.
#[tokio::test]
async fn who_is_told_to_stop_may_still_report() {
    for what in [PaidInFull, HoldOnCase, HoursChanged] {
        let (server, mut item) = with_lease().await;
        happen(&server, &mut item, what).await;
        server.renew(std::slice::from_ref(&item)).await;
        let reported = server.report(outcome(&item, "contacted")).await;
        assert_eq!(reported.disposition(), proto::OutcomeDisposition::Accepted, "{what:?}");
    }
}
