//! A second person: what one proposes another decides on. Here are several callers, which a
//! server without credentials cannot tell apart.

use std::sync::Arc;

use arrears::engine::audit::verify_audit;
use arrears::engine::portfolio::{UpdateCommand, create_portfolio, update_portfolio};
use arrears::engine::scorecard::proposal::{DecideCommand, Decided, Decision, decide_activation};
use arrears::engine::scorecard::{ActivateCommand, Effect, Target};
use arrears::engine::{Caller, Engine, Error, Role};
use arrears::model::{ActivationApproval, Micros, PortfolioId, PortfolioSettings, RankingSettings};
use arrears::store::proposals::ProposalState;

use super::office::{Office, activation, cards, name, person, settings};
use crate::support::{NOW, buckets};

const DAY: i64 = Micros::DAY;

fn decided(result: Result<Decided, Error>) -> ProposalState {
    match result {
        Err(Error::ProposalDecided { state, .. }) => state,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_one_proposes_another_approves() {
    let office = Office::open().await;
    let made = office.draft(400).await;
    let proposal = office.propose(&office.ann, activation(&made)).await;
    assert_eq!((proposal.proposal_id, proposal.state), (1, ProposalState::Proposed));
    assert_eq!(office.active().await.activation_id, 1);
    assert!(office.is_draft(&made).await);
    for decision in [Decision::Approve, Decision::Reject] {
        let refused = office.decide(&office.ann, 1, decision).await;
        assert!(matches!(refused, Err(Error::SecondPersonRequired { .. })), "{refused:?}");
    }
    assert_eq!(office.states().await, [ProposalState::Proposed]);

    office.clock.advance(Micros::HOUR);
    let done = office.decide(&office.ben, 1, Decision::Approve).await.unwrap();
    let active = office.active().await;
    assert_eq!(done.activation.map(|(activation, _)| activation), Some(active.clone()));
    assert_eq!((active.activation_id, active.rule_set_id), (2, proposal.rule_set_id));
    assert_eq!((&*active.actor, active.approved_by.as_deref()), ("ann", Some("ben")));
    assert_eq!((&*active.reason, active.proposal_id), ("older debts are harder", Some(1)));
    assert_eq!(active.activate_time, NOW.plus(Micros::HOUR));
    assert_eq!(active.scorecard.as_ref(), Some(&made));
    assert!(!office.is_draft(&made).await);
    let told = office.proposals().await.remove(0);
    assert_eq!(told, done.proposal);
    assert_eq!((told.state, told.activation_id), (ProposalState::Activated, Some(2)));
    assert_eq!(told.approved.map(|approved| approved.subject).as_deref(), Some("ben"));
    let again = office.decide(&office.ben, 1, Decision::Approve).await;
    assert_eq!(decided(again), ProposalState::Activated);
    assert!(verify_audit(&office.engine, &office.ann).await.unwrap() > 4);
    let noted = |kind: &str, actor: &str| {
        let sql = format!("SELECT COUNT(*) FROM audit WHERE kind = '{kind}' AND actor = '{actor}'");
        office.database.count(&sql)
    };
    assert_eq!((noted("activation.proposed", "ann"), noted("activation.approved", "ben")), (1, 1));
    assert_eq!(noted("activation.carried_out", "arrears"), 1);
}

#[tokio::test]
async fn the_way_back_takes_two_as_well() {
    let office = Office::open().await;
    let made = office.draft(400).await;
    office.propose(&office.ann, activation(&made)).await;
    office.decide(&office.ben, 1, Decision::Approve).await.unwrap();
    let back = ActivateCommand {
        target: Target::Activation(1),
        expected_activation_id: 2,
        ..activation(&made)
    };
    let proposal = office.propose(&office.ben, back).await;
    assert_eq!(proposal.state, ProposalState::Proposed);
    office.decide(&office.ann, 2, Decision::Approve).await.unwrap();
    let active = office.active().await;
    assert_eq!((active.activation_id, active.scorecard), (3, Some(name(1))));
    assert_eq!((&*active.actor, active.approved_by.as_deref()), ("ben", Some("ann")));
}

#[tokio::test]
async fn what_is_rejected_or_withdrawn_changes_nothing_and_makes_room() {
    let office = Office::open().await;
    let made = office.draft(400).await;
    office.propose(&office.ann, activation(&made)).await;
    let second = office.ask(&office.ben, activation(&name(1))).await;
    assert!(matches!(second, Err(Error::ProposalOpen(1))), "{second:?}");
    let done = office.decide(&office.ben, 1, Decision::Reject).await.unwrap();
    let ended = done.proposal.ended.unwrap();
    assert_eq!((&*ended.subject, &*ended.reason, ended.time), ("ben", "looked at", NOW));

    office.propose(&office.ann, activation(&made)).await;
    office.decide(&office.ann, 2, Decision::Withdraw).await.unwrap();
    // To stop a change never takes two, and not the same one either.
    office.propose(&office.ann, activation(&made)).await;
    office.decide(&office.ben, 3, Decision::Withdraw).await.unwrap();
    let states = [ProposalState::Withdrawn, ProposalState::Withdrawn, ProposalState::Rejected];
    assert_eq!(office.states().await, states);
    assert_eq!(decided(office.decide(&office.ben, 1, Decision::Approve).await), states[2]);
    assert_eq!(decided(office.decide(&office.ann, 2, Decision::Withdraw).await), states[1]);
    let nowhere = office.decide(&office.ben, 17, Decision::Approve).await;
    assert!(matches!(nowhere, Err(Error::NotFound { .. })), "{nowhere:?}");
    assert_eq!(office.active().await.activation_id, 1);
    assert!(office.is_draft(&made).await);
}

#[tokio::test]
async fn a_draft_that_was_changed_after_it_was_proposed_is_not_what_was_proposed() {
    let office = Office::open().await;
    let made = office.draft(400).await;
    let proposal = office.propose(&office.ann, activation(&made)).await;
    office.change_draft(&made, 900).await;
    let refused = office.decide(&office.ben, 1, Decision::Approve).await;
    assert!(matches!(refused, Err(Error::DraftChanged(_))), "{refused:?}");
    assert_eq!(office.states().await, [ProposalState::Proposed]);
    office.change_draft(&made, 400).await;
    office.decide(&office.ben, 1, Decision::Approve).await.unwrap();
    assert_eq!(office.active().await.rule_set_id, proposal.rule_set_id);
    assert_eq!(office.card(made.revision_no).await.base_points, 400);
}

#[tokio::test]
async fn settings_that_ranks_read_wait_and_the_others_do_not() {
    let office = Office::open().await;
    let both = |settings: &mut PortfolioSettings| {
        settings.display_name = "Cards".to_owned();
        settings.ranking.tolerance_amount_minor = 500;
    };
    let updated = office.update(&office.ann, both, None).await.unwrap();
    assert_eq!(&*updated.portfolio.settings.display_name, "Cards");
    assert_eq!(updated.portfolio.settings.ranking, RankingSettings::default());
    let proposal = updated.proposal.unwrap();
    assert_eq!(proposal.ranking.tolerance_amount_minor, 500);
    // Only what waits: the portfolio stays as it is.
    office.decide(&office.ann, 1, Decision::Withdraw).await.unwrap();
    let before = office.portfolio().await;
    let ranks = |settings: &mut PortfolioSettings| settings.ranking.tolerance_amount_minor = 700;
    let updated = office.update(&office.ann, ranks, None).await.unwrap();
    assert_eq!(updated.portfolio, before);
    office.decide(&office.ben, 2, Decision::Approve).await.unwrap();
    let after = office.portfolio().await;
    assert_eq!(after.settings.ranking.tolerance_amount_minor, 700);
    assert_eq!(after.rule_set_id, updated.proposal.unwrap().rule_set_id);
    assert_eq!(after.settings_version, before.settings_version + 1);
}

#[tokio::test]
async fn the_second_person_is_done_without_only_by_two() {
    let office = Office::open().await;
    let off = |settings: &mut PortfolioSettings| {
        settings.activation_approval = ActivationApproval::NotRequired;
    };
    let updated = office.update(&office.ann, off, None).await.unwrap();
    let proposal = updated.proposal.unwrap();
    assert_eq!(proposal.activation_approval, Some(ActivationApproval::NotRequired));
    let required = async || {
        office.portfolio().await.settings.activation_approval == ActivationApproval::Required
    };
    assert!(required().await);
    let refused = office.decide(&office.ann, 1, Decision::Approve).await;
    assert!(matches!(refused, Err(Error::SecondPersonRequired { .. })), "{refused:?}");
    office.decide(&office.ben, 1, Decision::Approve).await.unwrap();
    assert!(!required().await);
    // That is an activation of what was active.
    let active = office.active().await;
    assert_eq!((active.activation_id, active.proposal_id), (2, Some(1)));
    let made = office.draft(400).await;
    let alone = ActivateCommand { expected_activation_id: 2, ..activation(&made) };
    let done = office.ask(&office.ann, alone).await.unwrap();
    assert!(matches!(done, Effect::Activated(_)), "{done:?}");
}

#[tokio::test]
async fn whoever_says_nothing_of_the_second_person_leaves_it_as_it_is() {
    let office = Office::open().await;
    let read = office.portfolio().await;
    let settings = PortfolioSettings {
        display_name: "Cards".to_owned(),
        ..settings(ActivationApproval::NotRequired)
    };
    let command = UpdateCommand::new(cards(), settings, &read.settings_version.to_string());
    let updated = update_portfolio(&office.engine, &office.ann, command).await.unwrap();
    assert_eq!(updated.proposal, None);
    let kept = updated.portfolio.settings;
    assert_eq!((&*kept.display_name, kept.activation_approval as i32), ("Cards", 2));
}

#[tokio::test]
async fn whoever_drafts_may_propose_and_activates_nothing() {
    let analyst = Caller { roles: vec![Role::Analyst], ..person("cid") };
    let tolerance =
        |settings: &mut PortfolioSettings| settings.ranking.tolerance_amount_minor = 500;
    let office = Office::open().await;
    let made = office.draft(400).await;
    let proposal = office.propose(&analyst, activation(&made)).await;
    assert_eq!((&*proposal.proposed.subject, proposal.proposal_id), ("cid", 1));
    office.decide(&office.ben, 1, Decision::Approve).await.unwrap();
    let active = office.active().await;
    assert_eq!((&*active.actor, active.approved_by.as_deref()), ("cid", Some("ben")));

    let made = office.draft(300).await;
    let command = ActivateCommand { expected_activation_id: 2, ..activation(&made) };
    office.propose(&analyst, command).await;
    let other = Caller { roles: vec![Role::Analyst], ..person("dan") };
    for (caller, decision) in [
        (&other, Decision::Withdraw),
        (&other, Decision::Approve),
        (&other, Decision::Reject),
        (&analyst, Decision::Reject),
    ] {
        let refused = office.decide(caller, 2, decision).await;
        assert!(matches!(refused, Err(Error::RoleMissing { .. })), "{decision:?}: {refused:?}");
    }
    let withdrawn = office.decide(&analyst, 2, Decision::Withdraw).await.unwrap();
    assert_eq!(withdrawn.proposal.state, ProposalState::Withdrawn);

    let updated = office.update(&analyst, tolerance, None).await.unwrap();
    assert_eq!(updated.proposal.unwrap().state, ProposalState::Proposed);

    let alone = Office::spread(buckets(), ActivationApproval::NotRequired).await;
    let made = alone.draft(400).await;
    let start_time = Some(alone.clock_now().plus(DAY));
    let later = ActivateCommand { start_time, ..activation(&made) };
    let trial = ActivateCommand { validate_only: true, ..activation(&made) };
    for command in [activation(&made), later, trial] {
        let refused = alone.ask(&analyst, command).await;
        assert!(matches!(refused, Err(Error::RoleMissing { .. })), "{refused:?}");
    }
    let refused = alone.update(&analyst, tolerance, None).await;
    assert!(matches!(refused, Err(Error::RoleMissing { .. })), "{refused:?}");
    assert_eq!(alone.active().await.activation_id, 1);
}

#[tokio::test]
async fn a_second_person_is_asked_for_by_those_who_approve_and_only_with_credentials() {
    let office = Office::spread(buckets(), ActivationApproval::NotRequired).await;
    let on = |settings: &mut PortfolioSettings| {
        settings.activation_approval = ActivationApproval::Required;
    };
    let refused = office.update(&Caller::local(), on, None).await;
    assert!(matches!(refused, Err(Error::ApprovalNeedsCredentials { .. })), "{refused:?}");
    let analyst = Caller { roles: vec![Role::Analyst], ..person("cid") };
    let refused = office.update(&analyst, on, None).await;
    assert!(matches!(refused, Err(Error::RoleMissing { .. })), "{refused:?}");
    let other = PortfolioId::new("other").unwrap();
    let required = settings(ActivationApproval::Required);
    let refused = create_portfolio(&office.engine, &Caller::local(), other, required).await;
    assert!(matches!(refused, Err(Error::ApprovalNeedsCredentials { .. })), "{refused:?}");
    office.update(&office.ann, on, None).await.unwrap();
    let kept = office.portfolio().await.settings.activation_approval;
    assert_eq!(kept, ActivationApproval::Required);
}

/// As after a start without credentials over a portfolio that asks for two.
#[tokio::test]
async fn nobody_in_particular_is_neither_the_first_nor_the_second_person() {
    let office = Office::open().await;
    let nobody = Caller::local();
    let made = office.draft(400).await;
    let refused = office.ask(&nobody, activation(&made)).await;
    assert!(matches!(refused, Err(Error::ApprovalNeedsCredentials { .. })), "{refused:?}");
    office.propose(&office.ann, activation(&made)).await;
    for decision in [Decision::Approve, Decision::Reject] {
        let refused = office.decide(&nobody, 1, decision).await;
        assert!(matches!(refused, Err(Error::ApprovalNeedsCredentials { .. })), "{refused:?}");
    }
    office.decide(&nobody, 1, Decision::Withdraw).await.unwrap();
}

#[tokio::test]
async fn what_nobody_has_approved_does_not_start_once_a_second_person_is_necessary() {
    let office = Office::spread(buckets(), ActivationApproval::NotRequired).await;
    let made = office.draft(400).await;
    let later =
        || ActivateCommand { start_time: Some(office.clock_now().plus(DAY)), ..activation(&made) };
    assert_eq!(office.propose(&office.ann, later()).await.state, ProposalState::Scheduled);
    let on = |settings: &mut PortfolioSettings| {
        settings.activation_approval = ActivationApproval::Required;
    };
    office.update(&office.ann, on, None).await.unwrap();
    assert_eq!(office.states().await, [ProposalState::Superseded]);
    // Nor where an older server has switched it on.
    assert_eq!(office.propose(&office.ann, later()).await.state, ProposalState::Proposed);
    let due = office.clock_now().plus(DAY).0;
    let sql = format!("UPDATE activation_proposal SET state = 2, due_at = {due} WHERE state = 1");
    assert_eq!(office.database.execute(&sql), 1);
    office.clock.advance(DAY);
    assert_eq!(office.engine.start_due().await.unwrap(), 1);
    assert_eq!(office.states().await, [ProposalState::Superseded; 2]);
    assert_eq!(office.active().await.activation_id, 1);
    // On and later in one request: what starts later waits for a second person already.
    let fresh = Office::spread(buckets(), ActivationApproval::NotRequired).await;
    let both = |settings: &mut PortfolioSettings| {
        settings.activation_approval = ActivationApproval::Required;
        settings.ranking.tolerance_amount_minor = 500;
    };
    let updated = fresh.update(&fresh.ann, both, Some(NOW.plus(DAY))).await.unwrap();
    assert_eq!(updated.proposal.unwrap().state, ProposalState::Proposed);
    let kept = updated.portfolio.settings;
    assert_eq!(kept.activation_approval, ActivationApproval::Required);
    assert_eq!(kept.ranking.tolerance_amount_minor, 0);
}

#[tokio::test]
async fn what_nobody_decides_on_expires() {
    let office = Office::open().await;
    let made = office.draft(400).await;
    let proposal = office.propose(&office.ann, activation(&made)).await;
    assert_eq!(proposal.due_at, Some(NOW.plus(30 * DAY)));
    office.clock.advance(30 * DAY - 1);
    assert_eq!(office.engine.start_due().await.unwrap(), 0);
    office.clock.advance(1);
    // Whoever ends it may be late.
    let late = office.decide(&office.ben, 1, Decision::Approve).await;
    assert_eq!(decided(late), ProposalState::Expired);
    assert_eq!(office.engine.start_due().await.unwrap(), 1);
    assert_eq!(office.states().await, [ProposalState::Expired]);
    assert_eq!(office.active().await.activation_id, 1);
    office.propose(&office.ann, activation(&made)).await;
}

#[tokio::test]
async fn an_approved_one_starts_at_its_time_or_with_a_later_approval() {
    let office = Office::open().await;
    let made = office.draft(400).await;
    let start_time = Some(NOW.plus(2 * DAY));
    office.propose(&office.ann, ActivateCommand { start_time, ..activation(&made) }).await;
    office.clock.advance(DAY);
    let done = office.decide(&office.ben, 1, Decision::Approve).await.unwrap();
    assert_eq!((done.proposal.state, done.activation), (ProposalState::Scheduled, None));
    assert_eq!(decided(office.decide(&office.ann, 1, Decision::Reject).await), done.proposal.state);
    assert!(office.is_draft(&made).await);
    office.clock.advance(DAY - 1);
    assert_eq!(office.engine.start_due().await.unwrap(), 0);
    office.clock.advance(1);
    assert_eq!(office.engine.start_due().await.unwrap(), 1);
    let active = office.active().await;
    assert_eq!((&*active.actor, active.approved_by.as_deref()), ("ann", Some("ben")));
    assert_eq!(active.activate_time, NOW.plus(2 * DAY));

    let back = ActivateCommand {
        target: Target::Activation(1),
        expected_activation_id: 2,
        start_time: Some(NOW.plus(3 * DAY)),
        ..activation(&made)
    };
    office.propose(&office.ann, back).await;
    office.clock.advance(5 * DAY);
    assert_eq!(office.engine.start_due().await.unwrap(), 0, "it waits for a second person");
    office.decide(&office.ben, 2, Decision::Approve).await.unwrap();
    let active = office.active().await;
    assert_eq!((active.activation_id, active.activate_time), (3, NOW.plus(7 * DAY)));
}

#[tokio::test]
async fn a_draft_that_was_changed_before_its_time_does_not_start() {
    let office = Office::spread(buckets(), ActivationApproval::NotRequired).await;
    let made = office.draft(400).await;
    let start_time = Some(NOW.plus(DAY));
    office.propose(&office.ann, ActivateCommand { start_time, ..activation(&made) }).await;
    office.change_draft(&made, 900).await;
    office.clock.advance(DAY);
    assert_eq!(office.engine.start_due().await.unwrap(), 1);
    let told = office.proposals().await.remove(0);
    assert_eq!(told.state, ProposalState::Superseded);
    let why = told.ended.unwrap().reason;
    assert!(why.contains(&made.to_string()) && why.contains("changed"), "{why}");
    assert_eq!(office.active().await.activation_id, 1);
}

#[tokio::test]
async fn a_trial_decision_says_what_would_be_and_changes_nothing() {
    let office = Office::open().await;
    let made = office.draft(400).await;
    let trial = ActivateCommand { validate_only: true, ..activation(&made) };
    assert_eq!(office.propose(&office.ann, trial).await.proposal_id, 1);
    assert_eq!(office.states().await, []);
    office.propose(&office.ann, activation(&made)).await;
    for decision in [Decision::Approve, Decision::Reject, Decision::Withdraw] {
        let command = DecideCommand {
            portfolio_id: cards(),
            proposal_id: 1,
            decision,
            reason: "a test".to_owned(),
            validate_only: true,
        };
        let would = decide_activation(&office.engine, &office.ben, command).await.unwrap();
        assert_eq!(would.activation.is_some(), decision == Decision::Approve);
        assert_ne!(would.proposal.state, ProposalState::Proposed);
        assert_eq!(office.states().await, [ProposalState::Proposed], "{decision:?}");
    }
    assert_eq!(office.active().await.activation_id, 1);
    assert!(office.is_draft(&made).await);
}

/// On PostgreSQL they are servers of their own; over a file one server asks twice at once.
#[tokio::test]
async fn of_several_who_carry_out_a_due_proposal_one_does() {
    let office = Office::spread(4, ActivationApproval::NotRequired).await;
    let mut servers = vec![Arc::clone(&office.engine)];
    for _ in 0..3 {
        servers.push(match office.database.url() {
            None => Arc::clone(&office.engine),
            Some(_) => {
                Engine::open(office.database.location(), office.clock.clone()).await.unwrap()
            }
        });
    }
    for round in 1..=5 {
        let made = office.draft(400 + round).await;
        let start_time = Some(office.clock_now().plus(DAY));
        let expected_activation_id = i64::from(round);
        let later = ActivateCommand { start_time, expected_activation_id, ..activation(&made) };
        office.propose(&office.ann, later).await;
        office.clock.advance(DAY);
        let running: Vec<_> = servers
            .iter()
            .map(|server| {
                let server = Arc::clone(server);
                tokio::spawn(async move { server.start_due().await })
            })
            .collect();
        let mut done = 0;
        for one in running {
            done += one.await.unwrap().unwrap();
        }
        assert_eq!(done, 1);
        let active = office.active().await;
        assert_eq!(active.activation_id, expected_activation_id + 1);
        assert_eq!(active.proposal_id, Some(i64::from(round)));
    }
    let rows = office.database.count("SELECT COUNT(*) FROM activation");
    assert_eq!(rows, 6 * 4, "every part has every activation once");
}

#[tokio::test]
async fn what_breaks_off_in_the_middle_has_done_nothing_and_is_done_again() {
    let office = Office::spread(4, ActivationApproval::NotRequired).await;
    let made = office.draft(400).await;
    let start_time = Some(NOW.plus(DAY));
    office.propose(&office.ann, ActivateCommand { start_time, ..activation(&made) }).await;
    office.clock.advance(DAY);
    // The last part refuses, when the others and the proposal have been written.
    let block = "INSERT INTO activation (part, portfolio_no, activation_id, rule_set_id, actor, \
        reason, activate_time) SELECT part, portfolio_no, 2, rule_set_id, actor, reason, \
        activate_time FROM activation WHERE part = (SELECT MAX(part) FROM activation)";
    assert_eq!(office.database.execute(block), 1);
    office.engine.start_due().await.unwrap_err();
    assert_eq!(office.states().await, [ProposalState::Scheduled]);
    assert!(office.is_draft(&made).await);
    assert_eq!(office.active().await.activation_id, 1);
    let free = "DELETE FROM activation WHERE activation_id = 2";
    assert_eq!(office.database.execute(free), 1);

    // As after a stop: another server finds it.
    let Office { engine, clock, database, ann, ben } = office;
    drop(engine);
    let engine = Engine::open(database.location(), clock.clone()).await.unwrap();
    let office = Office { engine, clock, database, ann, ben };
    assert_eq!(office.engine.start_due().await.unwrap(), 1);
    assert_eq!(office.states().await, [ProposalState::Activated]);
    assert_eq!(office.active().await.activation_id, 2);
    assert!(!office.is_draft(&made).await);
}
