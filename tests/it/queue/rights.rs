//! Who uses a right is not ranked by it: the same life with and without a complaint
//! ends at the same score, group and priority.

use arrears::engine::read::get_case;
use arrears::model::{Rank, RecoveryGroup};
use proptest::prelude::*;
use proptest::test_runner::{Config, FileFailurePersistence};

use super::*;

/// Outcomes that are no right, of every effect but those that need a promise.
const OTHERS: [&str; 9] = [
    "no_answer",
    "busy",
    "voicemail",
    "wrong_number",
    "number_dead",
    "contacted",
    "callback",
    "refusal",
    "claims_paid",
];

/// Outcomes by which a right is used or the debtor must not be worked.
const RIGHTS: [&str; 13] = [
    "dispute",
    "fraud_claim",
    "hardship",
    "complaint",
    "do_not_call",
    "cease",
    "represented",
    "breathing_space",
    "bankrupt",
    "capacity",
    "bereavement",
    "minor",
    "deceased",
];

/// Longer than any cooling of the shipped table.
const REST: i64 = 8 * DAY;

impl Desk {
    async fn rank(&self, case_id: &str) -> (RecoveryGroup, i32, i32) {
        let view = get_case(&self.engine, &self.caller, portfolio("p"), case(case_id)).await;
        let rank: Rank = view.expect("the case is stored").rank.expect("an open case is ranked");
        (rank.group, rank.score, rank.priority)
    }

    /// Leases both cases and reports on each; nothing is told of one not dialled.
    async fn both(&self, on: [Option<&str>; 2]) {
        self.clock.advance(REST);
        self.engine.sweep().await.expect("a sweep runs");
        self.engine.review().await.expect("the roll-over runs");
        let items = self.lease(pull(2)).await.items;
        assert_eq!(items.len(), 2);
        for item in items {
            let first = item.lead_case.case_id.as_str() == "with";
            match on[usize::from(!first)] {
                Some(code) => {
                    self.report(item.token, code).await.expect("the lease runs");
                }
                None => self.release(item.token, true).await.expect("the lease runs"),
            }
        }
    }

    async fn lift_all(&mut self) {
        let view = get_case(&self.engine, &self.caller, portfolio("p"), case("with")).await;
        let view = view.expect("the case is stored");
        for hold in view.case_holds.into_iter().chain(view.debtor_holds) {
            let hold_event_id = id(EventId::new(hold.event_id));
            self.record(EventKind::Lift { hold_event_id, target: None }).await;
        }
    }

    async fn alike(&self, when: &str) {
        assert_eq!(self.rank("with").await, self.rank("without").await, "{when}");
    }
}

async fn live(before: &[&str], right: &str, after: &[&str]) {
    let mut desk = Desk::with_policy(ContactPolicy::Always).await;
    desk.push("with", "d1", 50_000).await;
    desk.push("without", "d2", 50_000).await;
    for code in before {
        desk.both([Some(code), Some(code)]).await;
    }
    desk.both([Some(right), None]).await;
    desk.alike(right).await;
    let gates = desk.gates("with").await;
    assert!(gates.contains(&Gate::Held), "{right}: {gates:?}");
    desk.lift_all().await;
    desk.alike("once lifted").await;
    for code in after {
        desk.both([Some(code), Some(code)]).await;
        desk.alike(code).await;
    }
}

fn others(most: usize) -> impl Strategy<Value = Vec<&'static str>> {
    proptest::collection::vec(proptest::sample::select(&OTHERS[..]), 0..=most)
}

proptest! {
    #![proptest_config(Config {
        cases: 24,
        failure_persistence: Some(Box::new(FileFailurePersistence::Off)),
        ..Config::default()
    })]

    #[test]
    fn a_right_used_moves_no_rank_whatever_came_before_and_after(
        before in others(4),
        right in proptest::sample::select(&RIGHTS[..]),
        after in others(2),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime starts").block_on(live(&before, right, &after));
    }
}

/// Each right once, after attempts that reached nobody: the ones that a contact would
/// make look easier, and a further fruitless one harder.
#[tokio::test]
async fn no_right_of_the_shipped_table_moves_a_rank() {
    let table = arrears::policy::OutcomeTable::shipped();
    let holds = table.rows().iter().filter(|row| row.effect.name() == "HOLD");
    let codes: Vec<_> = holds.map(|row| row.code.as_str()).collect();
    assert_eq!(codes, RIGHTS);
    for right in RIGHTS {
        live(&["no_answer", "no_answer", "no_answer"], right, &[]).await;
    }
}
