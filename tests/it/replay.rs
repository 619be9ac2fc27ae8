//! Whatever happens to cases, folding their events gives what is stored: facts,
//! history, and by the rule set of the rank the same rank.

use std::future::Future;
use std::sync::Arc;

use arrears::engine::lease::{
    LeaseCommand, Outcome, Promised, ReportCommand, WorkItem, lease_work,
};
use arrears::engine::portfolio::{
    UpdateCommand, create_portfolio, get_portfolio, update_portfolio,
};
use arrears::engine::push::{Disposition, Document, PushCommand, push_cases};
use arrears::engine::record::{Event, EventKind, HoldTarget, RecordCommand, record_events};
use arrears::engine::replay::{Replay, replay_case};
use arrears::engine::report::report_outcomes;
use arrears::engine::scorecard::{
    ActivateCommand, Effect, ExperimentCommand, Target, activate_revision, create_revision,
    get_revision,
};
use arrears::engine::work_list::create_work_list;
use arrears::engine::{Caller, Engine, ItemError};
use arrears::model::*;
use arrears::scoring::Audience;
use arrears::scoring::card::{Card, Condition, Cutoffs, Derived, KnockOut, Population, ReasonText};
use arrears::store::activations::RevisionName;
use arrears::store::revisions::RevisionHead;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, FileFailurePersistence};

use crate::support::{TestDatabase, buckets};

mod alike;
mod facts;
mod proof;
mod steps;

use proof::Proof;
use steps::{Changed, Happened, Pushed, Step, What, Worked, routing_rules, step};

/// 2026-03-10 09:00 UTC.
const START: Micros = Micros(20_522 * Micros::DAY + 9 * Micros::HOUR);
const CASES: usize = 3;
/// Zones at both ends of the day, so that the day of a rank is not that of UTC.
const ZONES: [&str; 3] = ["Pacific/Kiritimati", "Pacific/Honolulu", "Europe/Madrid"];

/// Outcomes of the shipped table: of every effect that concerns a case.
const OUTCOMES: [&str; 8] = [
    "no_answer",
    "contacted",
    "promise",
    "promise",
    "claims_paid",
    "refusal",
    "dispute",
    "not_dialled",
];

struct World {
    _database: TestDatabase,
    clock: Arc<TestClock>,
    engine: Arc<Engine>,
    numbered: bool,
    /// Of each case, the last document sent, if any.
    sent: Vec<Option<Document>>,
    next_sequence: i64,
    next_event: usize,
    /// The activation that is active.
    activations: i64,
    proof: Proof,
}

fn portfolio_id() -> PortfolioId {
    PortfolioId::new("p").unwrap()
}

fn case_id(case: usize) -> CaseId {
    CaseId::new(format!("case{case}")).unwrap()
}

fn work_list_id() -> WorkListId {
    WorkListId::new("l").unwrap()
}

fn debtor_id(debtor: usize) -> DebtorId {
    DebtorId::new(format!("debtor{debtor}")).unwrap()
}

/// The newest revision of the scorecard for a kind of debtor.
fn newest(kind: DebtorKind) -> RevisionName {
    let scorecard_id = match kind {
        DebtorKind::Person => "consumer".to_owned(),
        DebtorKind::Business => "business".to_owned(),
    };
    RevisionName { scorecard_id, revision_no: 0 }
}

fn name_of(head: &RevisionHead) -> RevisionName {
    RevisionName { scorecard_id: head.scorecard_id.clone(), revision_no: head.revision_no }
}

fn event_id(number: usize) -> EventId {
    EventId::new(format!("event{number:05}")).unwrap()
}

impl World {
    async fn new(zone: &str, numbered: bool, tolerance_amount_minor: i64, buckets: i64) -> World {
        let database = TestDatabase::new();
        let clock = Arc::new(TestClock::new(START));
        let engine = Engine::open_spreading(database.location(), clock.clone(), buckets);
        let engine = engine.await.unwrap();
        let settings = PortfolioSettings {
            display_name: String::new(),
            time_zone: zone.to_owned(),
            base_currency: Currency::from_code("EUR").unwrap(),
            ranking: RankingSettings { tolerance_amount_minor, ..RankingSettings::default() },
            contact_policy: ContactPolicy::Always,
            max_ledger_age_hours: 36,
            old_ledger_rule: OldLedgerRule::ServeWithoutAmounts,
            activation_approval: ActivationApproval::default(),
        };
        create_portfolio(&engine, &Caller::local(), portfolio_id(), settings).await.unwrap();
        let everything = WorkListSettings {
            display_name: String::new(),
            portfolio_ids: Vec::new(),
            groups: Vec::new(),
            stages: Vec::new(),
            languages: Vec::new(),
            routes: Vec::new(),
            reserved_share_permille: 100,
        };
        create_work_list(&engine, &Caller::local(), work_list_id(), everything).await.unwrap();
        let sent = vec![None; CASES];
        World {
            _database: database,
            clock,
            engine,
            numbered,
            sent,
            next_sequence: 1,
            next_event: 0,
            activations: 1,
            proof: Proof::default(),
        }
    }

