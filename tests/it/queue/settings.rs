//! Places after settings have changed, where the service stops in the middle.

use arrears::engine::portfolio::{UpdateCommand, get_portfolio, update_portfolio};

use super::*;

const HOUR: i64 = 60 * MINUTE;
/// More than one slice of cases.
const CASES: usize = 450;

impl Desk {
    async fn change(&self, settings: PortfolioSettings) {
        let stored = get_portfolio(&self.engine, &self.caller, portfolio("p")).await;
        let etag = stored.expect("the portfolio is stored").settings_version.to_string();
        let command = UpdateCommand::new(portfolio("p"), settings, &etag);
        update_portfolio(&self.engine, &self.caller, command)
            .await
            .expect("only gates read what changes");
    }

    fn count(&self, sql: &str) -> i64 {
        self.database.count(sql)
    }

    /// Stops the service wherever it stands, and starts another.
    async fn restart(self) -> Desk {
        let Desk { engine, clock, caller, stamp, events, database } = self;
        drop(engine);
        let engine =
            Engine::open(database.location(), clock.clone()).await.expect("it opens again");
        Desk { engine, clock, caller, stamp, events, database }
    }
}

#[tokio::test]
async fn placing_anew_goes_on_behind_a_restart() {
    let mut desk = Desk::open().await;
    let strict = PortfolioSettings { max_ledger_age_hours: 1, ..settings(around_the_clock()) };
    desk.change(strict).await;
    desk.push_many(CASES).await;
    desk.advance(3 * HOUR).await;
    assert!(desk.lease(pull(500)).await.items.is_empty());
    let old = "SELECT COUNT(*) FROM case_q WHERE withheld_by = 9";
    assert_eq!(desk.count(old), CASES as i64);

    desk.change(settings(around_the_clock())).await;
    // Nothing has been placed yet; the service that starts next knows what is left.
    assert_eq!(desk.count(old), CASES as i64);
    let desk = desk.restart().await;
    let done = desk.engine.place_anew().await.expect("cases can be placed");
    assert_eq!((done, desk.count(old)), (CASES, 0));
    assert_eq!(desk.count("SELECT COUNT(*) FROM portfolio_placing WHERE after_case_no >= 0"), 0);
    assert_eq!(desk.engine.place_anew().await.expect("nothing is left"), 0);
    assert_eq!(desk.lease(pull(500)).await.items.len(), CASES);
}

#[tokio::test]
async fn settings_that_change_again_begin_anew() {
    let mut desk = Desk::open().await;
    desk.push_many(CASES).await;
    desk.advance(3 * HOUR).await;
    desk.change(PortfolioSettings { max_ledger_age_hours: 1, ..settings(around_the_clock()) })
        .await;
    // As if the first half had been placed by the settings before.
    let half =
        "UPDATE portfolio_placing SET after_case_no = (SELECT MAX(case_no) / 2 FROM case_head)";
    assert_eq!(desk.database.execute(half), 1);
    desk.change(PortfolioSettings { max_ledger_age_hours: 2, ..settings(around_the_clock()) })
        .await;
    let done = desk.engine.place_anew().await.expect("cases can be placed");
    assert_eq!(done, CASES);
    assert_eq!(desk.count("SELECT COUNT(*) FROM case_q WHERE withheld_by = 9"), CASES as i64);
}
