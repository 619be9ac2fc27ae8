//! Routes in the queue: lists select by them, and a case goes from one to another without
//! losing its place among those that wait.

use arrears::engine::portfolio::{UpdateCommand, get_portfolio, update_portfolio};
use arrears::model::{Condition, Route, RoutingRule};

use super::*;

fn route(word: &str) -> Route {
    Route::named(word).expect("a route of a test")
}

/// A rule by days past due.
fn older(label: &str, from: i32) -> RoutingRule {
    let when = Condition {
        feature: "days_past_due".to_owned(),
        from: Some(from.to_string()),
        ..Condition::default()
    };
    RoutingRule { route: route(label), when: vec![when] }
}

impl Desk {
    /// A desk whose cases of 60 days and more are `late`, and a list for each route.
    async fn of_routes() -> Desk {
        let desk = Desk::open().await;
        desk.route_by(vec![older("late", 60)]).await;
        for (name, word) in [("late", "late"), ("plain", "-")] {
            let settings = WorkListSettings { routes: vec![route(word)], ..everything() };
            create_work_list(&desk.engine, &desk.caller, list(name), settings)
                .await
                .expect("the list is new");
        }
        desk
    }

    async fn route_by(&self, rules: Vec<RoutingRule>) {
        let stored = get_portfolio(&self.engine, &self.caller, portfolio("p")).await;
        let stored = stored.expect("the portfolio is stored");
        let (mut settings, etag) = (stored.settings, stored.settings_version.to_string());
        settings.ranking.routing_rules = rules;
        let command = UpdateCommand {
            activation_reason: "a test".to_owned(),
            ..UpdateCommand::new(portfolio("p"), settings, &etag)
        };
        update_portfolio(&self.engine, &self.caller, command).await.expect("the rules are sound");
    }

    /// How many cases stand in lanes of a route.
    fn in_lanes(&self, label: &str) -> i64 {
        self.database.count(&format!(
            "SELECT COUNT(*) FROM case_q q JOIN lane l ON l.part = q.part \
             AND l.lane_id = q.lane_id WHERE l.route = '{label}'"
        ))
    }

    async fn from(&self, name: &str) -> Vec<String> {
        let command = LeaseCommand { work_list_id: list(name), ..pull(10) };
        let work = self.lease(command).await;
        let leased = ids(&work).into_iter().map(str::to_owned).collect();
        for item in work.items {
            self.release(item.token, true).await.expect("the lease runs");
        }
        leased
    }
}

/// The stage is M2 from 31 to 60 days, so on the 60th day nothing but the route changes.
#[tokio::test]
async fn the_roll_over_moves_a_case_whose_route_alone_has_changed() {
    let mut desk = Desk::of_routes().await;
    desk.push("c", "d", 50_000).await;
    let since = "SELECT ready_since FROM case_q";
    let ready_since = desk.database.count(since);
    assert_eq!((desk.in_lanes(""), desk.in_lanes("late")), (1, 0));
    desk.advance(19 * DAY).await;
    assert_eq!((desk.in_lanes(""), desk.in_lanes("late")), (1, 0), "59 days");
    desk.advance(DAY).await;
    assert_eq!((desk.in_lanes(""), desk.in_lanes("late")), (0, 1), "60 days");
    assert_eq!(desk.database.count(since), ready_since, "it has waited as long as before");
    assert_eq!(desk.from("late").await, ["c"]);
    assert_eq!(desk.from("plain").await, [""; 0]);
}

/// The roll-over may not have come to it yet: the claim ranks what it hands out.
#[tokio::test]
async fn a_case_that_left_its_route_overnight_is_not_served_from_the_old_one() {
    let mut desk = Desk::of_routes().await;
    desk.push("c", "d", 50_000).await;
    desk.clock.advance(20 * DAY);
    assert_eq!(desk.in_lanes("late"), 0, "nobody has looked");
    assert_eq!(desk.from("plain").await, [""; 0]);
    assert_eq!(desk.from("late").await, ["c"]);
}

#[tokio::test]
async fn other_rules_move_cases_and_no_rule_brings_them_back() {
    let mut desk = Desk::of_routes().await;
    desk.push("c", "d", 50_000).await;
    let since = "SELECT ready_since FROM case_q";
    let ready_since = desk.database.count(since);
    for (rules, late) in [(vec![older("late", 40)], 1), (Vec::new(), 0)] {
        desk.advance(MINUTE).await;
        desk.route_by(rules).await;
        desk.engine.place_anew().await.expect("cases can be placed");
        assert_eq!((desk.in_lanes(""), desk.in_lanes("late")), (1 - late, late));
        assert_eq!(desk.database.count(since), ready_since);
    }
}

/// A list of a route that no rule gives has nothing, and one of all routes everything.
#[tokio::test]
async fn counts_of_lists_go_by_their_routes() {
    let mut desk = Desk::of_routes().await;
    desk.route_by(vec![older("late", 100)]).await;
    desk.push_many(30).await;
    let cases = async |desk: &Desk, name: &str| {
        let described = describe_work_list(&desk.engine, &desk.caller, list(name), None).await;
        let described = described.expect("the list is stored");
        let at_gates: i64 = described.gate_counts.iter().map(|(_, count)| count).sum();
        assert_eq!(at_gates, described.case_count, "{name}");
        described.case_count
    };
    assert_eq!((cases(&desk, "late").await, cases(&desk, "plain").await), (0, 30));
    desk.route_by(vec![older("late", 11)]).await;
    desk.engine.place_anew().await.expect("cases can be placed");
    desk.advance(MINUTE).await;
    assert_eq!((cases(&desk, "late").await, cases(&desk, "plain").await), (20, 10));
    assert_eq!(cases(&desk, "l").await, 30);
}
