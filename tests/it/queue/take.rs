//! Taking one given debtor: what a lease of a debtor who rang does not do, whom it
//! competes with, and what a retry is told.

use arrears::engine::debtor::{DebtorView, get_debtor};
use arrears::engine::lease::Take;
use arrears::engine::portfolio::{UpdateCommand, update_portfolio};
use arrears::model::TakeReason;

use super::*;

const HOUR: i64 = 60 * MINUTE;

/// A take from `l` by worker `w` for five minutes.
fn take(debtor: &str, reason: TakeReason) -> LeaseCommand {
    let take = Take { debtor_id: id(DebtorId::new(debtor)), reason };
    LeaseCommand { take: Some(take), ..pull(1) }
}

fn gates(work: &LeasedWork) -> Vec<Gate> {
    work.failing_gates.iter().map(|failing| failing.gate).collect()
}

impl Desk {
    /// Takes a debtor whom no gate may refuse.
    async fn taken(&self, debtor: &str, reason: TakeReason) -> WorkItem {
        let mut work = self.lease(take(debtor, reason)).await;
        assert_eq!(gates(&work), []);
        work.items.pop().expect("the debtor is leased")
    }

    async fn debtor(&self, debtor: &str) -> DebtorView {
        let debtor_id = id(DebtorId::new(debtor));
        let read = get_debtor(&self.engine, &self.caller, debtor_id, (10, "")).await;
        read.expect("the debtor is stored").0
    }

    /// How many attempts caps count, and until when the debtor cools, from now on.
    async fn rest(&self) -> (usize, Option<i64>) {
        let debtor = self.debtor("d").await;
        (debtor.attempts.len(), debtor.cooling_until.map(|until| until.0 - self.now()))
    }
}