    async fn take(&mut self, step: &Step) {
        match step {
            Step::Wait(hours) => {
                self.clock.advance(*hours * Micros::HOUR);
                self.engine.sweep().await.unwrap();
                self.engine.review().await.unwrap();
                self.engine.place_anew().await.unwrap();
            }
            Step::Activate(change) => self.activate(*change).await,
            Step::Work(worked) => self.work(worked).await,
            Step::Push(pushed) => drop(self.push(pushed).await),
            Step::Record(events) => drop(self.record(events).await),
        }
    }

    async fn push(&mut self, pushed: &[Pushed]) -> Vec<Disposition> {
        let now = self.engine.now();
        let mut documents = Vec::new();
        for one in pushed {
            let before = self.sent[one.case].clone();
            let mut document = match (&one.content, before) {
                (None, Some(before)) => before,
                (None, None) => continue,
                (Some((debtor, facts)), _) => Document {
                    case_id: case_id(one.case),
                    debtor_id: debtor_id(*debtor),
                    source_sequence: None,
                    as_of: now,
                    facts: facts.clone(),
                },
            };
            document.as_of = now.plus(-one.hours_old * Micros::HOUR);
            self.next_sequence += 1;
            document.source_sequence =
                self.numbered.then_some(self.next_sequence - one.numbers_back);
            documents.push((one.case, document));
        }
        let command = PushCommand {
            portfolio_id: portfolio_id(),
            documents: documents.iter().map(|(_, document)| Ok(document.clone())).collect(),
            atomic: false,
            validate_only: false,
        };
        let results = push_cases(&self.engine, &Caller::local(), command).await.unwrap();
        let mut told = Vec::with_capacity(results.len());
        for ((case, document), result) in documents.into_iter().zip(results) {
            let disposition = result.disposition.unwrap();
            told.push(disposition);
            match disposition {
                Disposition::Created | Disposition::Updated | Disposition::Corrected => {
                    self.sent[case] = Some(document);
                }
                Disposition::Unchanged | Disposition::Stale | Disposition::Superseded => {}
            }
        }
        told
    }

    /// Records events; those that name a case or an event that does not exist are
    /// rejected one by one, which is as good.
    async fn record(&mut self, events: &[Happened]) -> Vec<Result<bool, ItemError>> {
        let now = self.engine.now();
        let events: Vec<_> = events
            .iter()
            .map(|one| {
                let other = event_id(self.next_event.saturating_sub(1 + one.back));
                let kind = match &one.what {
                    What::Payment(shares) => EventKind::Payment {
                        shares: shares.iter().map(|(case, sum)| (case_id(*case), *sum)).collect(),
                    },
                    What::Reversal => EventKind::Reversal { reversed_event_id: other },
                    What::CaseHold(case, kind, hours) => EventKind::Hold {
                        target: HoldTarget::Cases(vec![case_id(*case)]),
                        kind: *kind,
                        until: hours.map(|hours| now.plus(hours * Micros::HOUR)),
                        evidence_reference: format!("file {}", self.next_event),
                    },
                    What::DebtorHold(debtor, kind) => EventKind::Hold {
                        target: HoldTarget::Debtor(debtor_id(*debtor)),
                        kind: *kind,
                        until: None,
                        evidence_reference: String::new(),
                    },
                    What::Lift => EventKind::Lift { hold_event_id: other, target: None },
                };
                let event_id = event_id(self.next_event);
                self.next_event += 1;
                let event_time = now.plus(-one.hours_ago * Micros::HOUR);
                Ok(Event { event_id, event_time, kind })
            })
            .collect();
        let command = RecordCommand { portfolio_id: portfolio_id(), events };
        let results = record_events(&self.engine, &Caller::local(), command).await.unwrap();
        results.into_iter().map(|result| result.recorded).collect()
    }

