//! Experiments: a challenger and a control share beside what ranks all others, told wherever
//! a rank is told, and gone when they end.

use std::collections::BTreeMap;

use arrears::proto;
use proto::activate_revision_request::Target;
use tonic::Code;

use super::simulation::{changed, migration, moved, ranks, request, server, simulate};
use super::{activate, activation, activations, draft, harder, name, number, rank, ranked};
use super::{explained, with_cases};
use crate::support::{TestServer, document, outcome, pull, refusal, work_list};

/// An experiment with the largest shares there are.
fn autumn(challenger: i64) -> proto::Experiment {
    proto::Experiment {
        experiment_id: "autumn".to_owned(),
        challenger: name("consumer", challenger),
        challenger_permille: 500,
        control_permille: 200,
        ..Default::default()
    }
}

/// The shipped scorecard for persons with an experiment beside it.
fn begin(experiment: proto::Experiment, active: i64) -> proto::ActivateRevisionRequest {
    proto::ActivateRevisionRequest { experiment: Some(experiment), ..activation(1, active) }
}

fn back_to(activation_id: i64, active: i64) -> proto::ActivateRevisionRequest {
    let target = Some(Target::RollbackToActivationId(activation_id));
    proto::ActivateRevisionRequest { target, ..activation(0, active) }
}

/// What is odd about an activation, by path.
async fn odd(
    server: &TestServer,
    request: proto::ActivateRevisionRequest,
) -> Vec<(String, String)> {
    let request = proto::ActivateRevisionRequest { validate_only: true, ..request };
    let answer = server.scorecards().activate_revision(request).await.unwrap().into_inner();
    answer.findings.into_iter().map(|one| (one.path, one.message)).collect()
}

/// Cases by the arm that their ranks tell.
fn by_arm(ranks: &BTreeMap<String, proto::Rank>) -> BTreeMap<proto::Arm, Vec<&str>> {
    let mut arms: BTreeMap<proto::Arm, Vec<&str>> = BTreeMap::new();
    for (case_id, rank) in ranks {
        arms.entry(rank.arm()).or_default().push(case_id);
    }
    arms
}

/// Every case loses 100 points, by reasons of other names.
fn tried(card: &mut proto::Scorecard) {
    harder(card);
    for reason in card.characteristics.iter_mut().filter_map(|one| one.reason.as_mut()) {
        reason.code.insert_str(0, "NEW_");
    }
}

/// The codes of the reasons that agents may know.
fn codes(reasons: &[proto::Reason]) -> Vec<&str> {
    let known = reasons.iter().filter(|reason| reason.audience() == proto::Audience::Agent);
    known.map(|reason| &*reason.reason_code).collect()
}

/// 120 debtors in three arms; what ranked before, what ranks now, and what is active.
async fn with_experiment() -> (TestServer, [BTreeMap<String, proto::Rank>; 2], proto::Activation) {
    let server = server().await;
    server.create_list(work_list("all")).await;
    let before = ranks(&server).await;
    let made = number(&draft(&server, "consumer", tried).await);
    let active = activate(&server, begin(autumn(made), 1)).await.unwrap();
    ranked(&server).await;
    let after = ranks(&server).await;
    (server, [before, after], active)
}

#[tokio::test]
async fn cases_are_listed_by_arm() {
    let (server, [_, after], _) = with_experiment().await;
    let arms = by_arm(&after);
    let listed = async |request: proto::ListCasesRequest| {
        let portfolio_id = "cards".to_owned();
        let (mut found, mut page_token) = (Vec::new(), String::new());
        loop {
            let page = proto::ListCasesRequest {
                portfolio_id: portfolio_id.clone(),
                page_size: 7,
                page_token,
                ..request.clone()
            };
            let answer = server.cases().list_cases(page).await.unwrap().into_inner();
            found.extend(answer.cases.into_iter().map(|case| case.case_id));
            page_token = answer.next_page_token;
            if page_token.is_empty() {
                found.sort();
                return found;
            }
        }
    };
    let of = |arms: &[proto::Arm]| proto::ListCasesRequest {
        arms: arms.iter().map(|arm| *arm as i32).collect(),
        ..Default::default()
    };
    let (challenger, control) = (proto::Arm::Challenger, proto::Arm::Control);
    assert_eq!(listed(of(&[control])).await, arms[&control]);
    let mut both = [arms[&challenger].clone(), arms[&control].clone()].concat();
    both.sort_unstable();
    assert_eq!(listed(of(&[challenger, control])).await, both);
    assert_eq!(listed(of(&[])).await.len(), 120);
    // All filters must hold.
    let case = server.get("cards", arms[&control][0]).await;
    let debtor_id = case.debtor_id.clone();
    let own = |arm| proto::ListCasesRequest { debtor_id: debtor_id.clone(), ..of(&[arm]) };
    assert!(listed(own(control)).await.contains(&case.case_id));
    assert_eq!(listed(own(challenger)).await, [""; 0]);

    let first = proto::ListCasesRequest {
        portfolio_id: "cards".to_owned(),
        page_size: 1,
        ..of(&[control])
    };
    let page_token = server.cases().list_cases(first.clone()).await.unwrap().into_inner();
    let page_token = page_token.next_page_token;
    let other = proto::ListCasesRequest { page_token, arms: Vec::new(), ..first };
    let refused = refusal(server.cases().list_cases(other).await);
    assert_eq!(refused.reason, "PAGE_TOKEN_MISMATCH");

    activate(&server, activation(1, 2)).await.unwrap();
    ranked(&server).await;
    assert_eq!(listed(of(&[control, challenger, proto::Arm::Champion])).await, [""; 0]);
}

