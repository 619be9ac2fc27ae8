//! What an outcome does to its cases and its debtor, told in time and late.

use arrears::engine::lease::Promised;
use arrears::engine::portfolio::{UpdateCommand, update_portfolio};

use super::*;

const HOUR: i64 = 60 * MINUTE;

async fn desk() -> Desk {
    Desk::with_policy(ContactPolicy::Always).await
}

/// Two cases of one debtor, the first leased with the second as sibling.
async fn with_sibling(desk: &mut Desk) -> WorkItem {
    desk.push("lead", "d", 700_000).await;
    desk.push("other", "d", 30_000).await;
    let item = desk.one().await;
    assert_eq!(item.lead_case.case_id.as_str(), "lead");
    item
}

fn both() -> Vec<(PortfolioId, CaseId)> {
    vec![(portfolio("p"), case("lead")), (portfolio("p"), case("other"))]
}

impl Desk {
    /// A lease that ends without a word, and the case leased anew after its rest.
    async fn expired_and_leased_again(&mut self) -> (WorkItem, WorkItem) {
        self.push("c", "d", 50_000).await;
        let first = self.one().await;
        self.advance(40 * MINUTE).await;
        (first, self.one().await)
    }
}

#[tokio::test]
async fn an_answer_says_when_the_debtor_may_be_called_next() {
    let mut desk = desk().await;
    desk.push("c", "d", 50_000).await;
    // By the time of contact, which lies within the lease and not ahead of now.
    for (told, counts_from) in [(None, MINUTE), (Some(10 * HOUR), MINUTE), (Some(-HOUR), 0)] {
        let (granted, item) = (desk.now(), desk.one().await);
        desk.clock.advance(MINUTE);
        let contact_time = told.map(|told| Micros(granted + told));
        let told = Outcome { contact_time, ..outcome(item.token, "no_answer") };
        let result = desk.report_outcome(told).await;
        assert_eq!(result.disposition, Ok(ReportDisposition::Accepted));
        let next = granted + counts_from + 4 * HOUR;
        assert_eq!(result.next_eligible, Some(Micros(next)));
        desk.advance(next - desk.now() - 1).await;
        assert!(desk.lease(pull(1)).await.items.is_empty());
        desk.advance(1).await;
    }
}

#[tokio::test]
async fn an_answer_reckons_with_caps_and_hours() {
    let mut desk = Desk::with_policy(ContactPolicy::Plain(PlainPolicy::default())).await;
    desk.push("c", "d", 50_000).await;
    // One attempt a day, and no Sunday: 08:00 on Friday, Saturday, Monday. Three in
    // seven days, the first of them on Friday.
    for days in [1, 3, 7] {
        let item = desk.one().await;
        let result = desk.report_outcome(outcome(item.token, "busy")).await;
        assert_eq!(result.next_eligible, Some(Micros(START + days * DAY)), "{days}");
        desk.advance(START + days * DAY - desk.now()).await;
    }
}

#[tokio::test]
async fn who_was_not_dialled_was_not_attempted() {
    let mut desk = desk().await;
    desk.push("c", "d", 50_000).await;
    let first = desk.one().await;
    desk.report(first.token, "not_dialled").await.expect("the lease runs");
    assert_eq!(desk.gates("c").await, [Gate::Cooling]);
    desk.advance(5 * MINUTE).await;
    let second = desk.one().await;
    assert_eq!(second.earlier_attempt_count, 0);
    assert_eq!(second.lead_case.rank.priority, first.lead_case.rank.priority);
    desk.report(second.token, "busy").await.expect("the lease runs");
    desk.advance(HOUR).await;
    let third = desk.one().await;
    assert_eq!(third.earlier_attempt_count, 1);
    // The first contact of a case has a weight of its own.
    assert!(third.lead_case.rank.priority < first.lead_case.rank.priority);
}

#[tokio::test]
async fn every_case_spoken_of_was_attempted() {
    let mut desk = desk().await;
    let item = with_sibling(&mut desk).await;
    let before = item.sibling_cases[0].rank.priority;
    let told = Outcome { cases: both(), ..outcome(item.token, "busy") };
    desk.report_outcome(told).await.disposition.expect("the lease runs");
    desk.advance(HOUR).await;
    let item = desk.one().await;
    assert!(item.sibling_cases[0].rank.priority < before);
}

