//! Work lists: what they select, what they say of themselves, hours of contact
//! and the reserved share.

use arrears::engine::portfolio::{UpdateCommand, update_portfolio};
use arrears::engine::push::Disposition;
use arrears::engine::work_list::{get_work_list, list_work_lists, update_work_list};
use arrears::model::{RecoveryGroup, Stage};

use super::*;

fn count(description: &WorkListDescription, gate: Gate) -> i64 {
    let found = description.gate_counts.iter().find(|(other, _)| *other == gate);
    found.map_or(0, |(_, count)| *count)
}

#[tokio::test]
async fn the_counts_of_a_list_add_up() {
    let mut desk = Desk::open().await;
    for number in 0..8 {
        desk.push(&format!("c{number}"), &format!("d{number}"), 50_000).await;
    }
    desk.push("sibling", "d0", 1_000).await;
    desk.push("closed", "d9", 50_000).await;
    desk.push("closed", "d9", 0).await;
    desk.hold("d7").await;
    desk.pay("c6", 50_000).await;
    let work = desk.lease(pull(2)).await;
    desk.report(work.items[0].token, "no_answer").await.expect("the lease runs");
    desk.clock.advance(16_000_000);
    let description = desk.describe(None).await;
    assert_eq!(description.case_count, 9);
    assert_eq!(description.gate_counts.iter().map(|(_, count)| count).sum::<i64>(), 9);
    assert_eq!(count(&description, Gate::Held), 1);
    assert_eq!(count(&description, Gate::Parked), 1);
    assert_eq!(count(&description, Gate::Leased), 1);
    assert!(count(&description, Gate::Cooling) >= 1);
    assert_eq!(count(&description, Gate::Closed), 0);
    assert_eq!(description.leases_last_hour, 2);
    assert_eq!(description.longest_wait, Some(16_000_000));
    let ready = count(&description, Gate::Ready);
    // Two leases an hour, a tenth of them reserved.
    assert_eq!(description.wait_bound, Some(ready * 5 * 60 * MINUTE));
}

/// A server knows the lanes of a tenant once it is asked about the tenant, also those
/// that others have added since it was started.
#[tokio::test]
async fn a_list_is_counted_by_a_server_that_was_there_before_its_cases() {
    let mut desk = Desk::open().await;
    if desk.database.url().is_none() {
        println!("skipped: one server alone has a file");
        return;
    }
    let clock = desk.clock.clone();
    let other = Engine::open(desk.database.location(), clock).await.expect("servers share it");
    desk.push("c", "d", 50_000).await;
    let description = describe_work_list(&other, &desk.caller, list("l"), None).await;
    let description = description.expect("the list is known");
    assert_eq!(description.case_count, 1);
    assert_eq!(count(&description, Gate::Ready), 1);
}

#[tokio::test]
async fn an_asked_for_case_names_every_gate_it_fails() {
    let mut desk = Desk::open().await;
    desk.push("c", "d", 50_000).await;
    let gates = |description: &WorkListDescription| {
        description.failing_gates.iter().map(|failing| failing.gate).collect::<Vec<_>>()
    };
    assert_eq!(gates(&desk.describe(Some("c")).await), [Gate::Ready]);
    desk.one().await;
    desk.hold("d").await;
    let description = desk.describe(Some("c")).await;
    assert_eq!(gates(&description), [Gate::Held, Gate::Leased, Gate::Limit]);
    let leased = &description.failing_gates[1];
    assert_eq!(leased.until, Some(Micros(START + 5 * MINUTE)));
    let missing = Some((portfolio("p"), case("other")));
    let refused = describe_work_list(&desk.engine, &desk.caller, list("l"), missing).await;
    assert!(matches!(refused, Err(Error::NotFound { .. })));
}

#[tokio::test]
async fn nobody_is_served_outside_hours_of_contact() {
    let mut desk = Desk::with_policy(ContactPolicy::Plain(PlainPolicy::default())).await;
    desk.push("c1", "d1", 50_000).await;
    desk.push("c2", "d2", 50_000).await;
    // The hours end at 20:00: a lease does not outlast them, and nobody is called
    // for less than a minute.
    let end = START + 12 * 60 * MINUTE;
    desk.advance(12 * 60 * MINUTE - 2 * MINUTE).await;
    assert_eq!(desk.one().await.expire_time, Micros(end));
    desk.advance(MINUTE + 1).await;
    assert!(desk.lease(pull(1)).await.items.is_empty());
    desk.advance(2 * MINUTE).await;
    let description = desk.describe(Some("c2")).await;
    assert_eq!(count(&description, Gate::Window), 1);
    let opens = Micros(START + DAY);
    assert_eq!(description.next_window, Some(opens));
    assert_eq!(description.failing_gates[0].gate, Gate::Window);
    assert_eq!(description.failing_gates[0].until, Some(opens));
    desk.clock.set(Micros(opens.0 - 1));
    assert!(desk.lease(pull(1)).await.items.is_empty());
    desk.clock.set(opens);
    assert_eq!(ids(&desk.lease(pull(1)).await), ["c2"]);
}

