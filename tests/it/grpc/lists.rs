//! What a list selects, as its leases show.

use std::collections::BTreeSet;

use arrears::proto;
use prost::Message;
use prost_types::FileDescriptorSet;

use crate::support::{TestServer, always, date, document, pull, work_list};

/// A case and the lane it stands in.
#[derive(Clone, Debug)]
struct Known {
    portfolio_id: &'static str,
    case_id: String,
    group: proto::RecoveryGroup,
    stage: proto::Stage,
    language: &'static str,
}

const PORTFOLIOS: [&str; 2] = ["cards", "loans"];
const LANGUAGES: [&str; 3] = ["de", "en-GB", "pt"];
/// A due date of each stage, as of the day of the tests.
const DUE: [(i32, i32, i32); 5] =
    [(2026, 2, 20), (2026, 1, 20), (2025, 12, 20), (2025, 11, 20), (2025, 6, 1)];

/// Cases of every portfolio, stage and language, some of debtors who behave well
/// and some of others, so that all groups occur.
async fn cases(server: &TestServer) -> Vec<Known> {
    let mut known = Vec::new();
    for portfolio_id in PORTFOLIOS {
        server.create(always(portfolio_id)).await;
        let mut documents = Vec::new();
        for (place, (year, month, day)) in DUE.into_iter().enumerate() {
            for language in LANGUAGES {
                for good in [false, true] {
                    let yes = if good { proto::Answer::Yes } else { proto::Answer::No };
                    let high = if good { proto::Level::High } else { proto::Level::None };
                    let behaviour = proto::BehaviourFacts {
                        cooperation: high.into(),
                        seeks_solution: yes.into(),
                        reachable: yes.into(),
                        ..Default::default()
                    };
                    let case_id = format!("{portfolio_id}-{place}-{language}-{good}");
                    documents.push(proto::CaseDocument {
                        oldest_due_date: date(year, month, day),
                        language: language.to_owned(),
                        behaviour: Some(behaviour),
                        ..document(&case_id)
                    });
                }
            }
        }
        let languages: Vec<_> = documents.iter().map(|one| one.language.clone()).collect();
        let results = server.push(portfolio_id, documents).await;
        for (result, language) in results.into_iter().zip(languages) {
            let group = result.rank.unwrap().recovery_group();
            let stage = server.get(portfolio_id, &result.case_id).await.stage();
            let language = LANGUAGES.into_iter().find(|one| *one == language).unwrap();
            known.push(Known { portfolio_id, case_id: result.case_id, group, stage, language });
        }
    }
    known
}

/// What a list must give, by a second reading of its fields.
fn selected(list: &proto::WorkList, case: &Known) -> bool {
    let of = |chosen: &[i32], value: i32| chosen.is_empty() || chosen.contains(&value);
    let named = |chosen: &[String], value: &str| {
        chosen.is_empty() || chosen.iter().any(|one| one.as_str() == value)
    };
    of(&list.recovery_groups, case.group.into())
        && of(&list.stages, case.stage.into())
        && named(&list.languages, case.language)
        && named(&list.portfolio_ids, case.portfolio_id)
}

/// Leases all that a list gives, and gives it back.
async fn leased(server: &TestServer, work_list_id: &str) -> BTreeSet<String> {
    let items = server.lease(pull(work_list_id, 500)).await.work_items;
    let case_id = |item: &proto::WorkItem| item.lead_case.clone().unwrap().case_id;
    let ids = items.iter().map(case_id).collect();
    let release = |item: proto::WorkItem| proto::LeaseRelease {
        lease_token: item.lease_token,
        not_dialled: true,
    };
    let releases: Vec<_> = items.into_iter().map(release).collect();
    if !releases.is_empty() {
        let request = proto::ReleaseLeasesRequest { releases };
        server.work_lists().release_leases(request).await.unwrap();
    }
    ids
}

