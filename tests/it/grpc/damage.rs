//! A server over a database whose rows were damaged behind its back: what touches
//! the damaged row is refused with its table, and everybody else is served.

use std::collections::BTreeSet;
use std::time::Duration;

use arrears::model::Micros;
use arrears::proto;
use rusqlite::Connection;
use tonic::{Code, Response, Status};

use crate::support::{
    NOW, TestServer, document, euro, instant, only_on_sqlite, portfolio, refusal,
};

/// The case whose data is damaged; it stands first in every order.
const HURT: &str = "c1";
const WHOLE: [&str; 3] = ["c2", "c3", "c4"];

/// One way to damage what is stored of a case.
#[derive(Clone, Copy, Debug)]
struct Damage {
    /// The table that the answer must name.
    table: &'static str,
    sql: &'static str,
}

const NO: &str = "(SELECT case_no FROM loan_case WHERE case_id = 'c1')";

const DAMAGES: [Damage; 7] = [
    Damage { table: "debtor", sql: "DELETE FROM debtor WHERE debtor_id = 'debtor-of-c1'" },
    Damage {
        table: "debtor",
        sql: "UPDATE debtor SET body = x'FF' WHERE debtor_id = 'debtor-of-c1'",
    },
    Damage { table: "loan_case", sql: "UPDATE loan_case SET history = x'FF' WHERE case_id = 'c1'" },
    Damage { table: "case_source", sql: "UPDATE case_source SET facts = x'FF' WHERE case_no = $" },
    Damage { table: "case_source", sql: "DELETE FROM case_source WHERE case_no = $" },
    Damage { table: "case_head", sql: "DELETE FROM case_head WHERE case_no = $" },
    Damage { table: "case_head", sql: "UPDATE case_head SET state = 99 WHERE case_no = $" },
];

/// A server with four cases, the database beside it, and what the damaged table
/// held.
struct World {
    server: TestServer,
    database: Connection,
}

impl World {
    async fn new() -> World {
        let server = TestServer::start().await;
        let always = proto::contact_policy::Policy::Always(proto::AlwaysPolicy {});
        let contact_policy = Some(proto::ContactPolicy { policy: Some(always) });
        server.create(proto::Portfolio { contact_policy, ..portfolio("cards") }).await;
        let cases = [HURT].iter().chain(&WHOLE).map(|case_id| document(case_id));
        server.push("cards", cases.collect()).await;
        let work_list = proto::WorkList { work_list_id: "all".to_owned(), ..Default::default() };
        let request = proto::CreateWorkListRequest { work_list: Some(work_list) };
        server.work_lists().create_work_list(request).await.unwrap();
        let database = server.database().file();
        World { server, database }
    }

    fn damage(&self, damage: Damage) {
        let Damage { table, sql } = damage;
        let save = format!("CREATE TEMP TABLE saved AS SELECT * FROM main.{table}");
        self.database.execute(&save, []).unwrap();
        assert_eq!(self.database.execute(&sql.replace('$', NO), []).unwrap(), 1);
    }

    /// Puts back what was damaged; other rows stay as they have become.
    fn mend(&self, damage: Damage) {
        let Damage { table, .. } = damage;
        let whose = match table {
            "debtor" => "debtor_id = 'debtor-of-c1'".to_owned(),
            _ => format!("case_no = {NO}"),
        };
        let mend =
            format!("INSERT OR REPLACE INTO main.{table} SELECT * FROM temp.saved WHERE {whose}");
        assert_eq!(self.database.execute(&mend, []).unwrap(), 1);
    }

    fn count(&self, sql: &str) -> i64 {
        self.database.query_row(&sql.replace('$', NO), [], |row| row.get(0)).unwrap()
    }

    async fn pull(&self, max_items: i32, wait_seconds: i64) -> Vec<proto::WorkItem> {
        let wait = prost_types::Duration { seconds: wait_seconds, nanos: 0 };
        let request = proto::LeaseWorkRequest {
            work_list_id: "all".to_owned(),
            worker_id: "w1".to_owned(),
            max_items,
            wait: Some(wait),
            ..Default::default()
        };
        self.server.work_lists().lease_work(request).await.unwrap().into_inner().work_items
    }

    /// Pulls until all of these cases were leased; returns all that were.
    async fn leased_until(&self, wanted: &[&str]) -> BTreeSet<String> {
        let mut seen = BTreeSet::new();
        let all = async {
            while !wanted.iter().all(|case_id| seen.contains(*case_id)) {
                seen.extend(self.pull(10, 5).await.iter().map(case_id));
            }
        };
        let all = tokio::time::timeout(Duration::from_secs(60), all).await;
        assert!(all.is_ok(), "only {seen:?} were leased");
        seen
    }

    async fn pay(&self, event_id: &str, case_id: &str) -> proto::EventResult {
        let payment = proto::Payment { amount: euro(10), shares: Vec::new() };
        let event = proto::Event {
            event_id: event_id.to_owned(),
            event_time: instant(NOW),
            case_ids: vec![case_id.to_owned()],
            debtor_id: String::new(),
            kind: Some(proto::event::Kind::Payment(payment)),
        };
        let request =
            proto::RecordEventsRequest { portfolio_id: "cards".to_owned(), events: vec![event] };
        let answer = self.server.cases().record_events(request).await.unwrap().into_inner();
        answer.results.into_iter().next().unwrap()
    }