#[tokio::test]
async fn the_reserved_share_goes_to_the_longest_waiting() {
    let mut desk = Desk::open().await;
    desk.push("old", "d", 100).await;
    desk.advance(MINUTE).await;
    for number in 0..20 {
        desk.push(&format!("c{number}"), &format!("d{number}"), 900_000).await;
    }
    let work = desk.lease(pull(10)).await;
    let reserved: Vec<&str> = work
        .items
        .iter()
        .filter(|item| item.from_reserved_share)
        .map(|item| item.lead_case.case_id.as_str())
        .collect();
    assert_eq!(reserved, ["old"]);
    assert_eq!(ids(&work).last(), Some(&"old"));
    // Nine more, one by one, do not yet earn the next one.
    for _ in 0..9 {
        assert!(!desk.one().await.from_reserved_share);
    }
    assert!(desk.one().await.from_reserved_share);
}

#[tokio::test]
async fn what_is_handed_out_stands_in_the_order_of_the_list_reserved_or_not() {
    let mut desk = Desk::open().await;
    for (name, amount) in [("low", 100), ("high", 400_000)] {
        desk.push(name, name, amount).await;
        desk.advance(MINUTE).await;
    }
    for number in 0..30 {
        desk.push(&format!("c{number}"), &format!("d{number}"), 9_000_000).await;
    }
    let work = desk.lease(pull(20)).await;
    let (names, reserved) = (ids(&work), |item: &WorkItem| item.from_reserved_share);
    // Both are of the reserved share: `low` has waited for longer, `high` presses
    // more.
    assert_eq!(names[18..], ["high", "low"]);
    assert_eq!(work.items.iter().map(reserved).filter(|reserved| *reserved).count(), 2);
}

#[tokio::test]
async fn an_old_ledger_withholds_and_is_counted_before_anybody_looks() {
    let mut desk = Desk::open().await;
    let settings = PortfolioSettings { max_ledger_age_hours: 24, ..settings(around_the_clock()) };
    desk.portfolio("q", settings).await;
    desk.push_to("q", ("c", "d", 50_000)).await;
    // Friday and Monday are business days.
    desk.clock.advance(3 * DAY + MINUTE);
    let description = desk.describe(None).await;
    assert_eq!(count(&description, Gate::LedgerOld), 1);
    assert!(desk.lease(pull(1)).await.items.is_empty());
    desk.push_to("q", ("c", "d", 50_000)).await;
    assert_eq!(ids(&desk.lease(pull(1)).await), ["c"]);
}

/// What counts is the place the case was put in, not the age that is allowed now.
#[tokio::test]
async fn the_next_document_serves_a_case_whose_ledger_may_be_older_meanwhile() {
    let mut desk = Desk::open().await;
    let strict = PortfolioSettings { max_ledger_age_hours: 24, ..settings(around_the_clock()) };
    desk.portfolio("q", strict.clone()).await;
    desk.push_to("q", ("c", "d", 50_000)).await;
    desk.clock.advance(3 * DAY + MINUTE);
    assert!(desk.lease(pull(1)).await.items.is_empty());
    let lax = PortfolioSettings { max_ledger_age_hours: 24 * 30, ..strict };
    update_portfolio(&desk.engine, &desk.caller, UpdateCommand::new(portfolio("q"), lax, "1"))
        .await
        .expect("no rank reads the age of the ledger");
    let result = desk.push_to("q", ("c", "d", 50_000)).await;
    assert_eq!(result.disposition, Ok(Disposition::Unchanged));
    assert_eq!(ids(&desk.lease(pull(1)).await), ["c"]);
}

#[tokio::test]
async fn a_list_serves_only_what_it_selects() {
    let mut desk = Desk::open().await;
    desk.portfolio("q", settings(around_the_clock())).await;
    desk.push("c1", "d1", 50_000).await;
    desk.push_to("q", ("c2", "d2", 50_000)).await;
    let only_q = WorkListSettings { portfolio_ids: vec!["q".to_owned()], ..everything() };
    create_work_list(&desk.engine, &desk.caller, list("only-q"), only_q.clone())
        .await
        .expect("the list is new");
    let command = LeaseCommand { work_list_id: list("only-q"), ..pull(10) };
    assert_eq!(ids(&desk.lease(command).await), ["c2"]);
    let unknown = WorkListSettings { portfolio_ids: vec!["x".to_owned()], ..everything() };
    let refused = create_work_list(&desk.engine, &desk.caller, list("x"), unknown).await;
    assert!(matches!(refused, Err(Error::NotFound { .. })));
}