#[tokio::test]
async fn each_arm_is_ranked_by_its_own() {
    let (server, [before, after], active) = with_experiment().await;
    let told = active.experiment.clone().unwrap();
    assert_eq!(told, proto::Experiment { debtor_kind: 1, ..autumn(2) });
    assert_eq!(active.scorecard, name("consumer", 1));
    assert_eq!(activations(&server).await[0].experiment, Some(told));

    assert!(before.values().all(|rank| rank.arm == 0));
    let arms = by_arm(&after);
    let [champions, challenged, control] =
        [proto::Arm::Champion, proto::Arm::Challenger, proto::Arm::Control].map(|arm| &arms[&arm]);
    assert_eq!(champions.len() + challenged.len() + control.len(), 120);
    assert!(champions.len() > 30 && challenged.len() > 30 && control.len() > 10, "{arms:?}");
    for (case_id, rank) in &after {
        let was = before[case_id].clone();
        assert_eq!(rank.rule_set_id, active.rule_set_id);
        let plain = proto::Rank { rule_set_id: was.rule_set_id.clone(), arm: 0, ..rank.clone() };
        // Every seventh is a business, and the challenger is for persons.
        let person = case_id[1..].parse::<i32>().unwrap() % 7 != 0;
        match rank.arm() {
            proto::Arm::Challenger if person => {
                assert_eq!(rank.recovery_score, (was.recovery_score - 100).max(0), "{case_id}");
            }
            proto::Arm::Control => {
                let priority = was.priority;
                assert_eq!(proto::Rank { priority, ..plain }, was, "{case_id}");
            }
            _ => assert_eq!(plain, was, "{case_id}"),
        }
    }
    let differs = |case_id: &&&str| after[**case_id].priority != before[**case_id].priority;
    assert!(control.iter().filter(differs).count() > control.len() / 2);
}

#[tokio::test]
async fn an_arm_is_told_wherever_a_rank_is() {
    let (server, [_, ranks], active) = with_experiment().await;
    // Another case of each debtor is in the same arm, whatever it is.
    let another = |case_id: &String| proto::CaseDocument {
        debtor_id: case_id.replacen('c', "d", 1),
        ..document(&format!("x{case_id}"))
    };
    let pushed = server.push("cards", ranks.keys().map(another).collect()).await;
    for (result, rank) in pushed.iter().zip(ranks.values()) {
        assert_eq!(result.rank.as_ref().unwrap().arm, rank.arm, "{}", result.case_id);
    }
    let again = server.push("cards", ranks.keys().map(another).collect()).await;
    let arms = |results: &[proto::PushResult]| -> Vec<i32> {
        results.iter().map(|result| result.rank.as_ref().unwrap().arm).collect()
    };
    assert_eq!(arms(&again), arms(&pushed), "unchanged documents are told it as well");

    for (case_id, ranked) in ranks.iter().take(40) {
        assert_eq!(rank(&server, case_id).await, *ranked);
        let answer = explained(&server, case_id, Default::default()).await;
        let told = answer.explanation.unwrap();
        assert_eq!((told.rank.as_ref(), &*told.experiment_id), (Some(ranked), "autumn"));
        let terms: Vec<&str> = told.priority_lines.iter().map(|line| &*line.term).collect();
        let sum: i32 = told.priority_lines.iter().map(|line| line.points).sum();
        assert_eq!(sum, ranked.priority);
        assert_eq!(terms == ["control"], ranked.arm() == proto::Arm::Control, "{terms:?}");
        let document = proto::CaseDocument {
            debtor_id: case_id.replacen('c', "d", 1),
            ..document("of_nobody")
        };
        let request = proto::ScoreCaseRequest {
            portfolio_id: "cards".to_owned(),
            case: Some(document),
            ..Default::default()
        };
        let scored = server.cases().score_case(request).await.unwrap().into_inner();
        let scored = scored.explanation.unwrap().rank.unwrap();
        assert_eq!((scored.arm, scored.rule_set_id), (ranked.arm, active.rule_set_id.clone()));
    }
}