    async fn explain(&self, case_id: &str) -> Result<Response<proto::ExplainCaseResponse>, Status> {
        let request = proto::ExplainCaseRequest {
            portfolio_id: "cards".to_owned(),
            case_id: case_id.to_owned(),
            ..Default::default()
        };
        self.server.cases().explain_case(request).await
    }

    async fn list(&self, page_size: i32, page_token: &str) -> proto::ListCasesResponse {
        let request = proto::ListCasesRequest {
            portfolio_id: "cards".to_owned(),
            page_size,
            page_token: page_token.to_owned(),
            view: proto::View::Full.into(),
            ..Default::default()
        };
        self.server.cases().list_cases(request).await.unwrap().into_inner()
    }
}

fn case_id(item: &proto::WorkItem) -> String {
    item.lead_case.as_ref().unwrap().case_id.clone()
}

fn names(error: Option<proto::ItemError>, damage: Damage) {
    let error = error.unwrap();
    assert_eq!(error.reason, "STORE_CORRUPT", "{damage:?}");
    assert_eq!(error.metadata["table"], damage.table, "{damage:?}");
    assert!(error.metadata["key"].starts_with('('), "{error:?}");
}

fn changed(case_id: &str, units: i64) -> proto::CaseDocument {
    proto::CaseDocument {
        overdue_amount: euro(units),
        as_of_time: instant(NOW.plus(Micros::SECOND)),
        ..document(case_id)
    }
}

#[tokio::test]
async fn a_push_rejects_the_damaged_case_and_takes_its_neighbours() {
    if !only_on_sqlite("rows damaged in the file") {
        return;
    }
    for damage in DAMAGES {
        let world = World::new().await;
        world.damage(damage);
        world.server.clock.advance(Micros::MINUTE);
        let pushed = vec![changed(HURT, 900), changed("c2", 900), document("c5")];
        let mut results = world.server.push("cards", pushed).await;
        use proto::PushDisposition::{Created, Rejected, Updated};
        let became: Vec<_> = results.iter().map(proto::PushResult::disposition).collect();
        assert_eq!(became, [Rejected, Updated, Created], "{damage:?}");
        names(results.remove(0).error, damage);

        let events = "SELECT COUNT(*) FROM case_event WHERE case_no = $";
        assert_eq!(world.count(events), 1, "{damage:?}");
        world.mend(damage);
        let results = world.server.push("cards", vec![changed(HURT, 900)]).await;
        assert_eq!(results[0].disposition(), Updated, "{damage:?} mended: {results:?}");
    }
}

#[tokio::test]
async fn an_event_of_a_damaged_case_is_rejected_and_can_be_sent_again() {
    if !only_on_sqlite("rows damaged in the file") {
        return;
    }
    for damage in DAMAGES {
        let world = World::new().await;
        world.damage(damage);
        let rejected = world.pay("e1", HURT).await;
        names(rejected.error, damage);
        let taken = world.pay("e2", "c2").await;
        assert_eq!(taken.disposition(), proto::EventDisposition::Recorded, "{damage:?}");
        assert_eq!(world.count("SELECT COUNT(*) FROM event_key WHERE event_id = 'e1'"), 0);

        world.mend(damage);
        let taken = world.pay("e1", HURT).await;
        assert_eq!(taken.disposition(), proto::EventDisposition::Recorded, "{damage:?} mended");
        assert_eq!(world.count("SELECT COUNT(*) FROM case_event WHERE case_no = $"), 2);
    }
}

#[tokio::test]
async fn a_damaged_case_at_the_head_of_the_queue_keeps_nobody_from_work() {
    if !only_on_sqlite("rows damaged in the file") {
        return;
    }
    for damage in DAMAGES {
        let world = World::new().await;
        world.damage(damage);
        let leased: Vec<String> = world.pull(10, 0).await.iter().map(case_id).collect();
        assert_eq!(leased, WHOLE, "{damage:?}");
        // It is out of the way: the next pull does not meet it.
        let ready = "SELECT COUNT(*) FROM case_q WHERE case_no = $ AND state = 1";
        assert_eq!(world.count(ready), 0, "{damage:?}");
        assert!(world.pull(10, 0).await.is_empty(), "{damage:?}");
        let gate = world.count("SELECT withheld_by FROM case_q WHERE case_no = $");
        assert_eq!(gate, i64::from(proto::Gate::Unreadable as i32), "{damage:?}");

        world.mend(damage);
        world.server.clock.advance(Micros::HOUR + Micros::SECOND);
        let leased = world.leased_until(&[HURT]).await;
        assert!(leased.contains(HURT), "{damage:?} mended");
    }
}

