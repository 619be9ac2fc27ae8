//! Drafts: made, changed, listed, validated.

use arrears::proto;
use tonic::Code;

use super::{draft, findings, get, name, number};
use crate::support::{TestServer, always, refusal};

async fn list(server: &TestServer, scorecard_id: &str) -> Vec<proto::Revision> {
    let mut seen = Vec::new();
    let mut page_token = String::new();
    loop {
        let scorecard_id = scorecard_id.to_owned();
        let request = proto::ListRevisionsRequest { scorecard_id, page_size: 1, page_token };
        let page = server.scorecards().list_revisions(request).await.unwrap().into_inner();
        seen.extend(page.revisions);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return seen;
        }
    }
}

fn update(revision: proto::Revision, paths: &[&str]) -> proto::UpdateRevisionRequest {
    let paths = paths.iter().map(|path| (*path).to_owned()).collect();
    let update_mask = Some(prost_types::FieldMask { paths });
    proto::UpdateRevisionRequest { revision: Some(revision), update_mask }
}

#[tokio::test]
async fn the_shipped_scorecards_are_revisions_and_drafts_until_they_rank_something() {
    let server = TestServer::start().await;
    let shipped = list(&server, "").await;
    let names: Vec<_> = shipped.iter().map(|one| one.name.clone().unwrap()).collect();
    assert_eq!(names, [name("business", 1).unwrap(), name("consumer", 1).unwrap()]);
    assert!(shipped.iter().all(|one| one.state() == proto::RevisionState::Draft));
    assert!(shipped.iter().all(|one| one.author == "arrears" && one.scorecard.is_none()));

    server.create(always("cards")).await;
    let shipped = list(&server, "").await;
    assert_eq!(shipped.len(), 2, "a portfolio makes no more of them");
    assert!(shipped.iter().all(|one| one.state() == proto::RevisionState::Activated));
    let whole = get(&server, "consumer", 1).await;
    let scorecard = whole.scorecard.clone().unwrap();
    assert_eq!((scorecard.base_points, scorecard.cutoffs.unwrap().a), (500, 620));
    assert_eq!(whole.content_hash.len(), 64);
    assert!(whole.activate_time.is_some());
}

#[tokio::test]
async fn a_draft_changes_by_mask_and_etag_and_keeps_the_rest() {
    let server = TestServer::start().await;
    let made = draft(&server, "consumer", |card| card.base_points = 480).await;
    assert_eq!((number(&made), made.base_revision_no, &*made.title), (2, 1, "harder"));
    assert_eq!(made.state(), proto::RevisionState::Draft);

    let mut change = made.clone();
    change.title = "softer".to_owned();
    let card = change.scorecard.as_mut().unwrap();
    card.base_points = 1;
    card.cutoffs = Some(proto::Cutoffs { a: 700, b: 300 });
    let request = update(change.clone(), &["scorecard.cutoffs"]);
    let updated = server.scorecards().update_revision(request.clone()).await.unwrap();
    let updated = updated.into_inner().revision.unwrap();
    let card = updated.scorecard.clone().unwrap();
    assert_eq!((card.base_points, card.cutoffs.unwrap().a, &*updated.title), (480, 700, "harder"));
    assert_ne!((&updated.etag, &updated.content_hash), (&made.etag, &made.content_hash));
    assert_eq!(get(&server, "consumer", 0).await, updated);

    let refused = refusal(server.scorecards().update_revision(request).await);
    assert_eq!((refused.code, &*refused.reason), (Code::Aborted, "ETAG_MISMATCH"));

    let mut other = updated.clone();
    other.scorecard.as_mut().unwrap().scorecard_id = "another".to_owned();
    let refused = refusal(server.scorecards().update_revision(update(other, &[])).await);
    assert_eq!((refused.code, &*refused.reason), (Code::InvalidArgument, "FIELD_IMMUTABLE"));

    let request = update(updated, &["title", "scorecard.colour"]);
    let refused = refusal(server.scorecards().update_revision(request).await);
    assert_eq!(refused.violations[0].0, "update_mask.paths[1]");
}

#[tokio::test]
async fn what_is_asked_for_and_is_not_there_is_named() {
    let server = TestServer::start().await;
    let request = proto::GetRevisionRequest { name: name("consumer", 9) };
    let refused = refusal(server.scorecards().get_revision(request).await);
    assert_eq!((refused.code, &*refused.reason), (Code::NotFound, "REVISION_NOT_FOUND"));
    assert_eq!(refused.value("revision"), "consumer/9");

    let request = proto::CreateRevisionRequest { base: name("", -1), ..Default::default() };
    let refused = refusal(server.scorecards().create_revision(request).await);
    assert_eq!(refused.fields(), ["base.scorecard_id", "base.revision_no"]);
    let request = proto::CreateRevisionRequest::default();
    let refused = refusal(server.scorecards().create_revision(request).await);
    assert_eq!(refused.violations[0].0, "scorecard");
    let scorecard = Some(proto::Scorecard {
        scorecard_id: "Not an id".to_owned(),
        characteristics: vec![proto::Characteristic { family: 77, ..Default::default() }],
        ..Default::default()
    });
    let request = proto::CreateRevisionRequest { scorecard, ..Default::default() };
    let refused = refusal(server.scorecards().create_revision(request).await);
    let told: Vec<_> = refused.violations.iter().map(|(f, r)| (&**f, &**r)).collect();
    assert_eq!(
        told,
        [
            ("scorecard.cutoffs", "FIELD_REQUIRED"),
            ("scorecard.diagnosis", "FIELD_REQUIRED"),
            ("scorecard.priority", "FIELD_REQUIRED"),
            ("scorecard.characteristics[0].family", "FIELD_OUT_OF_RANGE"),
            ("scorecard.characteristics[0].dimension", "FIELD_REQUIRED"),
            ("scorecard.characteristics[0].reason", "FIELD_REQUIRED"),
            ("scorecard.scorecard_id", "FIELD_MALFORMED"),
        ]
    );
}

