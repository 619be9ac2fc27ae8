//! What is granted, what comes back, and what is told to whoever asks again.

use super::*;

#[tokio::test]
async fn a_case_is_leased_once_and_reported_once() {
    let mut desk = Desk::open().await;
    desk.push("c", "d", 50_000).await;
    let item = desk.one().await;
    assert_eq!(item.lead_case.case_id.as_str(), "c");
    assert_eq!(item.lead_case.overdue_amount_minor, Some(50_000));
    assert_eq!(item.expire_time, Micros(START + 5 * MINUTE));
    assert_eq!(item.earlier_attempt_count, 0);
    assert!(desk.lease(pull(1)).await.items.is_empty());

    assert_eq!(desk.report(item.token, "no_answer").await, Ok(ReportDisposition::Accepted));
    assert_eq!(desk.report(item.token, "no_answer").await, Ok(ReportDisposition::Duplicate));
    assert_eq!(desk.report(item.token, "refusal").await, Err(ItemError::ReportAlreadyExists));
    assert!(desk.lease(pull(1)).await.items.is_empty());
}

#[tokio::test]
async fn a_debtor_is_leased_once_over_all_portfolios() {
    let mut desk = Desk::open().await;
    desk.portfolio("q", settings(around_the_clock())).await;
    desk.push("c1", "d", 50_000).await;
    desk.push_to("q", ("c2", "d", 70_000)).await;
    desk.push_to("q", ("c3", "other", 10_000)).await;
    let work = desk.lease(pull(10)).await;
    assert_eq!(work.items.len(), 2);
    let item = work.items.iter().find(|item| item.debtor_id.as_str() == "d").expect("it is ready");
    assert_eq!((item.sibling_cases.len(), item.case_count), (1, 2));
    assert_eq!(item.totals.len(), 1);
    assert_eq!(item.totals[0].1, 120_000);
    desk.release(item.token, true).await.expect("the lease runs");
    assert_eq!(desk.lease(pull(10)).await.items.len(), 1);
}

#[tokio::test]
async fn an_expired_lease_counts_and_the_debtor_rests() {
    let mut desk = Desk::with_policy(ContactPolicy::Always).await;
    desk.push("c", "d", 50_000).await;
    let item = desk.one().await;
    desk.advance(5 * MINUTE).await;
    assert!(desk.lease(pull(1)).await.items.is_empty());
    assert_eq!(
        desk.renew(item.token).await,
        Err(ItemError::LeaseExpired(Micros(START + 5 * MINUTE)))
    );
    desk.advance(30 * MINUTE - 1).await;
    assert!(desk.lease(pull(1)).await.items.is_empty());
    desk.advance(1).await;
    let again = desk.one().await;
    assert_eq!(again.token.lease_seq, 2);
    assert_eq!(again.earlier_attempt_count, 1);
    assert_eq!(desk.renew(item.token).await, Err(ItemError::LeaseSuperseded));
}

#[tokio::test]
async fn an_unswept_lease_that_is_over_is_over() {
    let mut desk = Desk::with_policy(ContactPolicy::Always).await;
    desk.push("c", "d", 50_000).await;
    let item = desk.one().await;
    desk.clock.advance(5 * MINUTE);
    assert!(matches!(desk.renew(item.token).await, Err(ItemError::LeaseExpired(_))));
    assert_eq!(desk.report(item.token, "no_answer").await, Ok(ReportDisposition::Late));
    assert_eq!(desk.report(item.token, "no_answer").await, Ok(ReportDisposition::Duplicate));
    // A late report does not move the case: it rests for half an hour, not four.
    desk.advance(30 * MINUTE).await;
    assert_eq!(desk.one().await.token.lease_seq, 2);
}

#[tokio::test]
async fn a_release_before_dialling_is_not_counted() {
    let mut desk = Desk::open().await;
    desk.push("c", "d", 50_000).await;
    let first = desk.one().await;
    assert_eq!(desk.release(first.token, true).await, Ok(()));
    assert_eq!(desk.release(first.token, true).await, Ok(()));
    assert!(matches!(desk.release(first.token, false).await, Err(ItemError::LeaseExpired(_))));
    // One attempt a day: had it counted, nothing would be ready.
    let second = desk.one().await;
    assert_eq!(desk.release(second.token, false).await, Ok(()));
    desk.advance(31 * MINUTE).await;
    assert!(desk.lease(pull(1)).await.items.is_empty());
    desk.advance(DAY).await;
    assert_eq!(desk.one().await.token.lease_seq, 3);
}

#[tokio::test]
async fn a_renewing_worker_is_told_to_stop() {
    let mut desk = Desk::open().await;
    desk.push("c", "d", 50_000).await;
    let item = desk.one().await;
    desk.clock.advance(MINUTE);
    let until = Micros(START + 6 * MINUTE);
    assert_eq!(desk.renew(item.token).await, Ok(Directive::Continue(until)));
    desk.hold("d").await;
    assert_eq!(desk.renew(item.token).await, Ok(Directive::StopHold));
    desk.pay("c", 50_000).await;
    assert_eq!(desk.renew(item.token).await, Ok(Directive::StopPaid));
    // The lease stays until it is reported.
    assert_eq!(desk.report(item.token, "claims_paid").await, Ok(ReportDisposition::Accepted));
}