#[tokio::test]
async fn what_is_leased_and_reported_tells_its_arm_after_the_experiment_too() {
    let (server, _, _) = with_experiment().await;
    let items = server.lease(pull("all", 120)).await.work_items;
    assert_eq!(items.len(), 120);
    let served: Vec<proto::Rank> =
        items.iter().map(|item| item.lead_case.clone().unwrap().rank.unwrap()).collect();
    let lots = served.iter().filter(|rank| rank.arm() == proto::Arm::Control);
    let lots: Vec<i32> = lots.map(|rank| (1_000 - rank.priority) / 20).collect();
    assert!(lots.len() > 10 && lots.is_sorted(), "{lots:?}");
    for item in &items {
        let result = server.report(outcome(item, "no_answer")).await;
        assert_eq!(result.disposition(), proto::OutcomeDisposition::Accepted, "{result:?}");
    }
    activate(&server, back_to(1, 2)).await.unwrap();
    ranked(&server).await;

    let mut seen = std::collections::BTreeSet::new();
    for (item, rank) in items.iter().zip(&served).step_by(3) {
        seen.insert(rank.arm());
        let case_id = &item.lead_case.as_ref().unwrap().case_id;
        let by_lease = proto::ExplainCaseRequest { lease_seq: 1, ..Default::default() };
        let answer = explained(&server, case_id, by_lease).await;
        let told = answer.explanation.unwrap();
        assert_eq!((told.rank.as_ref(), &*told.experiment_id), (Some(rank), "autumn"));
        let lead = item.lead_case.as_ref().unwrap();
        assert_eq!(codes(&told.reasons), codes(&lead.reasons), "{case_id}");
        let lease = answer.lease.unwrap();
        assert_eq!((lease.served_rank.as_ref(), &*lease.experiment_id), (Some(rank), "autumn"));

        let point = proto::CasePoint { lease_seq: 1, ..Default::default() };
        let since = proto::ExplainCaseRequest { compare_with: Some(point), ..Default::default() };
        let answer = explained(&server, case_id, since).await;
        let now = answer.explanation.unwrap();
        assert_eq!((now.rank.unwrap().arm, &*now.experiment_id), (0, ""));
        let moved = answer.movement.unwrap();
        assert_eq!(moved.from_rank.as_ref(), Some(rank));
        let attempts: Vec<(&str, i32)> = moved
            .events
            .iter()
            .filter(|event| event.kind() == proto::CaseEventKind::Attempt)
            .map(|event| (&*event.experiment_id, event.arm))
            .collect();
        assert_eq!(attempts, [("autumn", rank.arm)], "{case_id}");

        let request = proto::ReplayCaseRequest {
            portfolio_id: "cards".to_owned(),
            case_id: case_id.clone(),
            ..Default::default()
        };
        let replayed = server.cases().replay_case(request).await.unwrap().into_inner();
        assert_eq!((replayed.differing_fields.len(), replayed.leases.len()), (0, 1));
        assert_eq!(replayed.leases[0].result(), proto::ReplayResult::Equal);
        assert_eq!(replayed.leases[0].recomputed_rank.as_ref(), Some(rank));
    }
    assert_eq!(seen.len(), 3, "every arm was looked at");
}