#[tokio::test]
async fn a_damaged_sibling_withholds_its_debtor_before_anything_is_leased() {
    if !only_on_sqlite("rows damaged in the file") {
        return;
    }
    let world = World::new().await;
    let sibling = proto::CaseDocument {
        debtor_id: "debtor-of-c2".to_owned(),
        overdue_amount: euro(1),
        ..document("c5")
    };
    world.server.push("cards", vec![sibling]).await;
    let spoil = "UPDATE loan_case SET history = x'FF' WHERE case_id = 'c5'";
    assert_eq!(world.database.execute(spoil, []).unwrap(), 1);
    let leased: Vec<String> = world.pull(2, 0).await.iter().map(case_id).collect();
    assert_eq!(leased, ["c1", "c3"]);
    assert_eq!(world.count("SELECT COUNT(*) FROM lease"), 2);
}

#[tokio::test]
async fn a_report_on_a_damaged_case_is_rejected_and_its_neighbours_count() {
    if !only_on_sqlite("rows damaged in the file") {
        return;
    }
    for damage in DAMAGES {
        let world = World::new().await;
        let items = world.pull(10, 0).await;
        world.damage(damage);
        let outcome = |item: &proto::WorkItem| proto::Outcome {
            lease_token: item.lease_token.clone(),
            outcome_code: "no_answer".to_owned(),
            ..Default::default()
        };
        let request =
            proto::ReportOutcomesRequest { outcomes: items.iter().map(outcome).collect() };
        let answer = world.server.work_lists().report_outcomes(request).await.unwrap();
        let mut results = answer.into_inner().results;
        use proto::OutcomeDisposition::{Accepted, Rejected};
        let became: Vec<_> = results.iter().map(proto::OutcomeResult::disposition).collect();
        assert_eq!(became, [Rejected, Accepted, Accepted, Accepted], "{damage:?}");
        names(results.remove(0).error, damage);
    }
}

#[tokio::test]
async fn a_sweep_ends_the_leases_beside_a_damaged_one() {
    if !only_on_sqlite("rows damaged in the file") {
        return;
    }
    for damage in DAMAGES {
        let world = World::new().await;
        assert_eq!(world.pull(10, 0).await.len(), 4);
        world.damage(damage);
        // The leases end, and so does the rest after them.
        world.server.clock.advance(35 * Micros::MINUTE + Micros::SECOND);
        let leased = world.leased_until(&WHOLE).await;
        assert_eq!(leased, WHOLE.map(str::to_owned).into(), "{damage:?}");
    }
}

#[tokio::test]
async fn the_roll_over_ranks_the_cases_beside_a_damaged_one() {
    if !only_on_sqlite("rows damaged in the file") {
        return;
    }
    for damage in DAMAGES {
        let world = World::new().await;
        world.damage(damage);
        // Long enough for the rank of every case to change.
        world.server.clock.advance(60 * Micros::DAY);
        let today = |case: proto::Case| case.rank.unwrap().rank_date.unwrap().month == 5;
        let ranked = async {
            for case_id in WHOLE {
                while !today(world.server.get("cards", case_id).await) {
                    tokio::task::yield_now().await;
                }
            }
            let now = NOW.plus(60 * Micros::DAY).0;
            let due = format!("SELECT COUNT(*) FROM case_head WHERE review_at <= {now}");
            while world.count(&due) > 0 {
                tokio::task::yield_now().await;
            }
        };
        let ranked = tokio::time::timeout(Duration::from_secs(60), ranked).await;
        assert!(ranked.is_ok(), "{damage:?}");
    }
}

#[tokio::test]
async fn reading_a_damaged_case_names_the_row() {
    if !only_on_sqlite("rows damaged in the file") {
        return;
    }
    for damage in DAMAGES {
        let world = World::new().await;
        world.damage(damage);
        let request =
            proto::GetCaseRequest { portfolio_id: "cards".to_owned(), case_id: HURT.to_owned() };
        let got = refusal(world.server.cases().get_case(request).await);
        for refused in [got, refusal(world.explain(HURT).await)] {
            assert_eq!((refused.code, &*refused.reason), (Code::Internal, "STORE_CORRUPT"));
            assert_eq!(refused.value("table"), damage.table, "{damage:?}");
        }
        assert!(world.explain("c2").await.is_ok());
    }
}

#[tokio::test]
async fn a_listing_goes_on_beside_a_damaged_case_and_says_so() {
    if !only_on_sqlite("rows damaged in the file") {
        return;
    }
    for damage in DAMAGES {
        let world = World::new().await;
        world.damage(damage);
        let mut seen = Vec::new();
        let mut unreadable = Vec::new();
        let mut page_token = String::new();
        loop {
            let page = world.list(2, &page_token).await;
            assert!(page.cases.len() + page.unreadable_cases.len() <= 2, "{damage:?}");
            seen.extend(page.cases.into_iter().map(|case| case.case_id));
            unreadable.extend(page.unreadable_cases);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        assert_eq!(seen, WHOLE, "{damage:?}");
        assert_eq!(unreadable.len(), 1, "{damage:?}");
        let hurt = unreadable.remove(0);
        assert_eq!(hurt.case_id, HURT);
        names(hurt.error, damage);
    }
}
