//! Routes through a real client: rules give them, lists and filters take them, simulations
//! tell them beforehand.

use std::collections::BTreeMap;

use arrears::model::{Clock, Micros};
use arrears::proto;
use proto::slice_by::By;
use tonic::{Code, Status};

use super::simulation::{changed, documents, request, server, simulate};
use super::{
    activate, activation, activations, draft, explained, number, rank, ranked, with_cases,
};
use crate::support::{
    TestServer, always, date, document, euro, event, outcome, payment, pull, refusal, work_list,
};

fn condition(feature: &str) -> proto::Condition {
    proto::Condition { feature: feature.to_owned(), ..Default::default() }
}

fn from(feature: &str, least: i32) -> proto::Condition {
    proto::Condition { lower_bound: least.to_string(), ..condition(feature) }
}

fn one_of(feature: &str, category: &str) -> proto::Condition {
    proto::Condition { categories: vec![category.to_owned()], ..condition(feature) }
}

fn rule(route: &str, when: proto::Condition) -> proto::RoutingRule {
    proto::RoutingRule { route: route.to_owned(), when: vec![when] }
}

async fn read(server: &TestServer) -> proto::Portfolio {
    let request = proto::GetPortfolioRequest { portfolio_id: "cards".to_owned() };
    let answer = server.portfolios().get_portfolio(request).await.unwrap();
    answer.into_inner().portfolio.unwrap()
}

/// Has other rules give routes, and waits until they have.
async fn route_by(server: &TestServer, rules: Vec<proto::RoutingRule>) -> Result<(), Status> {
    let mut portfolio = read(server).await;
    portfolio.ranking.as_mut().unwrap().routing_rules = rules;
    let request = proto::UpdatePortfolioRequest {
        portfolio: Some(portfolio),
        activation_reason: "a test".to_owned(),
        ..Default::default()
    };
    server.portfolios().update_portfolio(request).await?;
    ranked(server).await;
    Ok(())
}

/// The cases that a listing with these routes has.
async fn listed(server: &TestServer, routes: &[&str]) -> Vec<String> {
    let request = proto::ListCasesRequest {
        portfolio_id: "cards".to_owned(),
        page_size: 1_000,
        states: vec![proto::CaseState::Open as i32],
        routes: routes.iter().map(|word| (*word).to_owned()).collect(),
        ..Default::default()
    };
    let answer = server.cases().list_cases(request).await.unwrap().into_inner();
    let mut ids: Vec<String> = answer.cases.into_iter().map(|case| case.case_id).collect();
    ids.sort();
    ids
}

fn list_of(work_list_id: &str, routes: &[&str]) -> proto::WorkList {
    let routes = routes.iter().map(|word| (*word).to_owned()).collect();
    proto::WorkList { routes, ..work_list(work_list_id) }
}

/// Home owners, and those long overdue.
fn rules() -> Vec<proto::RoutingRule> {
    vec![rule("owner", one_of("owns_home", "YES")), rule("late", from("days_past_due", 63))]
}

fn owner(case_id: &str) -> proto::CaseDocument {
    let household = proto::HouseholdFacts { owns_home: 3, ..Default::default() };
    proto::CaseDocument { household: Some(household), ..document(case_id) }
}

