//! What a scorecard can say, through the service: kept, validated, ranked by.

use arrears::proto;

use super::{TestServer, draft, name, number};

async fn findings(server: &TestServer, revision_no: i64) -> Vec<(bool, String, String)> {
    let subject =
        proto::validate_revision_request::Subject::Name(name("consumer", revision_no).unwrap());
    let request =
        proto::ValidateRevisionRequest { subject: Some(subject), portfolio_id: String::new() };
    let answer = server.scorecards().validate_revision(request).await.unwrap().into_inner();
    let found = answer.findings.into_iter();
    found
        .map(|one| (one.severity() == proto::FindingSeverity::Error, one.path, one.message))
        .collect()
}

#[tokio::test]
async fn a_broken_direction_is_an_error_and_changed_locked_points_are_a_warning() {
    let server = TestServer::start().await;
    let locked = draft(&server, "consumer", |card| {
        let age = &mut card.characteristics[0];
        age.set_direction(proto::PointsDirection::Down);
        age.bins[1].locked = true;
        age.missing_locked = true;
    })
    .await;
    assert_eq!(findings(&server, number(&locked)).await, []);

    let changed = draft(&server, "consumer", |card| {
        let age = &mut card.characteristics[0];
        assert!(age.bins[1].locked && age.missing_locked, "the marks are kept");
        age.bins[1].points = 245;
        age.missing_points = Some(1);
    })
    .await;
    let told = findings(&server, number(&changed)).await;
    let paths: Vec<_> = told.iter().map(|(error, path, _)| (*error, &**path)).collect();
    let missing = (false, "characteristics[0].missing_points");
    assert_eq!(paths, [missing, (false, "characteristics[0].bins[1].points")]);
    assert_eq!(told[1].2, "is 245; the points are locked, and the base has 241");

    let broken = draft(&server, "consumer", |card| card.characteristics[0].bins[3].points = 999);
    let broken = broken.await;
    let told = findings(&server, number(&broken)).await;
    assert_eq!((told[0].0, &*told[0].1), (true, "characteristics[0].bins[3].points"));
    assert_eq!(told[0].2, "is 999; bins[2] has 223, and by the direction 223 or less is allowed");
}