#[tokio::test]
async fn a_promise_parks_the_cases_it_covers_until_its_grace_is_over() {
    let mut desk = desk().await;
    let item = with_sibling(&mut desk).await;
    let eur = Currency::from_code("EUR").expect("EUR is a currency");
    let promise = Promised { amount: Some((eur, 710_000)), date: Day(20_004) };
    let told = Outcome { promise: Some(promise), cases: both(), ..outcome(item.token, "promise") };
    let result = desk.report_outcome(told).await;
    assert_eq!(result.disposition, Ok(ReportDisposition::Accepted));
    let end = 20_006 * DAY;
    assert_eq!(result.next_eligible, Some(Micros(end)));
    desk.advance(end - 1 - desk.now()).await;
    assert_eq!(desk.gates("lead").await, [Gate::Parked]);
    assert_eq!(desk.gates("other").await, [Gate::Parked]);
    desk.advance(1).await;
    assert_eq!(desk.gates("lead").await, [Gate::Ready]);
    assert_eq!(desk.gates("other").await, [Gate::Ready]);
}

#[tokio::test]
async fn a_promise_of_less_than_the_first_case_owes_leaves_the_other_alone() {
    let mut desk = desk().await;
    let item = with_sibling(&mut desk).await;
    let eur = Currency::from_code("EUR").expect("EUR is a currency");
    let promise = Promised { amount: Some((eur, 700_000)), date: Day(20_004) };
    let told = Outcome { promise: Some(promise), cases: both(), ..outcome(item.token, "promise") };
    desk.report_outcome(told).await.disposition.expect("the lease runs");
    desk.advance(2 * DAY).await;
    assert_eq!(desk.gates("lead").await, [Gate::Parked]);
    assert_eq!(desk.gates("other").await, [Gate::Ready]);
}

/// Money on the day of grace keeps a promise; a day later it is welcome, and the
/// promise stays broken.
#[tokio::test]
async fn a_payment_after_the_grace_keeps_no_promise() {
    let eur = Currency::from_code("EUR").expect("EUR is a currency");
    let mut scores = Vec::new();
    for days in [3, 4] {
        let mut desk = desk().await;
        desk.push("c", "d", 50_000).await;
        let item = desk.one().await;
        let promise = Promised { amount: Some((eur, 10_000)), date: Day(20_002) };
        let told = Outcome { promise: Some(promise), ..outcome(item.token, "promise") };
        desk.report_outcome(told).await.disposition.expect("the lease runs");
        desk.advance(days * DAY).await;
        desk.pay("c", 10_000).await;
        desk.advance((6 - days) * DAY).await;
        scores.push(desk.one().await.lead_case.rank.score);
    }
    assert!(scores[0] > scores[1], "{scores:?}");
}

#[tokio::test]
async fn a_dispute_holds_the_cases_spoken_of_and_a_complaint_the_debtor() {
    for (code, named, held) in [("dispute", 1, 1), ("dispute", 2, 2), ("complaint", 1, 2)] {
        let mut desk = desk().await;
        let item = with_sibling(&mut desk).await;
        let cases = both().into_iter().take(named).collect();
        let told = Outcome { cases, ..outcome(item.token, code) };
        desk.report_outcome(told).await.disposition.expect("the lease runs");
        desk.advance(3 * DAY).await;
        let expected = [Gate::Held, if held == 2 { Gate::Held } else { Gate::Ready }];
        let gates = [desk.gates("lead").await[0], desk.gates("other").await[0]];
        assert_eq!(gates, expected, "{code} of {named}");
    }
}

#[tokio::test]
async fn the_same_report_twice_in_one_call_counts_once() {
    let mut desk = desk().await;
    desk.push("c", "d", 50_000).await;
    let item = desk.one().await;
    let told = |code| Ok(outcome(item.token, code));
    let command = ReportCommand { outcomes: vec![told("busy"), told("busy"), told("refusal")] };
    let results = report_outcomes(&desk.engine, &desk.caller, command).await;
    let dispositions: Vec<_> =
        results.expect("reports are answered").into_iter().map(|one| one.disposition).collect();
    let expected = [
        Ok(ReportDisposition::Accepted),
        Ok(ReportDisposition::Duplicate),
        Err(ItemError::ReportAlreadyExists),
    ];
    assert_eq!(dispositions, expected);
}

#[tokio::test]
async fn a_late_report_does_not_count_what_the_grant_has_counted() {
    let mut desk = desk().await;
    let (first, second) = desk.expired_and_leased_again().await;
    assert_eq!(second.earlier_attempt_count, 1);
    assert_eq!(desk.report(first.token, "no_answer").await, Ok(ReportDisposition::Late));
    desk.report(second.token, "busy").await.expect("the lease runs");
    desk.advance(HOUR).await;
    assert_eq!(desk.one().await.earlier_attempt_count, 2);
}