#[tokio::test]
async fn an_experiment_ends_as_it_began_and_ranks_as_before() {
    let (server, [before, after], active) = with_experiment().await;
    let alone = activation(1, 2);
    let ends = [("experiment".to_owned(), "autumn ends".to_owned())];
    let of_experiment = async |request| {
        let mut found = odd(&server, request).await;
        found.retain(|(path, _)| path == "experiment");
        found
    };
    assert_eq!(of_experiment(alone.clone()).await, ends);
    assert_eq!(of_experiment(back_to(1, 2)).await, ends);
    assert_eq!(of_experiment(begin(autumn(2), 2)).await, [], "it goes on as it is");
    let wider = proto::Experiment { challenger_permille: 400, ..autumn(2) };
    let found = of_experiment(begin(wider, 2)).await;
    assert!(found[0].1.contains("autumn goes on otherwise"), "{found:?}");

    let ended = activate(&server, alone).await.unwrap();
    assert_eq!((ended.experiment, &ended.rule_set_id), (None, &before["c001"].rule_set_id));
    ranked(&server).await;
    assert_eq!(ranks(&server).await, before);
    let again = activate(&server, back_to(2, 3)).await.unwrap();
    assert_eq!((&again.experiment, &again.rule_set_id), (&active.experiment, &active.rule_set_id));
    ranked(&server).await;
    assert_eq!(ranks(&server).await, after, "each debtor is in the arm of before");
}

#[tokio::test]
async fn other_settings_leave_an_experiment_as_it_is() {
    let (server, [_, before], active) = with_experiment().await;
    let request = proto::GetPortfolioRequest { portfolio_id: "cards".to_owned() };
    let read = server.portfolios().get_portfolio(request).await.unwrap().into_inner();
    let mut portfolio = read.portfolio.unwrap();
    portfolio.ranking.as_mut().unwrap().stage_bounds = vec![10, 20, 30, 40];
    let request = proto::UpdatePortfolioRequest {
        portfolio: Some(portfolio),
        activation_reason: "shorter".to_owned(),
        ..Default::default()
    };
    server.portfolios().update_portfolio(request).await.unwrap();
    ranked(&server).await;
    let now = activations(&server).await.remove(0);
    assert_eq!((now.activation_id, now.experiment), (3, active.experiment));
    let arms = |ranks: &BTreeMap<String, proto::Rank>| -> Vec<i32> {
        ranks.values().map(|rank| rank.arm).collect()
    };
    assert_eq!(arms(&ranks(&server).await), arms(&before));
}

/// What is tried ranks alone, and what ranks now is told arm by arm.
#[tokio::test]
async fn what_is_simulated_beside_an_experiment_is_what_an_activation_brings() {
    let (server, [_, before], _) = with_experiment().await;
    let made = number(&draft(&server, "consumer", changed).await);
    let simulation = simulate(&server, request(made)).await.unwrap();
    // A debtor who changes takes its cases to another arm.
    let documents = |debtor: &str| {
        vec![proto::CaseDocument { debtor_id: debtor.to_owned(), ..document("c001") }]
    };
    let of_arm = |arm: proto::Arm| {
        let case = before.iter().find(|(_, rank)| rank.arm() == arm).unwrap().0;
        case.replacen('c', "d", 1)
    };
    for arm in [proto::Arm::Control, proto::Arm::Challenger, proto::Arm::Champion] {
        server.push("cards", documents(&of_arm(arm))).await;
        let before = ranks(&server).await;
        assert_eq!(before["c001"].arm(), arm);
        let simulation = simulate(&server, request(made)).await.unwrap();
        let first = simulation.movements.iter().find(|one| one.case_id == "c001");
        if let Some(told) = first.and_then(|one| one.before.clone()) {
            assert_eq!((told.arm(), told.priority), (arm, before["c001"].priority));
        }
    }
    server.push("cards", vec![super::simulation::documents().swap_remove(1)]).await;
    assert_eq!(ranks(&server).await["c001"].arm, before["c001"].arm);
    assert_eq!(simulate(&server, request(made)).await.unwrap().migration, simulation.migration);

    activate(&server, activation(made, 2)).await.unwrap();
    ranked(&server).await;
    let after = ranks(&server).await;
    assert_eq!(migration(&simulation.migration), moved(&before, &after));
    let differs = |of: fn(&proto::Rank) -> i32| {
        before.iter().filter(|(id, rank)| of(rank) != of(&after[*id])).count() as i64
    };
    assert_eq!(simulation.score_changed_cases, differs(|rank| rank.recovery_score));
    assert_eq!(simulation.priority_changed_cases, differs(|rank| rank.priority));
    let scores = simulation.priorities.unwrap();
    let mut buckets = vec![0; 20];
    for rank in before.values() {
        buckets[(rank.priority as usize / 50).min(19)] += 1;
    }
    assert_eq!(scores.before, buckets);
    for movement in &simulation.movements {
        let (from, was) = (movement.before.clone().unwrap(), &before[&movement.case_id]);
        assert_eq!(
            (from.arm, from.score, from.priority),
            (was.arm, was.recovery_score, was.priority)
        );
        assert_eq!(movement.after.as_ref().unwrap().arm, 0);
    }
}

