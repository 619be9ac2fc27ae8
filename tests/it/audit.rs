//! The audit: what is done to settings and holds leaves a row, and a row that was
//! altered is found.

use std::sync::Arc;

use arrears::engine::audit::verify_audit;
use arrears::engine::{Caller, Engine};
use arrears::model::SystemClock;
use arrears::proto;

use crate::support::{NOW, TestServer, document, instant, portfolio};

#[tokio::test]
async fn holds_and_settings_are_audited_in_a_chain_that_shows_alterations() {
    let server = TestServer::start().await;
    server.create(portfolio("cards")).await;
    server.push("cards", vec![document("c")]).await;
    let hold = proto::Hold { kind: proto::HoldKind::Complaint.into(), ..Default::default() };
    let lift = proto::Lift { hold_event_id: "h".to_owned() };
    let event = |event_id: &str, kind| proto::Event {
        event_id: event_id.to_owned(),
        event_time: instant(NOW),
        case_ids: vec!["c".to_owned()],
        debtor_id: String::new(),
        kind: Some(kind),
    };
    let request = proto::RecordEventsRequest {
        portfolio_id: "cards".to_owned(),
        events: vec![
            event("h", proto::event::Kind::Hold(hold)),
            proto::Event { case_ids: vec![], ..event("l", proto::event::Kind::Lift(lift)) },
        ],
    };
    server.cases().record_events(request).await.unwrap();

    let folder = server.end().await;
    let open = || async { Engine::open(folder.path(), Arc::new(SystemClock)).await.unwrap() };
    let rows = verify_audit(&open().await, &Caller::local()).await.unwrap();
    // The portfolio, its rule set, the hold and the lift.
    assert_eq!(rows, 4);

    let file = rusqlite::Connection::open(folder.path().join("arrears.db")).unwrap();
    file.execute("UPDATE audit SET actor = 'nobody' WHERE audit_no = 3", []).unwrap();
    let error = verify_audit(&open().await, &Caller::local()).await.unwrap_err();
    assert!(error.to_string().contains("3)"), "{error}");
    file.execute("UPDATE audit SET actor = 'local' WHERE audit_no = 3", []).unwrap();
    assert_eq!(verify_audit(&open().await, &Caller::local()).await.unwrap(), 4);
    file.execute("DELETE FROM audit WHERE audit_no = 2", []).unwrap();
    assert!(verify_audit(&open().await, &Caller::local()).await.is_err());
}
