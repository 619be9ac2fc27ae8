//! A tenant that is spread over parts and one that lies in one are told the same, and say
//! the same: also of cases that go from debtor to debtor, and of work that was served before
//! they did.

use arrears::engine::Error;
use arrears::engine::debtor::get_debtor;
use arrears::engine::lease::{Renewal, Take, renew_leases};

use super::*;

/// What is done to both.
#[derive(Clone, Debug)]
enum Act {
    Step(Step),
    /// Takes a debtor.
    Take(usize, TakeReason),
    /// Reports on work that was taken, so many takes ago.
    Report(usize, Worked),
    /// Asks for more time.
    Renew(usize),
}

fn act() -> impl Strategy<Value = Act> {
    let reason = proptest::sample::select(&TakeReason::ALL[..]);
    prop_oneof![
        2 => prop_oneof![1..30_i64, 24..500_i64].prop_map(|hours| Act::Step(Step::Wait(hours))),
        6 => steps::pushes().prop_map(|pushed| Act::Step(Step::Push(pushed))),
        3 => steps::events().prop_map(|events| Act::Step(Step::Record(events))),
        1 => steps::changed().prop_map(|changed| Act::Step(Step::Activate(changed))),
        4 => (0..3_usize, reason).prop_map(|(debtor, reason)| Act::Take(debtor, reason)),
        4 => (0..4_usize, steps::worked()).prop_map(|(back, worked)| Act::Report(back, worked)),
        1 => (0..4_usize).prop_map(Act::Renew),
    ]
}

impl World {
    /// Does something; tells what the service answered.
    async fn act(&mut self, act: &Act, taken: &mut Vec<WorkItem>) -> String {
        match act {
            Act::Step(Step::Push(pushed)) => format!("{:?}", self.push(pushed).await),
            Act::Step(Step::Record(events)) => format!("{:?}", self.record(events).await),
            Act::Step(step) => {
                self.take(step).await;
                String::new()
            }
            Act::Take(debtor, reason) => self.take_debtor(*debtor, *reason, taken).await,
            Act::Report(back, worked) => self.report(*back, worked, taken).await,
            Act::Renew(back) => self.renew(*back, taken).await,
        }
    }

    async fn take_debtor(
        &mut self,
        debtor: usize,
        reason: TakeReason,
        taken: &mut Vec<WorkItem>,
    ) -> String {
        let command = LeaseCommand {
            work_list_id: work_list_id(),
            worker_id: WorkerId::new("w").unwrap(),
            max_items: 1,
            lease_duration: Micros::HOUR,
            wait: 0,
            request_id: None,
            take: Some(Take { debtor_id: debtor_id(debtor), reason }),
            language: None,
        };
        let leased = match lease_work(&self.engine, &Caller::local(), command).await {
            Ok(leased) => leased,
            Err(Error::NotFound { .. } | Error::Invalid(_)) => return "nothing".to_owned(),
            Err(error) => panic!("{error}"),
        };
        self.proof.serve(&leased.items, None);
        let mut told =
            format!("{:?}", leased.failing_gates.iter().map(|one| one.gate).collect::<Vec<_>>());
        for item in &leased.items {
            let mut siblings: Vec<_> = item.sibling_cases.iter().map(|one| &one.case_id).collect();
            siblings.sort();
            told += &format!("{:?} {siblings:?} {:?}", item.lead_case, item.totals);
        }
        taken.extend(leased.items);
        told
    }

    async fn report(&mut self, back: usize, worked: &Worked, taken: &[WorkItem]) -> String {
        let Some(item) = taken.iter().rev().nth(back) else { return String::new() };
        let mut outcome = self.outcome(item, worked);
        // In one order, whatever numbers the cases have.
        outcome.cases.sort();
        let command = ReportCommand { outcomes: vec![Ok(outcome)] };
        let results = report_outcomes(&self.engine, &Caller::local(), command).await.unwrap();
        format!("{results:?}")
    }

    async fn renew(&mut self, back: usize, taken: &[WorkItem]) -> String {
        let Some(item) = taken.iter().rev().nth(back) else { return String::new() };
        let tokens = vec![Ok(item.token)];
        let renewed: Vec<Renewal> =
            renew_leases(&self.engine, &Caller::local(), tokens, Micros::HOUR).await.unwrap();
        format!("{renewed:?}")
    }