#[tokio::test]
async fn a_control_share_needs_no_challenger() {
    let server = with_cases(&["c1"]).await;
    let alone = proto::Experiment {
        experiment_id: "always".to_owned(),
        control_permille: 200,
        ..Default::default()
    };
    let active = activate(&server, begin(alone.clone(), 1)).await.unwrap();
    assert_eq!(active.experiment, Some(alone));
    assert_ne!(rank(&server, "c1").await.arm(), proto::Arm::Challenger);
}

#[tokio::test]
async fn what_makes_no_sense_of_an_experiment_is_told_at_once() {
    let server = with_cases(&["c1"]).await;
    let fields = async |request: proto::ActivateRevisionRequest| {
        let refused = refusal(server.scorecards().activate_revision(request).await);
        assert_eq!(refused.code, Code::InvalidArgument);
        refused.violations
    };
    let broken = |expected: &[(&str, &str)]| -> Vec<(String, String)> {
        let pair =
            |(field, reason): &(&str, &str)| (format!("experiment{field}"), (*reason).to_owned());
        expected.iter().map(pair).collect()
    };
    let (required, range) = ("FIELD_REQUIRED", "FIELD_OUT_OF_RANGE");
    let empty = [(".experiment_id", required), (".control_permille", range)];
    assert_eq!(fields(begin(Default::default(), 1)).await, broken(&empty));
    let wrong = proto::Experiment {
        experiment_id: "with space".to_owned(),
        challenger: name("", -1),
        challenger_permille: 501,
        control_permille: 201,
        debtor_kind: 0,
    };
    let all = [
        (".experiment_id", "FIELD_MALFORMED"),
        (".challenger.scorecard_id", required),
        (".challenger.revision_no", range),
        (".challenger_permille", range),
        (".control_permille", range),
    ];
    assert_eq!(fields(begin(wrong, 1)).await, broken(&all));
    let nobody = proto::Experiment { challenger: None, ..autumn(2) };
    assert_eq!(fields(begin(nobody, 1)).await, broken(&[(".challenger", required)]));
    let none = proto::Experiment { challenger_permille: 0, ..autumn(2) };
    assert_eq!(fields(begin(none, 1)).await, broken(&[(".challenger_permille", range)]));
    let long = proto::Experiment { experiment_id: "e".repeat(129), ..autumn(2) };
    assert_eq!(fields(begin(long, 1)).await, broken(&[(".experiment_id", range)]));
    let beside = proto::ActivateRevisionRequest { experiment: Some(autumn(2)), ..back_to(1, 1) };
    assert_eq!(fields(beside).await, broken(&[("", "FIELD_CONFLICT")]));

    // What is tried must be there, rank, and say something else than the champion.
    assert_eq!(fields(begin(autumn(1), 1)).await, broken(&[(".challenger", range)]));
    let same = number(&draft(&server, "consumer", |_| ()).await);
    assert_eq!(fields(begin(autumn(same), 1)).await, broken(&[(".challenger", range)]));
    let missing = begin(autumn(9), 1);
    let refused = refusal(server.scorecards().activate_revision(missing).await);
    assert_eq!((refused.code, &*refused.reason), (Code::NotFound, "REVISION_NOT_FOUND"));
    let wrong = draft(&server, "consumer", |card| card.characteristics[0].name.clear()).await;
    let refused = begin(autumn(number(&wrong)), 1);
    let refused = refusal(server.scorecards().activate_revision(refused).await);
    assert_eq!(refused.reason, "REVISION_INVALID");
    assert!(refused.violations[0].0.starts_with("challenger.characteristics[0]"), "{refused:?}");
    assert_eq!(activations(&server).await.len(), 1);
}

/// A challenger that is activated never changes again, like a champion.
#[tokio::test]
async fn a_challenger_is_frozen_when_it_begins_to_rank() {
    let server = with_cases(&["c1"]).await;
    let made = number(&draft(&server, "consumer", harder).await);
    odd(&server, begin(autumn(made), 1)).await;
    let state = async || super::get(&server, "consumer", made).await.state();
    assert_eq!(state().await, proto::RevisionState::Draft, "nothing was activated");
    activate(&server, begin(autumn(made), 1)).await.unwrap();
    assert_eq!(state().await, proto::RevisionState::Activated);
}