    /// Changes what ranks: another scorecard, other settings, or what there was before.
    async fn activate(&mut self, change: Changed) {
        let (engine, caller) = (&self.engine, &Caller::local());
        let expected_activation_id = self.activations;
        let mut experiment = None;
        let target = match change {
            Changed::Scorecard {
                kind,
                base_points,
                cutoff,
                weight_milli,
                knock_out,
                population,
            } => {
                let mut card = get_revision(engine, caller, newest(kind)).await.unwrap().card;
                card.base_points = base_points;
                card.cutoffs = Cutoffs { a: cutoff + 100, b: cutoff };
                card.characteristics[1].weight_milli = weight_milli;
                card.knock_outs = knock_out.map(long_overdue).into_iter().collect();
                put_population(&mut card, population);
                let made = create_revision(engine, caller, None, Some(card), String::new());
                Target::Revision(name_of(&made.await.unwrap().head), kind)
            }
            Changed::Settings { .. } => return self.change_settings(change).await,
            Changed::Back(back) => Target::Activation((self.activations - back).max(1)),
            Changed::Experiment {
                kind,
                experiment_id,
                challenger_permille,
                control_permille,
                more_points,
            } => {
                let newest = get_revision(engine, caller, newest(kind)).await.unwrap();
                let name = name_of(&newest.head);
                let mut card = newest.card;
                card.base_points += more_points;
                let made = create_revision(engine, caller, None, Some(card), String::new());
                let made = name_of(&made.await.unwrap().head);
                experiment = Some(ExperimentCommand {
                    experiment: Experiment {
                        experiment_id: ExperimentId::new(experiment_id).unwrap(),
                        challenger_permille,
                        control_permille,
                    },
                    challenger: (challenger_permille > 0).then_some(made),
                });
                Target::Revision(name, kind)
            }
        };
        let command = ActivateCommand {
            portfolio_id: portfolio_id(),
            target,
            expected_activation_id,
            reason: "a test".to_owned(),
            validate_only: false,
            start_time: None,
            experiment,
        };
        let done = activate_revision(engine, caller, command).await.unwrap();
        let Effect::Activated(activation) = done.effect else { panic!("{done:?}") };
        self.activations = activation.activation_id;
    }

    /// Changes settings that ranks read, if they are other ones.
    async fn change_settings(&mut self, change: Changed) {
        let Changed::Settings { tolerance, last_days, protected, kind, language, routing } = change
        else {
            return;
        };
        let (engine, caller) = (&self.engine, &Caller::local());
        let read = get_portfolio(engine, caller, portfolio_id()).await.unwrap();
        let mut settings = read.settings.clone();
        settings.ranking.tolerance_amount_minor = tolerance;
        settings.ranking.stage_bounds = StageBounds(last_days);
        let named = INPUTS.iter().filter(|input| protected && input.protected());
        settings.ranking.protected_inputs_on = named.map(|input| input.name().to_owned()).collect();
        settings.ranking.protected_inputs_on.sort();
        settings.ranking.default_debtor_kind = kind;
        settings.ranking.default_language = language.to_owned();
        settings.ranking.routing_rules = routing_rules(routing);
        let changed = settings != read.settings;
        let etag = read.settings_version.to_string();
        let command = UpdateCommand {
            activation_reason: "a test".to_owned(),
            ..UpdateCommand::new(portfolio_id(), settings, &etag)
        };
        update_portfolio(engine, caller, command).await.unwrap();
        self.activations += i64::from(changed);
    }

    /// Leases what there is and reports on it, at once or after the lease is over.
    async fn work(&mut self, worked: &Worked) {
        let command = LeaseCommand {
            work_list_id: work_list_id(),
            worker_id: WorkerId::new("w").unwrap(),
            max_items: 2,
            lease_duration: Micros::HOUR,
            wait: 0,
            request_id: None,
            take: None,
            language: worked.language.map(str::to_owned),
        };
        let leased = lease_work(&self.engine, &Caller::local(), command).await.unwrap();
        self.proof.serve(&leased.items, worked.language);
        if worked.late {
            self.clock.advance(2 * Micros::HOUR);
            self.engine.sweep().await.unwrap();
        }
        let outcomes = leased.items.iter().map(|item| Ok(self.outcome(item, worked))).collect();
        let command = ReportCommand { outcomes };
        let results = report_outcomes(&self.engine, &Caller::local(), command).await.unwrap();
        for result in results {
            result.disposition.unwrap();
        }
    }