    /// All that is said of cases and debtors.
    async fn said(&self) -> Vec<String> {
        let mut said = Vec::new();
        for (case, _) in self.sent.iter().enumerate().filter(|(_, sent)| sent.is_some()) {
            let replay = self.replay(case).await;
            let found = replay.differences();
            assert!(found.is_empty(), "case {case}:\n{}", found.join("\n"));
            let Replay { mut folded, ranked, kinds, .. } = replay;
            // The ids of holds that reports place are of the numbers of their leases.
            for hold in folded.history.holds.iter_mut() {
                if hold.event_id.starts_with("report-") {
                    hold.event_id.clear();
                }
            }
            folded.history.holds.sort_by_key(|hold| (hold.kind as i32, hold.until));
            said.push(format!("case {case}: {folded:?} {ranked:?} {kinds:?}"));
        }
        for debtor in 0..3 {
            let page = (100, "");
            let read = get_debtor(&self.engine, &Caller::local(), debtor_id(debtor), page).await;
            let Ok((mut view, mut cases, _)) = read else { continue };
            for hold in &mut view.holds {
                hold.event_id.retain(|letter| letter != '-' && !letter.is_ascii_hexdigit());
            }
            cases.sort_by(|a, b| a.case_id.cmp(&b.case_id));
            let cases: Vec<_> = cases
                .into_iter()
                .map(|case| (case.case_id, case.state, case.rank, case.episode, case.provisional))
                .collect();
            said.push(format!("debtor {debtor}: {view:?} {cases:?}"));
        }
        said
    }

    /// Whether two cases of a debtor are as pressing as each other: which leads then is
    /// decided by their numbers.
    async fn is_tied(&self, debtor: usize) -> bool {
        let read = get_debtor(&self.engine, &Caller::local(), debtor_id(debtor), (100, "")).await;
        let Ok((_, cases, _)) = read else { return false };
        let ranks = cases.iter().filter_map(|case| Some((1_000 - case.rank?.priority) / 20));
        let mut ranks: Vec<i32> = ranks.collect();
        let count = ranks.len();
        ranks.sort_unstable();
        ranks.dedup();
        ranks.len() < count
    }
}

async fn live(
    acts: &[Act],
    (zone, numbered, tolerance): (&str, bool, i64),
) -> Result<(), TestCaseError> {
    let mut one = World::new(zone, numbered, tolerance, 1).await;
    let mut spread = World::new(zone, numbered, tolerance, several_parts()).await;
    let (mut taken, mut taken_spread) = (Vec::new(), Vec::new());
    for act in acts {
        if let Act::Take(debtor, _) = act
            && one.is_tied(*debtor).await
        {
            continue;
        }
        let told = one.act(act, &mut taken).await;
        prop_assert_eq!(&spread.act(act, &mut taken_spread).await, &told, "{:?}", act);
        prop_assert_eq!(spread.said().await, one.said().await, "after {:?}", act);
        spread.listen().await;
        one.clock.advance(1);
    }
    spread.proof.check(&spread.engine).await
}

proptest! {
    #![proptest_config(Config {
        cases: 24,
        max_shrink_iters: 100,
        failure_persistence: Some(Box::new(FileFailurePersistence::Off)),
        ..Config::default()
    })]

    #[test]
    fn a_spread_tenant_says_what_one_in_one_part_says(
        acts in vec(act(), 1..30),
        zone in proptest::sample::select(&ZONES[..]),
        numbered in any::<bool>(),
        tolerance in prop_oneof![Just(0_i64), Just(2_000)],
    ) {
        run(live(&acts, (zone, numbered, tolerance)))?;
    }
}

/// Over how many parts a tenant is spread whose debtors all live in others.
pub(super) fn several_parts() -> i64 {
    let apart = |buckets: &i64| {
        let parts = Parts::of_tenant("default", *buckets);
        let lived_in = (0..3).map(|debtor| parts.of_debtor(&debtor_id(debtor)));
        lived_in.collect::<std::collections::HashSet<Part>>().len() == 3
    };
    (3..=BUCKETS_MAX).find(apart).unwrap()
}
