//! Proposals whose stored rows are damaged.

use arrears::engine::Error;
use arrears::engine::scorecard::ActivateCommand;
use arrears::engine::scorecard::proposal::Decision;
use arrears::model::{ActivationApproval, Micros};
use arrears::store::StoreError;

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
    let second = office.ask(&office.ben, later.clone()).await;
    assert!(matches!(second, Err(Error::ProposalOpen(1))), "{second:?}");
    let unread = office.decide(&office.ben, 1, Decision::Withdraw).await;
    let corrupt = matches!(unread, Err(Error::Store(StoreError::Corrupt { .. })));
    assert!(corrupt, "{unread:?}");
    let at_once = ActivateCommand { start_time: None, ..later.clone() };
    office.ask(&office.ann, at_once).await.unwrap();
    assert_eq!((office.active().await.activation_id, ended_as(&office, 6)), (2, 1));
    let again = ActivateCommand { expected_activation_id: 2, ..later };
    assert_eq!(office.propose(&office.ann, again).await.proposal_id, 2);
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