#[tokio::test]
async fn a_late_report_leaves_the_lease_alone_that_came_after() {
    let mut desk = desk().await;
    let (first, second) = desk.expired_and_leased_again().await;
    assert_eq!(desk.report(first.token, "no_answer").await, Ok(ReportDisposition::Late));
    assert!(matches!(desk.renew(second.token).await, Ok(Directive::Continue(_))));
    assert_eq!(desk.report(second.token, "busy").await, Ok(ReportDisposition::Accepted));
}

#[tokio::test]
async fn who_says_late_that_it_is_paid_is_left_alone_as_long_as_in_time() {
    let mut desk = desk().await;
    let (first, second) = desk.expired_and_leased_again().await;
    let rested = Micros(20_003 * DAY);
    let late = desk.report_outcome(outcome(first.token, "claims_paid")).await;
    assert_eq!((late.disposition, late.next_eligible), (Ok(ReportDisposition::Late), Some(rested)));
    // What comes after it does not shorten the rest.
    let result = desk.report_outcome(outcome(second.token, "busy")).await;
    assert_eq!(result.next_eligible, Some(rested));
}

#[tokio::test]
async fn who_was_dialled_and_given_back_rests_for_half_an_hour() {
    let mut desk = desk().await;
    desk.push("c", "d", 50_000).await;
    let item = desk.one().await;
    assert_eq!(desk.release(item.token, false).await, Ok(()));
    desk.advance(30 * MINUTE - 1).await;
    assert!(desk.lease(pull(1)).await.items.is_empty());
    desk.advance(1).await;
    assert_eq!(desk.one().await.earlier_attempt_count, 1);
}

#[tokio::test]
async fn the_same_release_twice_in_one_call_is_one() {
    let mut desk = desk().await;
    desk.push("c", "d", 50_000).await;
    let token = desk.one().await.token;
    let releases = vec![(Ok(token), true), (Ok(token), true), (Ok(token), false)];
    let released = release_leases(&desk.engine, &desk.caller, releases).await;
    let expired = Err(ItemError::LeaseExpired(Micros(START + 5 * MINUTE)));
    assert_eq!(released.expect("releases are answered"), [Ok(()), Ok(()), expired]);
}

#[tokio::test]
async fn a_renewal_ends_with_the_hours_of_contact() {
    let mut desk = Desk::with_policy(ContactPolicy::Plain(PlainPolicy::default())).await;
    desk.push("c", "d", 50_000).await;
    let end = START + 12 * HOUR;
    desk.advance(12 * HOUR - 4 * MINUTE).await;
    let item = desk.one().await;
    desk.clock.advance(2 * MINUTE);
    assert_eq!(desk.renew(item.token).await, Ok(Directive::Continue(Micros(end))));
    // New hours that end at noon hold for whoever is on the telephone already.
    let hours = |weekday| DayHours { weekday, start_minute: 480, end_minute: 720 };
    let noon = PlainPolicy { hours: (1..=7).map(hours).collect(), ..PlainPolicy::default() };
    let settings = settings(ContactPolicy::Plain(noon));
    update_portfolio(&desk.engine, &desk.caller, UpdateCommand::new(portfolio("p"), settings, "1"))
        .await
        .expect("the etag fits");
    assert_eq!(desk.renew(item.token).await, Ok(Directive::StopWindow));
}

#[tokio::test]
async fn a_renewing_worker_is_told_of_a_hold_on_the_case_and_of_its_end() {
    let mut desk = desk().await;
    desk.push("c", "d", 50_000).await;
    let item = desk.one().await;
    let target = HoldTarget::Cases(vec![case("c")]);
    desk.record(held(target, HoldKind::Dispute)).await;
    assert_eq!(desk.renew(item.token).await, Ok(Directive::StopHold));
    desk.push("c", "d", 0).await;
    assert_eq!(desk.renew(item.token).await, Ok(Directive::StopPaid));
}

#[tokio::test]
async fn a_lease_ends_when_the_case_changes_hands() {
    let mut desk = desk().await;
    desk.push("c", "d", 50_000).await;
    let item = desk.one().await;
    desk.push("c", "heir", 50_000).await;
    let now = Micros(desk.now());
    assert_eq!(desk.renew(item.token).await, Err(ItemError::LeaseExpired(now)));
    let again = desk.one().await;
    assert_eq!((again.debtor_id.as_str(), again.token.lease_seq), ("heir", 2));
    assert_eq!(desk.report(item.token, "no_answer").await, Ok(ReportDisposition::Late));
}