/// Every list of one kind of choice, and some of all kinds at once.
fn lists() -> Vec<proto::WorkList> {
    let mut lists = vec![proto::WorkList::default()];
    for group in 1..=3 {
        let recovery_groups = vec![group];
        lists.push(proto::WorkList { recovery_groups, ..Default::default() });
    }
    lists.push(proto::WorkList { recovery_groups: vec![1, 3], ..Default::default() });
    for stage in 1..=5 {
        lists.push(proto::WorkList { stages: vec![stage], ..Default::default() });
    }
    lists.push(proto::WorkList { stages: vec![5, 2], ..Default::default() });
    for language in ["de", "en-GB", "pt", "fr"] {
        let languages = vec![language.to_owned()];
        lists.push(proto::WorkList { languages, ..Default::default() });
    }
    for portfolio_id in PORTFOLIOS {
        let portfolio_ids = vec![portfolio_id.to_owned()];
        lists.push(proto::WorkList { portfolio_ids: portfolio_ids.clone(), ..Default::default() });
        lists.push(proto::WorkList {
            portfolio_ids,
            recovery_groups: vec![2, 3],
            stages: vec![1, 2, 3],
            languages: vec!["pt".to_owned(), "de".to_owned()],
            ..Default::default()
        });
    }
    lists
}

#[tokio::test]
async fn a_list_gives_exactly_the_cases_it_selects() {
    let server = TestServer::start().await;
    let known = cases(&server).await;
    for group in [proto::RecoveryGroup::A, proto::RecoveryGroup::B, proto::RecoveryGroup::C] {
        assert!(known.iter().any(|case| case.group == group), "no case of {group:?}");
    }
    let stages: BTreeSet<_> = known.iter().map(|case| case.stage as i32).collect();
    assert_eq!(stages.len(), 5);

    for (number, choice) in lists().into_iter().enumerate() {
        let work_list_id = format!("list-{number}");
        let list = proto::WorkList { work_list_id: work_list_id.clone(), ..choice };
        server.create_list(list.clone()).await;
        let expected: BTreeSet<String> = known
            .iter()
            .filter(|case| selected(&list, case))
            .map(|case| case.case_id.clone())
            .collect();
        assert_eq!(leased(&server, &work_list_id).await, expected, "{list:?}");
        let request = proto::DescribeWorkListRequest { work_list_id, case: None };
        let described = server.work_lists().describe_work_list(request).await.unwrap();
        assert_eq!(described.into_inner().case_count, expected.len() as i64, "{list:?}");
    }
}

/// A list replaced serves what it selects now.
#[tokio::test]
async fn a_list_that_is_changed_gives_what_it_selects_now() {
    let server = TestServer::start().await;
    let known = cases(&server).await;
    let list = server.create_list(work_list("list")).await;
    assert_eq!(leased(&server, "list").await.len(), known.len());
    let list = proto::WorkList { stages: vec![4], languages: vec!["pt".to_owned()], ..list };
    let request = proto::UpdateWorkListRequest { work_list: Some(list.clone()) };
    server.work_lists().update_work_list(request).await.unwrap();
    let expected: BTreeSet<String> = known
        .iter()
        .filter(|case| selected(&list, case))
        .map(|case| case.case_id.clone())
        .collect();
    assert_eq!(leased(&server, "list").await, expected);
}

/// A list chooses lanes and nothing else. No other filter can be said, so none needs
/// refusing with the hint that it becomes a route; whoever adds a field has to say which of the two it is.
#[test]
fn no_filter_beside_lanes_can_be_said() {
    let files = FileDescriptorSet::decode(arrears::proto::DESCRIPTORS).unwrap().file;
    let messages = files.iter().flat_map(|file| &file.message_type);
    let list = messages.into_iter().find(|message| message.name() == "WorkList").unwrap();
    let mut fields: Vec<_> =
        list.field.iter().map(prost_types::FieldDescriptorProto::name).collect();
    fields.sort_unstable();
    let own = ["work_list_id", "display_name"];
    let lanes = ["portfolio_ids", "recovery_groups", "stages", "languages", "routes"];
    let serving = ["reserved_share_permille", "etag", "create_time", "update_time"];
    let mut known = [&own[..], &lanes, &serving].concat();
    known.sort_unstable();
    assert_eq!(fields, known);
}