#[tokio::test]
async fn a_named_pull_is_answered_alike_and_never_with_new_work() {
    let mut desk = Desk::open().await;
    desk.push("c1", "d1", 50_000).await;
    desk.push("c2", "d2", 50_000).await;
    desk.push("c3", "d3", 50_000).await;
    let first = desk.lease(named(2, "r")).await;
    let again = desk.lease(named(2, "r")).await;
    assert_eq!(ids(&first), ids(&again));
    let tokens = |work: &LeasedWork| work.items.iter().map(|item| item.token).collect::<Vec<_>>();
    assert_eq!(tokens(&first), tokens(&again));
    desk.report(first.items[0].token, "no_answer").await.expect("the lease runs");
    assert_eq!(tokens(&desk.lease(named(2, "r")).await), tokens(&first)[1..]);
    assert_eq!(desk.lease(named(2, "other")).await.items.len(), 1);
}

/// A pull names its leases by case and number; the same numbers crosswise are
/// leases of somebody else.
#[tokio::test]
async fn a_retry_is_not_told_of_leases_that_others_hold() {
    let mut desk = Desk::with_policy(ContactPolicy::Always).await;
    desk.push("c1", "d1", 50_000).await;
    let before = desk.one().await;
    desk.release(before.token, true).await.expect("the lease runs");
    desk.push("c2", "d2", 50_000).await;
    let first = desk.lease(named(2, "r")).await;
    let numbers: Vec<i64> = first.items.iter().map(|item| item.token.lease_seq).collect();
    assert_eq!((ids(&first), numbers), (vec!["c1", "c2"], vec![2, 1]));
    desk.release(first.items[1].token, true).await.expect("the lease runs");
    assert_eq!(desk.one().await.token.lease_seq, 2);
    assert_eq!(ids(&desk.lease(named(2, "r")).await), ["c1"]);
}

#[tokio::test]
async fn what_is_still_remembered_is_not_pruned() {
    let mut desk = Desk::with_policy(ContactPolicy::Always).await;
    desk.push("c", "d", 50_000).await;
    let long = LeaseCommand { lease_duration: 60 * MINUTE, ..named(1, "r") };
    let work = desk.lease(long.clone()).await;
    desk.clock.advance(15 * MINUTE - 1);
    desk.engine.prune().await.expect("old pulls are forgotten");
    assert_eq!(ids(&desk.lease(long.clone()).await), ["c"]);
    desk.clock.advance(1);
    desk.engine.prune().await.expect("old pulls are forgotten");
    assert_eq!(ids(&desk.lease(long).await), [""; 0]);
    let token = work.items[0].token;
    assert_eq!(desk.report(token, "no_answer").await, Ok(ReportDisposition::Accepted));
    desk.clock.advance(7 * DAY - 1);
    desk.engine.prune().await.expect("old reports are forgotten");
    assert_eq!(desk.report(token, "no_answer").await, Ok(ReportDisposition::Duplicate));
    desk.clock.advance(1);
    desk.engine.prune().await.expect("old reports are forgotten");
    assert_eq!(desk.report(token, "no_answer").await, Err(ItemError::ReportAlreadyExists));
}

/// A clock that is an hour ahead of that of the database.
struct Ahead(Arc<TestClock>);

impl Clock for Ahead {
    fn now(&self) -> Micros {
        self.0.now().plus(60 * MINUTE)
    }

    fn at(&self, told: Micros) -> Micros {
        self.0.at(told)
    }
}

#[tokio::test]
async fn a_server_whose_clock_is_ahead_forgets_nothing_early() {
    let mut desk = Desk::with_policy(ContactPolicy::Always).await;
    if desk.database.url().is_none() {
        println!("skipped: one server alone has a file");
        return;
    }
    let ahead = Arc::new(Ahead(desk.clock.clone()));
    let other = Engine::open(desk.database.location(), ahead).await.expect("servers share it");
    desk.push("c1", "d1", 50_000).await;
    desk.push("c2", "d2", 50_000).await;
    let first = desk.lease(named(1, "r")).await;
    other.prune().await.expect("old pulls are forgotten");
    assert_eq!(ids(&desk.lease(named(1, "r")).await), ids(&first));
}

#[tokio::test]
async fn tokens_of_others_are_not_tokens() {
    let mut desk = Desk::open().await;
    desk.push("c", "d", 50_000).await;
    let token = desk.one().await.token;
    desk.push("c2", "d2", 50_000).await;
    assert_ne!(desk.one().await.token.nonce, token.nonce);
    let wrong = [
        LeaseToken { part: token.part + 1, ..token },
        LeaseToken { case_no: token.case_no + 1, ..token },
        LeaseToken { lease_seq: token.lease_seq + 1, ..token },
        LeaseToken { nonce: token.nonce ^ 1, ..token },
    ];
    for token in wrong {
        let malformed = ItemError::LeaseTokenMalformed;
        assert_eq!(desk.renew(token).await, Err(malformed.clone()));
        assert_eq!(desk.release(token, true).await, Err(malformed.clone()));
        assert_eq!(desk.report(token, "no_answer").await, Err(malformed));
    }
    assert_eq!(desk.report(token, "no_answer").await, Ok(ReportDisposition::Accepted));
}

#[tokio::test]
async fn an_unknown_list_is_not_found() {
    let desk = Desk::open().await;
    let command = LeaseCommand { work_list_id: list("other"), ..pull(1) };
    let refused = lease_work(&desk.engine, &desk.caller, command).await;
    assert!(matches!(refused, Err(Error::NotFound { .. })));
}