    fn outcome(&self, item: &WorkItem, worked: &Worked) -> Outcome {
        let today = (self.engine.now().0 / Micros::DAY) as i32;
        let promised = Promised {
            amount: worked.amount.map(|amount| (item.lead_case.currency, amount)),
            date: Day(today + worked.days),
        };
        let siblings = item.sibling_cases.iter().filter(|_| worked.all_cases);
        let cases = siblings
            .chain([&item.lead_case])
            .map(|case| (case.portfolio_id.clone(), case.case_id.clone()))
            .collect();
        Outcome {
            token: item.token,
            outcome_code: worked.outcome.to_owned(),
            contact_time: None,
            promise: (worked.outcome == "promise").then_some(promised),
            cases,
        }
    }

    /// Hears what is said of the cases there are. What happens next is known later.
    async fn listen(&mut self) {
        for (case, _) in self.sent.iter().enumerate().filter(|(_, sent)| sent.is_some()) {
            self.proof.listen(&self.engine, case).await;
        }
        self.clock.advance(1);
    }

    async fn replay(&self, case: usize) -> Replay {
        replay_case(&self.engine, &Caller::local(), portfolio_id(), case_id(case)).await.unwrap()
    }

    /// Every case there is, computed anew, is what is stored.
    async fn check(&self) -> Result<(), TestCaseError> {
        for (case, _) in self.sent.iter().enumerate().filter(|(_, sent)| sent.is_some()) {
            let replay = self.replay(case).await;
            let found = replay.differences();
            prop_assert!(found.is_empty(), "case {case}:\n{}", found.join("\n"));
            let newest = &self.sent[case].as_ref().unwrap().facts;
            prop_assert_eq!(&replay.folded.facts, newest, "case {}", case);
        }
        Ok(())
    }
}

/// A population that is found by derived features which move with the days.
fn put_population(card: &mut Card, population: Option<(i32, i32)>) {
    let difference = "[{ name: fresh, difference: { of: days_past_due, less: derived.paid } }]";
    let paid = "[{ name: paid, min: [months_since_payment, attempt_count] }]";
    let [paid, fresh]: [Vec<Derived>; 2] =
        [paid, difference].map(|yaml| serde_saphyr::from_str(yaml).unwrap());
    card.derived = paid.into_iter().chain(fresh).collect();
    card.populations = population
        .map(|(base_points, from)| Population {
            name: "stale".to_owned(),
            when: vec![Condition {
                feature: "derived.fresh".to_owned(),
                from: Some(from.to_string()),
                ..Condition::default()
            }],
            base_points,
            // Another order, and fewer.
            characteristics: card.characteristics.iter().rev().take(9).cloned().collect(),
        })
        .into_iter()
        .collect();
}

/// A rule that decides the score of what is long overdue.
fn long_overdue((score, from): (i32, i32)) -> KnockOut {
    let condition = Condition {
        feature: "days_past_due".to_owned(),
        from: Some(from.to_string()),
        ..Condition::default()
    };
    let reason = ReasonText {
        code: "LONG_OVERDUE".to_owned(),
        text: "long overdue".to_owned(),
        audience: Audience::Agent,
        texts: [("es".to_owned(), "vencida hace mucho".to_owned())].into(),
    };
    KnockOut { name: "long_overdue".to_owned(), when: vec![condition], score, reason }
}

fn run<F: Future>(work: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

proptest! {
    #![proptest_config(Config {
        cases: 64,
        max_shrink_iters: 400,
        failure_persistence: Some(Box::new(FileFailurePersistence::Off)),
        ..Config::default()
    })]

    #[test]
    fn the_events_of_a_case_give_what_is_stored(
        steps in vec(step(), 1..30),
        zone in proptest::sample::select(&ZONES[..]),
        numbered in any::<bool>(),
        tolerance in prop_oneof![Just(0_i64), Just(2_000)],
        buckets in prop_oneof![Just(buckets()), Just(alike::several_parts())],
    ) {
        run(async {
            let mut world = World::new(zone, numbered, tolerance, buckets).await;
            for step in &steps {
                world.take(step).await;
                world.check().await?;
                world.listen().await;
            }
            world.proof.check(&world.engine).await?;
            Ok::<(), TestCaseError>(())
        })?;
    }
}

fn document(amount: i64) -> Pushed {
    let facts = Facts {
        overdue_amount_minor: amount,
        oldest_due_date: Day::from_ymd(2026, 2, 1),
        ..Facts::default()
    };
    Pushed { case: 0, content: Some((0, facts)), hours_old: 0, numbers_back: 0 }
}

fn payment(hours_ago: i64) -> Happened {
    Happened { hours_ago, back: 0, what: What::Payment(vec![(0, 100)]) }
}

