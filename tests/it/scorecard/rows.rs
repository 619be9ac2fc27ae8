//! Proposals whose stored rows are damaged, or say more than this program knows.

use arrears::engine::scorecard::ActivateCommand;
use arrears::engine::scorecard::proposal::Decision;
use arrears::engine::{Caller, Error, Role};
use arrears::model::{ActivationApproval, Micros};
use arrears::store::StoreError;
use arrears::store::proposals::ProposalState;

use super::office::{Office, activation};
use crate::support::buckets;

const DAY: i64 = Micros::DAY;

/// An office with a draft that starts in a day, and what asked for that.
async fn scheduled() -> (Office, ActivateCommand) {
    let office = Office::spread(buckets(), ActivationApproval::NotRequired).await;
    let made = office.draft(400).await;
    let start_time = Some(office.clock_now().plus(DAY));
    let later = ActivateCommand { start_time, ..activation(&made) };
    office.propose(&office.ann, later.clone()).await;
    (office, later)
}

fn ended_as(office: &Office, state: i64) -> i64 {
    let sql = format!("SELECT COUNT(*) FROM activation_proposal WHERE state = {state}");
    office.database.count(&sql)
}

#[tokio::test]
async fn a_damaged_proposal_is_in_the_way_of_no_activation() {
    let (office, later) = scheduled().await;
    assert_eq!(office.database.execute("UPDATE activation_proposal SET body = x'FF'"), 1);
    let unread = office.decide(&office.ben, 1, Decision::Withdraw).await;
    let corrupt = matches!(unread, Err(Error::Store(StoreError::Corrupt { .. })));
    assert!(corrupt, "{unread:?}");
    let at_once = ActivateCommand { start_time: None, ..later.clone() };
    office.ask(&office.ann, at_once).await.unwrap();
    assert_eq!((office.active().await.activation_id, ended_as(&office, 6)), (2, 1));
    let again = ActivateCommand { expected_activation_id: 2, ..later };
    assert_eq!(office.propose(&office.ann, again).await.proposal_id, 2);
    // Nor in the way of a listing.
    let listed = office.listed().await;
    let told: Vec<_> = listed.iter().map(|(number, read)| (*number, read.is_ok())).collect();
    assert_eq!(told, [(2, true), (1, false)]);
    let damage = listed[1].1.as_ref().unwrap_err();
    assert_eq!(damage.table, "activation_proposal");
}

#[tokio::test]
async fn a_damaged_proposal_gives_way_to_an_approver_where_everything_is_proposed() {
    let office = Office::open().await;
    let made = office.draft(400).await;
    office.propose(&office.ann, activation(&made)).await;
    let readable = office.ask(&office.ben, activation(&made)).await;
    assert!(matches!(readable, Err(Error::ProposalOpen(1))), "{readable:?}");
    assert_eq!(office.database.execute("UPDATE activation_proposal SET body = x'FF'"), 1);
    let analyst = Caller { roles: vec![Role::Analyst], ..office.ann.clone() };
    let refused = office.ask(&analyst, activation(&made)).await;
    assert!(matches!(refused, Err(Error::ProposalOpen(1))), "{refused:?}");
    let trial = ActivateCommand { validate_only: true, ..activation(&made) };
    assert_eq!(office.propose(&office.ann, trial).await.proposal_id, 2);
    assert_eq!(ended_as(&office, 6), 0);
    assert_eq!(office.propose(&office.ann, activation(&made)).await.proposal_id, 2);
    assert_eq!(ended_as(&office, 6), 1);
    office.decide(&office.ben, 2, Decision::Approve).await.unwrap();
    assert_eq!(office.active().await.activation_id, 2);
}

#[tokio::test]
async fn a_damaged_proposal_ends_when_its_time_comes() {
    let (office, later) = scheduled().await;
    assert_eq!(office.database.execute("UPDATE activation_proposal SET body = x'FF'"), 1);
    assert_eq!(office.engine.start_due().await.unwrap(), 0);
    office.clock.advance(DAY);
    assert_eq!(office.engine.start_due().await.unwrap(), 1);
    assert_eq!((office.active().await.activation_id, ended_as(&office, 6)), (1, 1));
    let start_time = Some(office.clock_now().plus(DAY));
    let again = ActivateCommand { start_time, ..later };
    assert_eq!(office.propose(&office.ann, again).await.proposal_id, 2);
}

#[tokio::test]
async fn one_that_is_superseded_still_says_what_it_was() {
    let (office, later) = scheduled().await;
    let before = office.proposals().await.remove(0);
    let at_once = ActivateCommand { start_time: None, ..later };
    office.ask(&office.ann, at_once).await.unwrap();
    let told = office.proposals().await.remove(0);
    assert_eq!((told.rule_set_id, &told.proposed), (before.rule_set_id, &before.proposed));
    assert_eq!(told.start_time, before.start_time);
    let ended = told.ended.unwrap();
    assert_eq!((&*ended.subject, &*ended.reason), ("ann", "activation 2 came before it"));
}

/// Writes a field behind what a proposal says that this program does not know.
fn say_more(office: &Office) {
    let body = match office.database.url() {
        None => "CAST(body || x'A00601' AS BLOB)",
        Some(_) => "body || x'A00601'",
    };
    let sql = format!("UPDATE activation_proposal SET body = {body} WHERE due_at IS NOT NULL");
    assert_eq!(office.database.execute(&sql), 1);
}

/// The same as it was before.
fn say_less(office: &Office) {
    let sql = "UPDATE activation_proposal SET body = substr(body, 1, length(body) - 3)";
    assert_eq!(office.database.execute(sql), 1);
}

#[tokio::test]
async fn what_a_newer_server_has_scheduled_is_left_to_it() {
    let (office, later) = scheduled().await;
    say_more(&office);
    office.clock.advance(DAY);
    for _ in 0..2 {
        assert_eq!(office.engine.start_due().await.unwrap(), 0);
        assert_eq!(office.states().await, [ProposalState::Scheduled]);
    }
    assert_eq!(office.active().await.activation_id, 1);
    // Once it can be understood, it need not be started anew.
    say_less(&office);
    assert_eq!(office.engine.start_due().await.unwrap(), 0);
    office.clock.advance(Micros::HOUR);
    assert_eq!(office.engine.start_due().await.unwrap(), 1);
    assert_eq!(office.states().await, [ProposalState::Activated]);

    let start_time = Some(office.clock_now().plus(DAY));
    let again = ActivateCommand { start_time, expected_activation_id: 2, ..later };
    office.propose(&office.ann, again).await;
    say_more(&office);
    office.decide(&office.ben, 2, Decision::Withdraw).await.unwrap();
    let kept = "SELECT COUNT(*) FROM activation_proposal WHERE state = 5";
    assert_eq!(office.database.count(kept), 1, "to stop it needs no understanding");
}

#[tokio::test]
async fn what_a_newer_server_has_proposed_is_not_approved_by_an_older_one() {
    let office = Office::open().await;
    let made = office.draft(400).await;
    office.propose(&office.ann, activation(&made)).await;
    say_more(&office);
    let refused = office.decide(&office.ben, 1, Decision::Approve).await;
    let newer = matches!(refused, Err(Error::Store(StoreError::Newer { .. })));
    assert!(newer, "{refused:?}");
    assert_eq!(office.states().await, [ProposalState::Proposed]);
    office.clock.advance(30 * DAY);
    assert_eq!(office.engine.start_due().await.unwrap(), 1);
    assert_eq!(office.states().await, [ProposalState::Expired]);
}
