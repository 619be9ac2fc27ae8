//! Settings that change under stored cases: what they withheld is freed, and what they
//! no longer allow is withheld, without any document or attempt.

use std::time::Duration;

use arrears::model::Micros;
use arrears::proto;

use crate::support::{NOW, TestServer, document, only_on_sqlite, portfolio};

/// A server with a portfolio of one case, and a list of everything.
struct World {
    server: TestServer,
    portfolio: proto::Portfolio,
}

fn always() -> Option<proto::ContactPolicy> {
    let policy = Some(proto::contact_policy::Policy::Always(proto::AlwaysPolicy {}));
    Some(proto::ContactPolicy { policy })
}

/// Contact from one hour to another, Berlin time, on every day.
fn hours(from: i32, to: i32, attempts: i32) -> Option<proto::ContactPolicy> {
    let day = |weekday| proto::DayHours { weekday, start_minute: 60 * from, end_minute: 60 * to };
    let policy = Some(proto::contact_policy::Policy::Plain(proto::PlainPolicy {
        hours: (1..=7).map(day).collect(),
        attempts_per_day: Some(attempts),
        attempts_per_week: Some(attempts),
    }));
    Some(proto::ContactPolicy { policy })
}

fn ledger(hours: i32, rule: proto::OldLedgerRule) -> Option<proto::LedgerSettings> {
    Some(proto::LedgerSettings { max_ledger_age_hours: Some(hours), old_ledger_rule: rule.into() })
}

impl World {
    async fn new(
        contact_policy: Option<proto::ContactPolicy>,
        ledger: Option<proto::LedgerSettings>,
    ) -> World {
        let server = TestServer::start().await;
        let new = proto::Portfolio { contact_policy, ledger, ..portfolio("cards") };
        let portfolio = server.create(new).await;
        server.push("cards", vec![document("c1")]).await;
        let work_list = proto::WorkList { work_list_id: "all".to_owned(), ..Default::default() };
        let request = proto::CreateWorkListRequest { work_list: Some(work_list) };
        server.work_lists().create_work_list(request).await.unwrap();
        World { server, portfolio }
    }

    /// Changes the settings.
    async fn update(&mut self, change: impl FnOnce(&mut proto::Portfolio)) {
        change(&mut self.portfolio);
        let request = proto::UpdatePortfolioRequest {
            portfolio: Some(self.portfolio.clone()),
            ..Default::default()
        };
        let answer = self.server.portfolios().update_portfolio(request).await.unwrap();
        self.portfolio = answer.into_inner().portfolio.unwrap();
    }

    async fn pull(&self, wait_seconds: i64) -> Option<proto::WorkItem> {
        let request = proto::LeaseWorkRequest {
            work_list_id: "all".to_owned(),
            worker_id: "w1".to_owned(),
            max_items: 1,
            wait: Some(prost_types::Duration { seconds: wait_seconds, nanos: 0 }),
            ..Default::default()
        };
        let answer = self.server.work_lists().lease_work(request).await.unwrap();
        answer.into_inner().work_items.pop()
    }

    /// The gate that withholds the case, as stored; `Ready` if none.
    fn gate(&self) -> proto::Gate {
        let sql = "SELECT COALESCE(withheld_by, 15) FROM case_q";
        let gate = self.server.database().count(sql);
        proto::Gate::try_from(i32::try_from(gate).unwrap()).unwrap()
    }

    /// Waits until the case stands at a gate, with nobody pulling.
    async fn stands_at(&self, gate: proto::Gate) {
        let stands = async {
            while self.gate() != gate {
                tokio::task::yield_now().await;
            }
        };
        let stands = tokio::time::timeout(Duration::from_secs(30), stands).await;
        assert!(stands.is_ok(), "it stands at {:?}", self.gate());
    }
}