#[tokio::test]
async fn lists_and_filters_tell_cases_apart_by_route() {
    let server = with_cases(&["plain"]).await;
    let due = date(2025, 12, 1);
    let late = proto::CaseDocument { oldest_due_date: due, ..document("late") };
    server.push("cards", vec![owner("owner"), late]).await;
    assert_eq!(listed(&server, &["-"]).await, ["late", "owner", "plain"]);
    route_by(&server, rules()).await.unwrap();
    assert_eq!(read(&server).await.ranking.unwrap().routing_rules, rules());
    for (case_id, route) in [("owner", "owner"), ("late", "late"), ("plain", "")] {
        assert_eq!(rank(&server, case_id).await.route, route);
    }
    assert_eq!(listed(&server, &["-"]).await, ["plain"]);
    assert_eq!(listed(&server, &["late", "-", "late"]).await, ["late", "plain"]);
    assert_eq!(listed(&server, &["nobody"]).await, [""; 0]);
    assert_eq!(listed(&server, &[]).await.len(), 3);

    let made = server.create_list(list_of("owners", &["owner"])).await;
    assert_eq!(made.routes, ["owner"]);
    let made = server.create_list(list_of("others", &["late", "-", "late"])).await;
    assert_eq!(made.routes, ["-", "late"], "sorted, each once");
    let preview = proto::PreviewWorkRequest {
        work_list_id: "owners".to_owned(),
        max_items: 10,
        ..Default::default()
    };
    let previewed = server.work_lists().preview_work(preview).await.unwrap().into_inner();
    let shown = previewed.work_items[0].lead_case.clone().unwrap();
    assert_eq!((previewed.work_items.len(), &*shown.case_id), (1, "owner"));
    let take = proto::DebtorTake {
        debtor_id: "debtor-of-late".to_owned(),
        reason: proto::TakeReason::Manual.into(),
    };
    let taken = proto::LeaseWorkRequest { take: Some(take), wait: None, ..pull("owners", 1) };
    let refused = refusal(server.work_lists().lease_work(taken).await);
    assert_eq!(refused.fields(), ["take.debtor_id"], "the list does not select it");
    let leased = server.lease(pull("others", 10)).await.work_items;
    let mut leased: Vec<(String, String)> = leased
        .into_iter()
        .map(|item| item.lead_case.unwrap())
        .map(|case| (case.case_id, case.rank.unwrap().route))
        .collect();
    leased.sort();
    let expected = [("late", "late"), ("plain", "")].map(|(id, route)| (id.into(), route.into()));
    assert_eq!(leased, expected);
}

#[tokio::test]
async fn what_happens_to_a_case_moves_it_to_another_route() {
    let server = with_cases(&["c1"]).await;
    let paid = proto::Condition { missing: true, ..condition("months_since_payment") };
    let rules = [rule("silent", paid), rule("owner", one_of("owns_home", "YES"))];
    route_by(&server, rules.into()).await.unwrap();
    assert_eq!(rank(&server, "c1").await.route, "silent");
    server.record("cards", vec![event("e1", &["c1"], payment(euro(10)))]).await;
    assert_eq!(rank(&server, "c1").await.route, "");
    server.push("cards", vec![owner("c1")]).await;
    assert_eq!(rank(&server, "c1").await.route, "owner");
    let told = explained(&server, "c1", proto::ExplainCaseRequest::default()).await;
    let line = told.explanation.unwrap().route_line.unwrap();
    assert_eq!((&*line.route, line.rule_index), ("owner", 1));
    let met = proto::RouteCondition { feature: "owns_home".into(), value: "YES".into() };
    assert_eq!(line.conditions, [met]);
    assert_eq!(line.audience(), proto::Audience::Analyst, "it speaks of the household");
    let before = proto::CasePoint {
        known_at: crate::support::instant(server.clock.now()),
        ..Default::default()
    };
    let asked = proto::ExplainCaseRequest { compare_with: Some(before), ..Default::default() };
    let movement = explained(&server, "c1", asked).await.movement.unwrap();
    assert_eq!(movement.to_rank.unwrap().route, "owner");
}

/// Other rules become active while a worker holds the case.
#[tokio::test]
async fn a_lease_tells_the_route_that_it_was_served_with() {
    let server = with_cases(&["c1"]).await;
    route_by(&server, vec![rule("old", from("days_past_due", 30))]).await.unwrap();
    server.create_list(list_of("old", &["old"])).await;
    server.create_list(list_of("new", &["new"])).await;
    let leased = server.lease(pull("old", 1)).await.work_items;
    assert_eq!(leased[0].lead_case.clone().unwrap().rank.unwrap().route, "old");
    route_by(&server, vec![rule("new", from("days_past_due", 30))]).await.unwrap();
    assert_eq!(rank(&server, "c1").await.route, "new");
    let renewed = server.renew(&leased).await;
    assert_eq!(renewed[0].directive(), proto::LeaseDirective::Continue);
    let reported = server.report(outcome(&leased[0], "no_answer")).await;
    assert_eq!(reported.disposition(), proto::OutcomeDisposition::Accepted);
    server.clock.advance(8 * Micros::DAY);
    let case = proto::CaseDocument {
        as_of_time: crate::support::instant(server.clock.now()),
        overdue_amount: euro(1_300),
        ..document("c1")
    };
    server.push("cards", vec![case]).await;
    assert_eq!(server.lease(pull("old", 1)).await.work_items, []);
    assert_eq!(server.lease(pull("new", 1)).await.work_items.len(), 1);

    let request = proto::ReplayCaseRequest {
        portfolio_id: "cards".to_owned(),
        case_id: "c1".to_owned(),
        ..Default::default()
    };
    let replayed = server.cases().replay_case(request).await.unwrap().into_inner();
    let served: Vec<(i32, String, String)> = replayed
        .leases
        .iter()
        .map(|one| {
            let served = one.lease.as_ref().unwrap().served_rank.as_ref().unwrap();
            (one.result, served.route.clone(), one.recomputed_rank.as_ref().unwrap().route.clone())
        })
        .collect();
    let equal = proto::ReplayResult::Equal as i32;
    let both = |label: &str| (equal, label.to_owned(), label.to_owned());
    assert_eq!(served, [both("old"), both("new")]);
    let asked = proto::ExplainCaseRequest { lease_seq: 1, ..Default::default() };
    let told = explained(&server, "c1", asked).await.explanation.unwrap();
    assert_eq!(told.route_line.unwrap().route, "old");

    // The way back brings the rules with it.
    let target = proto::activate_revision_request::Target::RollbackToActivationId(2);
    let back = proto::ActivateRevisionRequest { target: Some(target), ..activation(0, 3) };
    activate(&server, back).await.unwrap();
    ranked(&server).await;
    assert_eq!(rank(&server, "c1").await.route, "old");
    let rules = read(&server).await.ranking.unwrap().routing_rules;
    assert_eq!(rules, [rule("old", from("days_past_due", 30))]);
}