/// How a lease may end.
#[derive(Clone, Copy, Debug)]
enum End {
    Expired,
    Undialled,
    Dialled,
    Reported(&'static str),
    Late(&'static str),
}

impl Desk {
    async fn end(&self, item: &WorkItem, end: End) {
        match end {
            End::Expired => self.advance(5 * MINUTE).await,
            End::Undialled => self.release(item.token, true).await.expect("the lease runs"),
            End::Dialled => self.release(item.token, false).await.expect("the lease runs"),
            End::Reported(code) => {
                let told = self.report(item.token, code).await;
                assert_eq!(told, Ok(ReportDisposition::Accepted));
            }
            End::Late(code) => {
                self.release(item.token, true).await.expect("the lease runs");
                let told = self.report(item.token, code).await;
                assert_eq!(told, Ok(ReportDisposition::Late));
            }
        }
    }
}

/// The debtor was attempted in the very instant of the call: an end that takes back
/// an attempt of its own would take back that one.
#[tokio::test]
async fn who_rang_was_not_attempted_however_the_lease_ends() {
    for (end, cools) in [
        (End::Expired, None),
        (End::Undialled, None),
        (End::Dialled, None),
        (End::Reported("busy"), Some(HOUR)),
        (End::Reported("not_dialled"), Some(5 * MINUTE)),
        (End::Late("no_answer"), None),
    ] {
        for attempted in [0, 1] {
            let mut desk = Desk::open().await;
            desk.push("c", "d", 50_000).await;
            if attempted == 1 {
                let item = desk.one().await;
                let moved = "UPDATE debtor SET cool_until = NULL";
                desk.release(item.token, false).await.expect("the lease runs");
                assert_eq!(desk.database.execute(moved), 1);
            }
            let item = desk.taken("d", TakeReason::Inbound).await;
            assert_eq!(desk.rest().await, (attempted, None), "{end:?} granted");
            desk.end(&item, end).await;
            assert_eq!(desk.rest().await, (attempted, cools), "{end:?}");
        }
    }
}

/// The others are attempts like those of a pull.
#[tokio::test]
async fn whom_we_chose_was_attempted() {
    for reason in [TakeReason::Manual, TakeReason::Supervisor, TakeReason::Field] {
        for (end, counted, cools) in [
            (End::Expired, 1, Some(30 * MINUTE)),
            (End::Undialled, 0, None),
            (End::Dialled, 1, Some(30 * MINUTE)),
            (End::Late("no_answer"), 1, None),
        ] {
            let mut desk = Desk::open().await;
            desk.push("c", "d", 50_000).await;
            let item = desk.taken("d", reason).await;
            assert_eq!(desk.rest().await, (1, None), "{reason:?}");
            desk.end(&item, end).await;
            assert_eq!(desk.rest().await, (counted, cools), "{reason:?} {end:?}");
        }
    }
}

#[tokio::test]
async fn caps_have_room_for_an_attempt_after_the_debtor_rang() {
    let mut desk = Desk::open().await;
    desk.push("c", "d", 50_000).await;
    // One attempt a day is allowed.
    for _ in 0..3 {
        let item = desk.taken("d", TakeReason::Inbound).await;
        desk.release(item.token, false).await.expect("the lease runs");
    }
    assert_eq!(desk.gates("c").await, [Gate::Ready]);
    let item = desk.one().await;
    assert_eq!(item.earlier_attempt_count, 0);
    desk.release(item.token, false).await.expect("the lease runs");
    desk.advance(HOUR).await;
    assert_eq!(desk.gates("c").await, [Gate::Limit]);
}

/// A conversation is a conversation, whoever rang.
#[tokio::test]
async fn what_is_reported_of_who_rang_is_recorded() {
    let mut desk = Desk::open().await;
    desk.push("c", "d", 50_000).await;
    let item = desk.taken("d", TakeReason::Inbound).await;
    let before = item.lead_case.rank.case_seq;
    assert_eq!(desk.report(item.token, "contacted").await, Ok(ReportDisposition::Accepted));
    assert_eq!(desk.report(item.token, "contacted").await, Ok(ReportDisposition::Duplicate));
    let again = desk.taken("d", TakeReason::Inbound).await;
    assert_eq!(again.lead_case.rank.case_seq, before + 1);
    assert_eq!(desk.rest().await.0, 0);
}

#[tokio::test]
async fn hours_of_contact_do_not_end_the_call_of_who_rang() {
    let mut desk = Desk::with_policy(ContactPolicy::Plain(PlainPolicy::default())).await;
    desk.push("c", "d", 50_000).await;
    desk.push("c2", "d2", 50_000).await;
    let end = START + 12 * HOUR;
    desk.advance(12 * HOUR - 2 * MINUTE).await;
    let rang = desk.taken("d", TakeReason::Inbound).await;
    assert_eq!(rang.expire_time, Micros(end + 3 * MINUTE));
    let chosen = desk.taken("d2", TakeReason::Supervisor).await;
    assert_eq!(chosen.expire_time, Micros(end));
    desk.clock.advance(MINUTE);
    assert_eq!(desk.renew(rang.token).await, Ok(Directive::Continue(Micros(end + 4 * MINUTE))));
    assert_eq!(desk.renew(chosen.token).await, Ok(Directive::Continue(Micros(end))));
    let hours = |weekday| DayHours { weekday, start_minute: 480, end_minute: 720 };
    let noon = PlainPolicy { hours: (1..=7).map(hours).collect(), ..PlainPolicy::default() };
    let settings = settings(ContactPolicy::Plain(noon));
    update_portfolio(&desk.engine, &desk.caller, UpdateCommand::new(portfolio("p"), settings, "1"))
        .await
        .expect("the etag fits");
    assert_eq!(desk.renew(chosen.token).await, Ok(Directive::StopWindow));
    assert!(matches!(desk.renew(rang.token).await, Ok(Directive::Continue(_))));
    // A hold stops everybody.
    desk.hold("d").await;
    assert_eq!(desk.renew(rang.token).await, Ok(Directive::StopHold));
}

#[tokio::test]
async fn nobody_begins_a_call_in_the_last_minute_but_who_rang() {
    let mut desk = Desk::with_policy(ContactPolicy::Plain(PlainPolicy::default())).await;
    desk.push("c", "d", 50_000).await;
    desk.advance(12 * HOUR - MINUTE / 2).await;
    assert_eq!(gates(&desk.lease(take("d", TakeReason::Manual)).await), [Gate::Window]);
    desk.taken("d", TakeReason::Inbound).await;
}

/// What the take passed does not stop it a minute later.
#[tokio::test]
async fn a_parked_case_stops_those_whom_its_parking_would_have_refused() {
    for (reason, stops) in [
        (TakeReason::Inbound, false),
        (TakeReason::Supervisor, false),
        (TakeReason::Manual, true),
        (TakeReason::Field, true),
    ] {
        let mut desk = Desk::open().await;
        desk.push("c", "d", 50_000).await;
        let item = desk.taken("d", reason).await;
        desk.pay("c", 50_000).await;
        let told = desk.renew(item.token).await;
        assert_eq!(told == Ok(Directive::StopPaid), stops, "{reason:?}");
        desk.push("c", "d", 0).await;
        assert_eq!(desk.renew(item.token).await, Ok(Directive::StopPaid));
    }
}

#[tokio::test]
async fn the_case_that_leads_may_be_served_and_presses_most() {
    let mut desk = Desk::open().await;
    desk.push("big", "d", 900_000).await;
    desk.push("mid", "d", 90_000).await;
    desk.push("low", "d", 6_000).await;
    let lead = async |desk: &Desk, reason| {
        let item = desk.taken("d", reason).await;
        desk.release(item.token, true).await.expect("the lease runs");
        item.lead_case.case_id.as_str().to_owned()
    };
    assert_eq!(lead(&desk, TakeReason::Manual).await, "big");
    // What is held stands behind what is parked, and that behind what is ready.
    desk.record(held(HoldTarget::Cases(vec![case("big")]), HoldKind::Dispute)).await;
    desk.pay("mid", 90_000).await;
    for reason in TakeReason::ALL {
        assert_eq!(lead(&desk, reason).await, "low");
    }
    desk.push("low", "d", 0).await;
    assert_eq!(lead(&desk, TakeReason::Inbound).await, "mid");
    assert_eq!(gates(&desk.lease(take("d", TakeReason::Manual)).await), [Gate::Parked]);
}

/// The rank is as of today, and the list selects by it.
#[tokio::test]
async fn a_stale_case_is_ranked_before_the_list_is_asked() {
    let mut desk = Desk::open().await;
    let m2 = WorkListSettings { stages: vec![arrears::model::Stage::M2], ..everything() };
    let m3 = WorkListSettings { stages: vec![arrears::model::Stage::M3], ..everything() };
    for (name, settings) in [("m2", m2), ("m3", m3)] {
        create_work_list(&desk.engine, &desk.caller, list(name), settings)
            .await
            .expect("the list is new");
    }
    desk.push("c", "d", 50_000).await;
    // Nobody sweeps.
    desk.clock.advance(30 * DAY);
    let from = |name| LeaseCommand { work_list_id: list(name), ..take("d", TakeReason::Manual) };
    let refused = lease_work(&desk.engine, &desk.caller, from("m2")).await;
    assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
    assert_eq!(ids(&desk.lease(from("m3")).await), ["c"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_who_take_a_debtor_at_once_one_gets_it() {
    let mut desk = Desk::open().await;
    desk.push("c", "d", 50_000).await;
    for _ in 0..20 {
        let (one, two) = tokio::join!(
            desk.lease(take("d", TakeReason::Inbound)),
            desk.lease(take("d", TakeReason::Manual))
        );
        let (mut got, lost) = if one.items.is_empty() { (two, one) } else { (one, two) };
        assert_eq!((got.items.len(), lost.items.len()), (1, 0));
        assert_eq!((gates(&got), gates(&lost)), (vec![], vec![Gate::Leased]));
        let item = got.items.pop().expect("one was given");
        desk.release(item.token, true).await.expect("the lease runs");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_take_and_a_pull_at_once_hold_the_debtor_once() {
    let mut desk = Desk::open().await;
    desk.push("c", "d", 50_000).await;
    desk.push("other", "d", 40_000).await;
    for _ in 0..20 {
        let (pulled, taken) =
            tokio::join!(desk.lease(pull(5)), desk.lease(take("d", TakeReason::Manual)));
        assert_eq!(pulled.items.len() + taken.items.len(), 1);
        // The grant has counted: then a cap is reached as well.
        let lost = taken.items.is_empty().then_some(Gate::Leased);
        assert_eq!(gates(&taken).first().copied(), lost);
        for item in pulled.items.iter().chain(&taken.items) {
            desk.release(item.token, true).await.expect("the lease runs");
        }
    }
}

/// A pull that waits for work is not woken, answered or joined by a take.
#[tokio::test]
async fn a_take_does_not_wait_with_those_who_wait() {
    let mut desk = Desk::open().await;
    desk.push("c", "d", 50_000).await;
    desk.hold("d").await;
    let waiting = LeaseCommand { wait: 10 * 1_000_000, ..named(1, "r") };
    let refused =
        LeaseCommand { request_id: waiting.request_id.clone(), ..take("d", TakeReason::Inbound) };
    let waiting = desk.lease(waiting);
    tokio::pin!(waiting);
    assert!(futures::poll!(waiting.as_mut()).is_pending());
    let refused = desk.lease(refused).await;
    assert_eq!((refused.retry_after, gates(&refused)), (None, vec![Gate::Held]));
    assert!(futures::poll!(waiting.as_mut()).is_pending());
}

#[tokio::test]
async fn a_take_that_fails_harms_nobody_it_was_served_with() {
    let mut desk = Desk::open().await;
    // The list is known from now on: all three stand in its queue at once.
    desk.lease(pull(1)).await;
    desk.push("c", "d", 50_000).await;
    desk.push("c2", "d2", 50_000).await;
    let unknown = lease_work(&desk.engine, &desk.caller, take("x", TakeReason::Manual));
    let (unknown, taken, pulled) =
        tokio::join!(unknown, desk.lease(take("d", TakeReason::Manual)), desk.lease(pull(1)));
    assert!(matches!(unknown, Err(Error::NotFound { .. })));
    assert_eq!((ids(&taken), ids(&pulled)), (vec!["c"], vec!["c2"]));
}

#[tokio::test]
async fn a_named_take_is_answered_alike_and_never_with_new_work() {
    let mut desk = Desk::open().await;
    desk.push("c", "d", 50_000).await;
    desk.hold("d").await;
    let request_id = Some(id(RequestId::new("r")));
    let named = LeaseCommand { request_id, ..take("d", TakeReason::Inbound) };
    // A refusal is not remembered: who asks again is told how it is then.
    assert_eq!(gates(&desk.lease(named.clone()).await), [Gate::Held]);
    let lift = EventKind::Lift { target: None, hold_event_id: id(EventId::new("e1")) };
    desk.record(lift).await;
    let first = desk.lease(named.clone()).await;
    let again = desk.lease(named.clone()).await;
    assert_eq!((ids(&first), ids(&again)), (vec!["c"], vec!["c"]));
    assert_eq!(first.items[0].token, again.items[0].token);
    desk.release(first.items[0].token, true).await.expect("the lease runs");
    let over = desk.lease(named).await;
    assert_eq!((over.items.len(), gates(&over)), (0, vec![]));
    assert_eq!(ids(&desk.lease(take("d", TakeReason::Inbound)).await), ["c"]);
}

/// The reserved share is one of what the head of the list gave.
#[tokio::test]
async fn a_take_is_no_part_of_the_reserved_share() {
    let mut desk = Desk::open().await;
    desk.push_many(30).await;
    for number in 0..9 {
        let item = desk.taken(&format!("d{number}"), TakeReason::Manual).await;
        assert!(!item.from_reserved_share);
    }
    let work = desk.lease(pull(9)).await;
    assert!(work.items.iter().all(|item| !item.from_reserved_share));
    assert!(desk.one().await.from_reserved_share);
}

#[tokio::test]
async fn what_a_list_promises_is_reckoned_without_takes() {
    let mut desk = Desk::open().await;
    desk.push_many(12).await;
    desk.taken("d0", TakeReason::Inbound).await;
    let described = desk.describe(None).await;
    assert_eq!((described.leases_last_hour, described.wait_bound), (1, None));
    desk.lease(pull(10)).await;
    desk.advance(20 * 1_000_000).await;
    let described = desk.describe(None).await;
    // One of the ten of an hour was reserved, and one case is left.
    assert_eq!((described.leases_last_hour, described.wait_bound), (11, Some(HOUR)));
}