#[tokio::test]
async fn a_wrong_draft_may_be_kept_and_all_that_is_wrong_with_it_is_told() {
    let server = TestServer::start().await;
    let made = draft(&server, "consumer", |card| {
        card.cutoffs = Some(proto::Cutoffs { a: 300, b: 400 });
        let age = &mut card.characteristics[0];
        age.bins[1].lower_bound = "2".to_owned();
        age.missing_points = None;
    })
    .await;
    let found = findings(&server, number(&made)).await;
    let paths: Vec<_> = found.iter().map(|(error, path, _)| (*error, &**path)).collect();
    assert_eq!(
        paths,
        [
            (true, "cutoffs"),
            (true, "characteristics[0].missing_points"),
            (true, "characteristics[0].bins[1].lower_bound"),
        ]
    );
    assert!(found[2].2.contains("a gap or an overlap"), "{found:?}");
}

#[tokio::test]
async fn what_is_odd_is_told_and_keeps_nobody_from_ranking() {
    let server = TestServer::start().await;
    let made = draft(&server, "consumer", |card| {
        card.cutoffs = Some(proto::Cutoffs { a: 1_000, b: 1 });
        card.base_points = -5_000;
        card.characteristics[1].weight_milli = Some(0);
    })
    .await;
    let found = findings(&server, number(&made)).await;
    assert!(found.iter().all(|(error, ..)| !error), "{found:?}");
    let of = |path: &str| found.iter().find(|one| one.1 == path).map(|one| &*one.2);
    assert_eq!(
        of("cutoffs.a"),
        Some("no case can be an A: the highest score is 0, A begins at 1000")
    );
    let nothing = of("characteristics[1]").unwrap();
    assert!(nothing.ends_with("adds 0 to every case, whatever its input"), "{nothing}");
    assert_eq!(findings(&server, 1).await, [], "nothing is odd about the shipped one");
}

#[tokio::test]
async fn texts_that_no_database_or_file_can_hold_are_refused_by_their_field() {
    let server = TestServer::start().await;
    let with = |title: &str, text: &str| proto::CreateRevisionRequest {
        base: name("consumer", 1),
        scorecard: Some(proto::Scorecard {
            scorecard_id: "other".to_owned(),
            cutoffs: Some(proto::Cutoffs::default()),
            diagnosis: Some(proto::DiagnosisRule::default()),
            priority: Some(proto::PriorityFormula::default()),
            characteristics: vec![proto::Characteristic {
                name: text.to_owned(),
                family: proto::Family::Ability as i32,
                dimension: proto::Dimension::Ability as i32,
                reason: Some(proto::ReasonText {
                    audience: proto::Audience::Agent as i32,
                    ..Default::default()
                }),
                ..Default::default()
            }],
            ..Default::default()
        }),
        title: title.to_owned(),
    };
    get(&server, "consumer", 1).await;
    for (title, text, field) in [
        ("a\0b", "a", "title"),
        ("a", "a\0b", "scorecard"),
        ("a", "a\u{7f}b", "scorecard"),
        ("a", "a\u{9d}b", "scorecard"),
        ("a", "a\u{ffff}b", "scorecard"),
    ] {
        let refused = refusal(server.scorecards().create_revision(with(title, text)).await);
        let told = (&*refused.violations[0].0, &*refused.violations[0].1);
        assert_eq!(told, (field, "FIELD_MALFORMED"), "{title:?} {text:?}");
    }
    let made = server.scorecards().create_revision(with("größer", "a – b")).await.unwrap();
    let made = made.into_inner().revision.unwrap();
    assert_eq!((number(&made), made.base_revision_no), (1, 0), "of another scorecard");
}

#[tokio::test]
async fn a_characteristic_that_adds_the_same_whatever_its_input_is_odd() {
    let server = TestServer::start().await;
    let made = draft(&server, "consumer", |card| {
        let age = &mut card.characteristics[0];
        age.missing_points = Some(10);
        age.bins.iter_mut().for_each(|bin| bin.points = 10);
    })
    .await;
    let found = findings(&server, number(&made)).await;
    assert_eq!(found[0].1, "characteristics[0]");
    assert!(found[0].2.ends_with("adds 10 to every case, whatever its input"), "{found:?}");
}