/// A list that somebody has made by such a route is no secret, but a work item does not say
/// of each debtor why.
#[tokio::test]
async fn agents_are_not_told_a_route_that_rests_on_what_they_must_not_know() {
    let server = with_cases(&["c0"]).await;
    server.push("cards", vec![owner("c1")]).await;
    let rules = [rule("owner", one_of("owns_home", "YES")), rule("old", from("days_past_due", 30))];
    route_by(&server, rules.into()).await.unwrap();
    let items = server.lease(pull("all", 2)).await.work_items;
    let cases = items.into_iter().map(|item| item.lead_case.unwrap());
    let told: BTreeMap<String, String> =
        cases.map(|case| (case.case_id, case.rank.unwrap().route)).collect();
    assert_eq!((&*told["c0"], &*told["c1"]), ("old", ""));
    assert_eq!(rank(&server, "c1").await.route, "owner", "whoever may read cases is told");
}

fn slice(by: By) -> proto::SliceBy {
    proto::SliceBy { by: Some(by) }
}

/// How many cases each slice has.
fn counted(slices: &proto::SimulationSlices) -> BTreeMap<String, usize> {
    let cases = |slice: &proto::SimulationSlice| -> i64 {
        slice.migration.iter().map(|pair| pair.count.as_ref().unwrap().cases).sum()
    };
    slices.slices.iter().map(|one| (one.label.clone(), cases(one) as usize)).collect()
}

/// Rules by what time moves, by what it does not, and by what an event tells.
fn mixed() -> Vec<proto::RoutingRule> {
    // Below 316.00 euros.
    let upper_bound = "45".to_owned();
    let small = proto::Condition { upper_bound, ..condition("overdue_amount_log") };
    vec![
        rule("oldest", from("days_past_due", 300)),
        rule("owner", one_of("owns_home", "YES")),
        rule("small", small),
        rule("oldest", from("days_past_due", 200)),
    ]
}

#[tokio::test]
async fn a_simulation_counts_by_route_what_a_listing_lists() {
    let server = server().await;
    route_by(&server, mixed()).await.unwrap();
    let made = number(&draft(&server, "consumer", changed).await);
    let mut asked = request(made);
    asked.slices = vec![slice(By::Route(true)), slice(By::Stage(true))];
    let told = simulate(&server, asked.clone()).await.unwrap();
    let mut expected = BTreeMap::new();
    for word in ["-", "oldest", "owner", "small"] {
        expected.insert(word.to_owned(), listed(&server, &[word]).await.len());
    }
    expected.retain(|_, count| *count > 0);
    assert_eq!(expected.values().sum::<usize>(), documents().len());
    assert!(expected.len() > 2, "{expected:?}");
    assert_eq!(counted(&told.slices[0]), expected);
    for movement in &told.movements {
        let route = rank(&server, &movement.case_id).await.route;
        let ends = [&movement.before, &movement.after].map(|end| &end.as_ref().unwrap().route);
        assert_eq!(ends, [&route; 2]);
    }
    for words in [vec!["owner"], vec!["-", "small"]] {
        let routes = words.iter().map(|word| (*word).to_owned()).collect();
        asked.filter = Some(proto::SimulationFilter { routes, ..Default::default() });
        let told = simulate(&server, asked.clone()).await.unwrap();
        let all = told.counted.unwrap().cases as usize;
        assert_eq!(all, words.iter().map(|word| expected.get(*word).unwrap_or(&0)).sum::<usize>());
        assert!(counted(&told.slices[0]).keys().all(|label| words.contains(&label.as_str())));
    }
}