#[tokio::test]
async fn a_longer_age_of_the_ledger_frees_what_was_too_old() {
    use proto::OldLedgerRule::{Deny, ServeWithoutAmounts};
    for (hours, rule) in [(100, Deny), (0, Deny), (1, ServeWithoutAmounts)] {
        let mut world = World::new(always(), ledger(1, Deny)).await;
        world.server.clock.advance(3 * Micros::HOUR);
        assert!(world.pull(0).await.is_none());
        assert_eq!(world.gate(), proto::Gate::LedgerOld);
        world.update(|portfolio| portfolio.ledger = ledger(hours, rule)).await;
        assert!(world.pull(20).await.is_some(), "{hours} hours, {rule:?}");
    }
}

#[tokio::test]
async fn higher_caps_free_who_had_reached_them() {
    for raised in [hours(8, 20, 2), always()] {
        let mut world = World::new(hours(8, 20, 1), None).await;
        let item = world.pull(0).await.unwrap();
        let release = proto::LeaseRelease { lease_token: item.lease_token, not_dialled: false };
        let request = proto::ReleaseLeasesRequest { releases: vec![release] };
        world.server.work_lists().release_leases(request).await.unwrap();
        // The debtor is no longer left alone; the cap of the day stands.
        world.server.clock.advance(31 * Micros::MINUTE);
        world.stands_at(proto::Gate::Limit).await;
        assert!(world.pull(0).await.is_none());
        world.update(|portfolio| portfolio.contact_policy = raised).await;
        assert!(world.pull(20).await.is_some());
    }
}

#[tokio::test]
async fn tighter_settings_withhold_what_was_ready() {
    let mut world = World::new(always(), ledger(0, proto::OldLedgerRule::Deny)).await;
    world.server.clock.advance(3 * Micros::HOUR);
    assert_eq!(world.gate(), proto::Gate::Ready);
    world.update(|portfolio| portfolio.ledger = ledger(1, proto::OldLedgerRule::Deny)).await;
    world.stands_at(proto::Gate::LedgerOld).await;

    let mut world = World::new(hours(8, 20, 2), None).await;
    let item = world.pull(0).await.unwrap();
    let release = proto::LeaseRelease { lease_token: item.lease_token, not_dialled: false };
    let request = proto::ReleaseLeasesRequest { releases: vec![release] };
    world.server.work_lists().release_leases(request).await.unwrap();
    world.server.clock.advance(31 * Micros::MINUTE);
    world.stands_at(proto::Gate::Ready).await;
    world.update(|portfolio| portfolio.contact_policy = hours(8, 20, 1)).await;
    world.stands_at(proto::Gate::Limit).await;
}

#[tokio::test]
async fn other_hours_of_contact_take_effect_at_once() {
    // It is 11:00 in Berlin.
    assert_eq!(NOW.0 / Micros::HOUR % 24, 10);
    let mut world = World::new(hours(12, 13, 3), None).await;
    assert!(world.pull(0).await.is_none());
    world.update(|portfolio| portfolio.contact_policy = hours(8, 20, 3)).await;
    assert!(world.pull(20).await.is_some());
}

#[tokio::test]
async fn a_new_name_places_nothing_anew() {
    if !only_on_sqlite("a trigger of SQLite") {
        return;
    }
    let mut world = World::new(always(), None).await;
    let placing = |world: &World| -> i64 {
        let sql = "SELECT COUNT(*) FROM portfolio_placing";
        world.server.database().count(sql)
    };
    // Whatever is placed anew shows here until the trigger is gone.
    let trigger = "CREATE TABLE begun (n INTEGER); \
        CREATE TRIGGER watch AFTER INSERT ON portfolio_placing BEGIN INSERT INTO begun VALUES (1); END";
    world.server.database().file().execute_batch(trigger).unwrap();
    let begun = |world: &World| -> i64 {
        let sql = "SELECT COUNT(*) FROM begun";
        world.server.database().count(sql)
    };
    world.update(|portfolio| portfolio.display_name = "Cards".to_owned()).await;
    assert_eq!((placing(&world), begun(&world)), (0, 0));
    world.update(|portfolio| portfolio.contact_policy = hours(8, 20, 1)).await;
    assert_eq!(begun(&world), 1);
    let over = async {
        while placing(&world) > 0 {
            tokio::task::yield_now().await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(30), over).await.is_ok());
}