/// More versions than lie between two whole ones, and more payments than a
/// history keeps.
#[tokio::test]
async fn a_long_history_folds_too() {
    let mut world = World::new(ZONES[2], false, 0, buckets()).await;
    for version in 0..130 {
        world.clock.advance(Micros::MINUTE);
        let amount = if version % 40 == 39 { 0 } else { 50_000 + version };
        world.push(&[document(amount)]).await;
    }
    for hours_ago in 0..70 {
        world.record(&vec![payment(hours_ago); 4]).await;
    }
    world.check().await.unwrap();
    let replay = world.replay(0).await;
    assert_eq!(replay.kinds[..2], [130, 280]);
    assert_eq!(replay.folded.history.earlier_payment_count, 24);
    assert_eq!(replay.folded.history.cured_count, 3);
}

/// An unchanged document moves the ledger's instant without an event. A payment
/// dated before that instant is known to the ledger, and replay must know it too.
#[tokio::test]
async fn a_payment_that_the_ledger_knows_without_an_event_is_not_counted_twice() {
    let mut world = World::new(ZONES[2], false, 0, buckets()).await;
    world.push(&[document(50_000)]).await;
    world.clock.advance(10 * Micros::HOUR);
    let again = Pushed { content: None, ..document(0) };
    world.push(&[again]).await;
    assert_eq!(world.replay(0).await.folded.case_seq, 1);
    world.record(&[payment(5)]).await;
    world.check().await.unwrap();
    let replay = world.replay(0).await;
    assert_eq!(replay.folded.case_seq, 2);
    assert_eq!(replay.ranked.served.overdue_amount_minor, 50_000);
}

/// A numbered document may speak of an earlier instant than the one before; then
/// payments in between are no longer known to the ledger.
#[tokio::test]
async fn a_ledger_that_falls_back_forgets_payments() {
    let mut world = World::new(ZONES[2], true, 0, buckets()).await;
    world.push(&[document(50_000)]).await;
    world.record(&[payment(5)]).await;
    world.push(&[Pushed { content: None, hours_old: 10, ..document(0) }]).await;
    world.check().await.unwrap();
    let replay = world.replay(0).await;
    assert_eq!(replay.kinds[5], 1);
    assert_eq!(replay.ranked.served.overdue_amount_minor, 49_900);
}

/// What closes, cures once; what closes again does not.
#[tokio::test]
async fn a_case_that_closes_and_opens_again_folds() {
    let mut world = World::new(ZONES[0], false, 0, buckets()).await;
    for amount in [50_000, 0, 0, 40_000, 0, 30_000] {
        world.clock.advance(Micros::DAY);
        world.push(&[document(amount)]).await;
        world.check().await.unwrap();
    }
    let replay = world.replay(0).await;
    assert_eq!(replay.folded.history.cured_count, 2);
    assert_eq!(replay.state(), (CaseState::Open, None));
}

/// Attempts and promises fold like the rest: one kept by a payment and open again
/// when that is taken back in the same call, so that it breaks, another broken, one
/// cancelled.
#[tokio::test]
async fn promises_and_attempts_fold() {
    let mut world = World::new(ZONES[2], false, 0, buckets()).await;
    let promise = |amount| Worked {
        outcome: "promise",
        language: None,
        late: false,
        all_cases: false,
        amount: Some(amount),
        days: 5,
    };
    world.push(&[document(50_000)]).await;
    world.work(&promise(100)).await;
    world.check().await.unwrap();
    let reversal = Happened { hours_ago: 0, back: 0, what: What::Reversal };
    world.record(&[payment(0), reversal]).await;
    world.check().await.unwrap();
    let history = world.replay(0).await.folded.history;
    assert_eq!((history.promises_kept_count, history.promises.len()), (0, 1));
    assert_eq!(history.promises[0].state, PromiseState::Open);

    for amount in [200, 300] {
        world.take(&Step::Wait(24 * 8)).await;
        world.work(&promise(amount)).await;
        world.check().await.unwrap();
    }
    world.take(&Step::Wait(24 * 3)).await;
    let mut sold = document(50_000);
    sold.content.as_mut().unwrap().1.close_reason = Some(CloseReason::Sold);
    world.push(&[sold]).await;
    world.check().await.unwrap();
    let replay = world.replay(0).await;
    let states: Vec<_> = replay.folded.history.promises.iter().map(|one| one.state).collect();
    assert_eq!(states, [PromiseState::Broken, PromiseState::Broken, PromiseState::Cancelled]);
    assert_eq!(replay.folded.history.promises_broken_count, 2);
    assert_eq!(replay.kinds[6..], [3, 3]);
}