/// What a case will be on a day ahead is what ExplainCase tells of that day.
#[tokio::test]
async fn a_simulation_of_a_day_ahead_counts_the_routes_of_that_day() {
    let server = server().await;
    route_by(&server, mixed()).await.unwrap();
    let day = date(2026, 6, 15);
    let mut expected: BTreeMap<String, usize> = BTreeMap::new();
    for case_id in listed(&server, &[]).await {
        let asked = proto::ExplainCaseRequest { as_of_date: day, ..Default::default() };
        let told = explained(&server, &case_id, asked).await.explanation.unwrap();
        let label = told.rank.unwrap().route;
        let word = if label.is_empty() { "-".to_owned() } else { label };
        *expected.entry(word).or_default() += 1;
    }
    let mut asked = request(1);
    asked.slices = vec![slice(By::Route(true))];
    let today = simulate(&server, asked.clone()).await.unwrap();
    asked.as_of_date = day;
    let told = simulate(&server, asked).await.unwrap();
    assert_eq!(counted(&told.slices[0]), expected);
    assert_ne!(counted(&today.slices[0]), expected, "time moves routes");
}

#[tokio::test]
async fn first_leases_are_those_of_the_routes_of_a_list() {
    let server = server().await;
    route_by(&server, mixed()).await.unwrap();
    let ordered = |id: &str, routes: &[&str]| proto::WorkList {
        reserved_share_permille: Some(0),
        ..list_of(id, routes)
    };
    server.create_list(ordered("old", &["oldest"])).await;
    server.create_list(ordered("rest", &["-", "small"])).await;
    let asked = proto::SimulateRevisionRequest { first_leases_max: 10, ..request(1) };
    let told = simulate(&server, asked).await.unwrap();
    assert_eq!(told.work_lists.len(), 2);
    for list in &told.work_lists {
        let request = proto::PreviewWorkRequest {
            work_list_id: list.work_list_id.clone(),
            max_items: 10,
            ..Default::default()
        };
        let previewed = server.work_lists().preview_work(request).await.unwrap().into_inner();
        let previewed: Vec<String> =
            previewed.work_items.into_iter().map(|item| item.lead_case.unwrap().case_id).collect();
        let leases = list.leases.iter().map(|lease| lease.case_id.clone());
        let mut first: Vec<String> = leases.collect();
        if crate::support::buckets() > 1 {
            // Of several parts a preview takes one after the other.
            continue;
        }
        first.truncate(previewed.len());
        assert_eq!(first, previewed, "{}", list.work_list_id);
        assert!(!first.is_empty());
    }
}

#[tokio::test]
async fn rules_that_make_no_sense_are_refused_all_at_once() {
    let server = with_cases(&["c1"]).await;
    let wrong = vec![
        rule("", from("days_past_due", 300)),
        rule("home", one_of("marital_status", "SINGLE")),
        rule("a", condition("no_such")),
        rule("Legal", from("custom.dispute", 1)),
        rule("b", from("days_past_due", 400)),
    ];
    let refused = refusal(match route_by(&server, wrong).await {
        Ok(()) => Ok(tonic::Response::new(())),
        Err(status) => Err(status),
    });
    assert_eq!((refused.code, &*refused.reason), (Code::InvalidArgument, "FIELD_REQUIRED"));
    let mut fields = refused.fields();
    fields.sort_unstable();
    let at = |place: &str| format!("portfolio.ranking.routing_rules{place}");
    let expected = [
        at("[0].route"),
        at("[1].when[0].protected_input"),
        at("[2].when[0].feature"),
        at("[3].route"),
        at("[3].when[0].feature"),
        at("[4].when"),
    ];
    assert_eq!(fields, expected.each_ref().map(String::as_str));
    assert_eq!(activations(&server).await.len(), 1, "nothing has changed");
}