#[tokio::test]
async fn a_list_serves_only_the_stages_groups_and_languages_it_selects() {
    let mut desk = Desk::open().await;
    let item = {
        desk.push("c", "d", 50_000).await;
        desk.one().await
    };
    assert_eq!((item.lead_case.stage, item.language.as_str()), (Stage::M2, "en"));
    let group = item.lead_case.rank.group;
    desk.release(item.token, true).await.expect("the lease runs");
    let other = [RecoveryGroup::A, RecoveryGroup::B].into_iter().find(|one| *one != group);
    let others = [
        WorkListSettings { stages: vec![Stage::M1, Stage::M3], ..everything() },
        WorkListSettings { groups: other.into_iter().collect(), ..everything() },
        WorkListSettings { languages: vec!["de".to_owned()], ..everything() },
    ];
    let fitting = WorkListSettings {
        stages: vec![Stage::M2],
        groups: vec![group],
        languages: vec!["en".to_owned()],
        ..everything()
    };
    for (number, settings) in others.into_iter().chain([fitting]).enumerate() {
        let name = format!("l{number}");
        create_work_list(&desk.engine, &desk.caller, list(&name), settings)
            .await
            .expect("the list is new");
        let command = LeaseCommand { work_list_id: list(&name), ..pull(10) };
        let described = describe_work_list(&desk.engine, &desk.caller, list(&name), None).await;
        let fits = usize::from(number == 3);
        assert_eq!(described.expect("the list is stored").case_count, fits as i64, "{name}");
        assert_eq!(desk.lease(command).await.items.len(), fits, "{name}");
    }
}

/// The roll-over may not have come to it yet: the claim ranks what it hands out.
#[tokio::test]
async fn a_case_that_left_its_stage_overnight_is_not_served_from_the_old_one() {
    let mut desk = Desk::open().await;
    let m2 = WorkListSettings { stages: vec![Stage::M2], ..everything() };
    create_work_list(&desk.engine, &desk.caller, list("m2"), m2).await.expect("the list is new");
    desk.push("c", "d", 50_000).await;
    let from_m2 = || LeaseCommand { work_list_id: list("m2"), ..pull(1) };
    desk.clock.advance(20 * DAY);
    let work = desk.lease(from_m2()).await;
    assert_eq!(ids(&work), ["c"]);
    let rank = work.items[0].lead_case.rank;
    assert_eq!((rank.rank_date, work.items[0].lead_case.days_past_due), (Day(20_020), 60));
    desk.release(work.items[0].token, true).await.expect("the lease runs");
    desk.clock.advance(DAY);
    assert_eq!(ids(&desk.lease(from_m2()).await), [""; 0]);
    assert_eq!(ids(&desk.lease(pull(1)).await), ["c"]);
}

#[tokio::test]
async fn lists_are_kept_listed_and_replaced() {
    let desk = Desk::open().await;
    let (engine, caller) = (&desk.engine, &desk.caller);
    let same = create_work_list(engine, caller, list("l"), everything()).await;
    assert_eq!(same.expect("the same again").version, 1);
    let other = WorkListSettings { reserved_share_permille: 0, ..everything() };
    let refused = create_work_list(engine, caller, list("l"), other.clone()).await;
    assert!(matches!(refused, Err(Error::AlreadyExists { .. })));
    let changed = update_work_list(engine, caller, list("l"), other.clone(), "1").await;
    assert_eq!(changed.expect("the etag fits").version, 2);
    let refused = update_work_list(engine, caller, list("l"), everything(), "1").await;
    assert!(matches!(refused, Err(Error::EtagMismatch { .. })));
    let kept = get_work_list(engine, caller, list("l")).await.expect("the list is stored");
    assert_eq!(kept.settings, other);
    for name in ["a", "b", "c"] {
        create_work_list(engine, caller, list(name), everything()).await.expect("the list is new");
    }
    let mut names = Vec::new();
    let mut token = String::new();
    loop {
        let (page, next) =
            list_work_lists(engine, caller, 3, &token).await.expect("the token fits");
        names.extend(page.into_iter().map(|list| list.work_list_id.to_string()));
        if next.is_empty() {
            break;
        }
        token = next;
    }
    assert_eq!(names, ["a", "b", "c", "l"]);
}