/// A rule may look at what scorecards derive while every scorecard does.
#[tokio::test]
async fn a_scorecard_that_does_not_derive_what_a_rule_looks_at_is_refused() {
    let server = with_cases(&["c1"]).await;
    let rules = || vec![rule("few", from("derived.least", 3))];
    let refused = |status: Status| {
        let refused = refusal::<()>(Err(status));
        (refused.reason.clone(), refused.fields().into_iter().map(str::to_owned).collect())
    };
    let path = "ranking.routing_rules[0].when[0].feature".to_owned();
    let expected = ("REVISION_INVALID".to_owned(), vec![path; 2]);
    assert_eq!(refused(route_by(&server, rules()).await.unwrap_err()), expected);
    let derive = |card: &mut proto::Scorecard| {
        let features = vec!["days_past_due".to_owned(), "late_months_12".to_owned()];
        let formula = proto::derived_feature::Formula::Min(proto::FeatureList { features });
        let name = "least".to_owned();
        let formula = Some(formula);
        card.derived.push(proto::DerivedFeature { name, formula, ..Default::default() });
    };
    let persons = draft(&server, "consumer", derive).await;
    let firms = draft(&server, "business", derive).await;
    activate(&server, activation(number(&persons), 1)).await.unwrap();
    let mut of_firms = activation(0, 2);
    of_firms.debtor_kind = proto::DebtorKind::Business.into();
    of_firms.target =
        Some(proto::activate_revision_request::Target::Revision(firms.name.clone().unwrap()));
    activate(&server, of_firms).await.unwrap();
    route_by(&server, rules()).await.unwrap();
    assert_eq!(rank(&server, "c1").await.route, "few");
    let status = activate(&server, activation(1, 4)).await.unwrap_err();
    assert_eq!(refused(status), (expected.0, expected.1[..1].to_vec()));
}

#[tokio::test]
async fn wrong_routes_of_lists_and_filters_are_refused() {
    let server = with_cases(&["c1"]).await;
    route_by(&server, rules()).await.unwrap();
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let many: Vec<String> = (0..66).map(|at| format!("r{at}")).collect();
    for (routes, field, reason) in [
        (words(&["late", ""]), "routes[1]", "FIELD_MALFORMED"),
        (words(&["LATE"]), "routes[0]", "FIELD_MALFORMED"),
        (words(&["--"]), "routes[0]", "FIELD_MALFORMED"),
        (words(&[&"x".repeat(33)]), "routes[0]", "FIELD_MALFORMED"),
        (many, "routes", "FIELD_OUT_OF_RANGE"),
    ] {
        let list = proto::WorkList { routes: routes.clone(), ..work_list("l") };
        let create = proto::CreateWorkListRequest { work_list: Some(list) };
        let refused = refusal(server.work_lists().create_work_list(create).await);
        assert_eq!(
            (&*refused.violations[0].0, &*refused.reason),
            (&*format!("work_list.{field}"), reason)
        );
        let listing = proto::ListCasesRequest {
            portfolio_id: "cards".to_owned(),
            routes: routes.clone(),
            ..Default::default()
        };
        let refused = refusal(server.cases().list_cases(listing).await);
        assert_eq!(refused.fields(), [field]);
        let filter = Some(proto::SimulationFilter { routes, ..Default::default() });
        let asked = proto::SimulateRevisionRequest { filter, ..request(1) };
        let refused = refusal(server.scorecards().simulate_revision(asked).await);
        assert_eq!(refused.fields(), [format!("filter.{field}")]);
    }
    // A slip of the pen would count nothing, and look as if nothing moved.
    let filter =
        Some(proto::SimulationFilter { routes: words(&["late", "latte"]), ..Default::default() });
    let asked = proto::SimulateRevisionRequest { filter, ..request(1) };
    let refused = refusal(server.scorecards().simulate_revision(asked).await);
    assert_eq!(refused.fields(), ["filter.routes[1]"]);
    let asked =
        proto::SimulateRevisionRequest { slices: vec![slice(By::Route(false))], ..request(1) };
    let refused = refusal(server.scorecards().simulate_revision(asked).await);
    assert_eq!(refused.fields(), ["slices[0]"]);
}

/// A portfolio may have its rules from the beginning, and they are its own.
#[tokio::test]
async fn a_new_portfolio_begins_with_its_rules() {
    let server = TestServer::start().await;
    let ranking = proto::RankingSettings { routing_rules: rules(), ..Default::default() };
    server.create(proto::Portfolio { ranking: Some(ranking), ..always("cards") }).await;
    server.create(always("other")).await;
    server.push("cards", vec![owner("c1")]).await;
    server.push("other", vec![owner("c1")]).await;
    assert_eq!(rank(&server, "c1").await.route, "owner");
    assert_eq!(server.get("other", "c1").await.rank.unwrap().route, "");
}
