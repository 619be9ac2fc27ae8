//! However it is asked for, a rank is the same: as an answer to a push, stored, listed,
//! explained, of a document that is not stored, in a preview of work, in a simulation of
//! today and of a day ahead, after a whole portfolio was ranked anew, after time alone has
//! moved it, replayed, and by the query that the scorecard is exported as.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrears::engine::explain::{Asked, ExplainCommand, Point, explain_case, score_case};
use arrears::engine::lease::preview_work;
use arrears::engine::portfolio::create_portfolio;
use arrears::engine::push::{Document, PushCommand, push_cases};
use arrears::engine::read::{ListCasesQuery, list_cases};
use arrears::engine::record::{Event, EventKind, RecordCommand, record_events};
use arrears::engine::replay::replay_case;
use arrears::engine::scorecard::simulate::{
    Answer, FirstLeasesCommand, SimulateCommand, Simulation, simulate_revision,
};
use arrears::engine::scorecard::{
    ActivateCommand, Subject, Target, activate_revision, create_revision,
};
use arrears::engine::work_list::create_work_list;
use arrears::engine::{Caller, Engine};
use arrears::model::*;
use arrears::scoring::card::Card;
use arrears::scoring::{BUSINESS_YAML, Explanation, Filter};
use arrears::store::activations::RevisionName;
use proptest::prelude::*;
use proptest::test_runner::{Config, FileFailurePersistence};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::exports::check_query;
use crate::exports::draw::{self, Ranked, Scorecard};
use crate::support::TestDatabase;

/// 2026-03-20 09:00 UTC.
const START: Micros = Micros(20_532 * Micros::DAY + 9 * Micros::HOUR);
const CASES: usize = 40;

/// What is compared of a rank: group, score, priority.
type Rank3 = (RecoveryGroup, i32, i32);

/// Ranks by case.
type Ranks = BTreeMap<String, Rank3>;

fn of(rank: &Rank) -> Rank3 {
    (rank.group, rank.score, rank.priority)
}

struct World {
    _database: TestDatabase,
    clock: Arc<TestClock>,
    engine: Arc<Engine>,
    caller: Caller,
    documents: Vec<Document>,
    /// Cases on which a payment was told.
    paid: Vec<String>,
}

fn portfolio_id() -> PortfolioId {
    PortfolioId::new("p").unwrap()
}

fn work_list_id() -> WorkListId {
    WorkListId::new("l").unwrap()
}

impl World {
    async fn new(dice: &mut StdRng) -> World {
        let database = TestDatabase::new();
        let clock = Arc::new(TestClock::new(START));
        let engine = Engine::open_spreading(database.location(), clock.clone(), 1).await.unwrap();
        let caller = Caller::local();
        let settings = PortfolioSettings {
            display_name: String::new(),
            time_zone: "Etc/UTC".to_owned(),
            base_currency: Currency::from_code("EUR").unwrap(),
            ranking: RankingSettings::default(),
            contact_policy: ContactPolicy::Always,
            max_ledger_age_hours: 0,
            old_ledger_rule: OldLedgerRule::ServeWithoutAmounts,
            activation_approval: ActivationApproval::NotRequired,
        };
        create_portfolio(&engine, &caller, portfolio_id(), settings).await.unwrap();
        let everything = WorkListSettings {
            display_name: String::new(),
            portfolio_ids: Vec::new(),
            groups: Vec::new(),
            stages: Vec::new(),
            languages: Vec::new(),
            routes: Vec::new(),
            reserved_share_permille: 0,
        };
        create_work_list(&engine, &caller, work_list_id(), everything).await.unwrap();
        let today = Day(20_532);
        let document = |number: usize| Document {
            case_id: CaseId::new(format!("c{number:02}")).unwrap(),
            debtor_id: DebtorId::new(format!("d{number:02}")).unwrap(),
            source_sequence: None,
            as_of: START.plus(-Micros::HOUR),
            facts: draw::case(today, dice).0,
        };
        let documents = (0..CASES).map(document).collect();
        World { _database: database, clock, engine, caller, documents, paid: Vec::new() }
    }

    /// Pushes all cases, and tells of a payment on some. What the answers say.
    async fn push(&mut self, dice: &mut StdRng) -> Ranks {
        let command = PushCommand {
            portfolio_id: portfolio_id(),
            documents: self.documents.iter().cloned().map(Ok).collect(),
            atomic: false,
            validate_only: false,
        };
        let pushed = push_cases(&self.engine, &self.caller, command).await.unwrap();
        let mut ranks: Ranks =
            pushed.iter().map(|one| (one.case_id.clone(), of(&one.rank.unwrap()))).collect();
        let mut events = Vec::new();
        for document in &self.documents {
            if dice.random_bool(0.8) {
                continue;
            }
            let days = dice.random_range(0..40);
            events.push(Ok(Event {
                event_id: EventId::new(document.case_id.as_str()).unwrap(),
                event_time: START.plus(-days * Micros::DAY),
                kind: EventKind::Payment { shares: vec![(document.case_id.clone(), 1)] },
            }));
            self.paid.push(document.case_id.to_string());
        }
        let command = RecordCommand { portfolio_id: portfolio_id(), events };
        record_events(&self.engine, &self.caller, command).await.unwrap();
        ranks.retain(|case_id, _| !self.paid.contains(case_id));
        ranks
    }

    async fn explained(&self, case_id: &CaseId, as_of_date: Option<Day>) -> Explanation {
        let command = ExplainCommand {
            portfolio_id: portfolio_id(),
            case_id: case_id.clone(),
            point: Point::Now { as_of_date },
            compare_with: None,
            language: None,
        };
        explain_case(&self.engine, &self.caller, command).await.unwrap().explanation
    }

    /// All cases, explained as of today or of a day ahead.
    async fn explanations(&self, as_of_date: Option<Day>) -> BTreeMap<String, Explanation> {
        let mut found = BTreeMap::new();
        for document in &self.documents {
            let told = self.explained(&document.case_id, as_of_date).await;
            found.insert(document.case_id.to_string(), told);
        }
        found
    }

    /// What is stored of all cases.
    async fn stored(&self) -> Ranks {
        let query = ListCasesQuery {
            portfolio_id: portfolio_id(),
            page_size: 1_000,
            page_token: String::new(),
            states: Vec::new(),
            groups: Vec::new(),
            stages: Vec::new(),
            arms: Vec::new(),
            routes: Vec::new(),
            debtor_id: None,
            full: false,
        };
        let (cases, _) = list_cases(&self.engine, &self.caller, query).await.unwrap();
        let cases = cases.into_iter().map(|case| case.read.unwrap());
        cases.map(|case| (case.case_id.to_string(), of(&case.rank.unwrap()))).collect()
    }

    /// What the documents would be ranked at if they were not stored.
    async fn scored(&self) -> Ranks {
        let mut found = Ranks::new();
        for document in &self.documents {
            if self.paid.contains(&document.case_id.to_string()) {
                continue;
            }
            let (asked, document) = (Asked::default(), document.clone());
            let case_id = document.case_id.to_string();
            let (view, told) =
                score_case(&self.engine, &self.caller, portfolio_id(), document, asked)
                    .await
                    .unwrap();
            assert_eq!(of(&view.rank.unwrap()), of(&told.rank));
            found.insert(case_id, of(&told.rank));
        }
        found
    }

    async fn previewed(&self) -> Ranks {
        let previewed =
            preview_work(&self.engine, &self.caller, work_list_id(), (100, None)).await.unwrap();
        let leads = previewed.items.into_iter().map(|item| item.lead_case);
        leads.map(|case| (case.case_id.to_string(), of(&case.rank))).collect()
    }

    async fn simulated(&self, card: &Card, day: Day) -> Simulation {
        let command = SimulateCommand {
            portfolio_id: portfolio_id(),
            candidate: Subject::Given(Box::new(card.clone())),
            debtor_kind: DebtorKind::Person,
            compared_with: None,
            as_of_date: Some(day),
            filter: Filter::default(),
            slices: Vec::new(),
            movers: 100,
            whole: true,
            first_leases: FirstLeasesCommand { count: 100, work_list_ids: Vec::new() },
        };
        let mut answers = simulate_revision(&self.engine, &self.caller, command).await.unwrap();
        let mut last = None;
        while let Some(answer) = answers.recv().await {
            last = Some(answer.unwrap());
        }
        match last {
            Some(Answer::Told(simulation)) => *simulation,
            other => panic!("{other:?} is no last answer"),
        }
    }

    /// Has a scorecard rank persons, and all cases be ranked by it.
    async fn activate(&self, card: &Card) {
        let made =
            create_revision(&self.engine, &self.caller, None, Some(card.clone()), String::new());
        let head = made.await.unwrap().head;
        let name = RevisionName { scorecard_id: head.scorecard_id, revision_no: head.revision_no };
        let command = ActivateCommand {
            portfolio_id: portfolio_id(),
            target: Target::Revision(name, DebtorKind::Person),
            expected_activation_id: 1,
            reason: "a test".to_owned(),
            validate_only: false,
            start_time: None,
            experiment: None,
        };
        activate_revision(&self.engine, &self.caller, command).await.unwrap();
        self.engine.place_anew().await.unwrap();
    }

    async fn check_replay(&self) -> Result<(), TestCaseError> {
        for document in &self.documents {
            let case_id = document.case_id.clone();
            let replay = replay_case(&self.engine, &self.caller, portfolio_id(), case_id).await;
            let found = replay.unwrap().differences();
            prop_assert!(found.is_empty(), "{}:\n{}", document.case_id, found.join("\n"));
        }
        Ok(())
    }
}

fn ranks(told: &BTreeMap<String, Explanation>) -> Ranks {
    told.iter().map(|(case_id, told)| (case_id.clone(), of(&told.rank))).collect()
}

/// Those of some ranks that others speak of too.
fn only(ranks: &Ranks, others: &Ranks) -> Ranks {
    let both = ranks.iter().filter(|(case_id, _)| others.contains_key(*case_id));
    both.map(|(case_id, rank)| (case_id.clone(), *rank)).collect()
}

/// What a simulation says of single cases.
fn simulated(simulation: &Simulation) -> Ranks {
    let leases = simulation.work_lists[0].leases.iter().map(|lease| {
        let standing = &lease.standing;
        let [score, priority] = [standing.scores[1], standing.priorities[1]].map(i32::from);
        (lease.case_id.clone(), (standing.groups[1], score, priority))
    });
    let movers =
        simulation.movers.iter().map(|(case_id, mover)| (case_id.clone(), of(&mover.ranks[1])));
    leases.chain(movers).collect()
}

/// Every score of a simulation, as often as it is told.
fn histogram<'a>(ranks: impl Iterator<Item = &'a Rank3>) -> Vec<u64> {
    let mut scores = vec![0; 1_001];
    ranks.for_each(|(_, score, _)| scores[usize::try_from(*score).unwrap()] += 1);
    scores
}

/// Queries score persons by the card and businesses by the shipped one.
fn check_queries(database: &TestDatabase, card: &Card, told: &BTreeMap<String, Explanation>) {
    for card in [card, &Card::read(BUSINESS_YAML).unwrap()] {
        let columns = draw::columns(card);
        let ranked = told.values().filter(|told| told.scorecard_id == card.scorecard_id);
        let cases: Vec<Ranked> =
            ranked.map(|told| Ranked::of([told, told], card, &columns)).collect();
        if !cases.is_empty() {
            check_query(database, &Scorecard { card: card.clone(), columns, cases });
        }
    }
}

async fn check(seed: u64, days: i32) -> Result<(), TestCaseError> {
    let mut dice = StdRng::seed_from_u64(seed);
    let mut card = draw::card(seed);
    if dice.random_bool(0.3) {
        draw::put_derived(&mut card, seed);
    }
    if dice.random_bool(0.5) {
        card.knock_outs.extend(draw::rules(seed));
    }
    // Columns of queries are read off lines, which populations have of their own.
    let parted = dice.random_bool(0.3);
    if parted {
        draw::put_populations(&mut card, seed);
    }
    let mut world = World::new(&mut dice).await;
    let pushed = world.push(&mut dice).await;
    prop_assert_eq!(&only(&world.stored().await, &pushed), &pushed);
    let (today, ahead) = (Day(20_532), Day(20_532 + days));
    let now = world.simulated(&card, today).await;
    let then = world.simulated(&card, ahead).await;

    // The whole portfolio is ranked anew.
    world.activate(&card).await;
    let explained = world.explanations(None).await;
    let expected = ranks(&explained);
    prop_assert_eq!(&world.stored().await, &expected);
    prop_assert_eq!(expected.len(), CASES);
    for (found, least) in [
        (world.scored().await, CASES - world.paid.len()),
        (world.previewed().await, CASES / 2),
        (simulated(&now), CASES / 2),
    ] {
        prop_assert_eq!(&found, &only(&expected, &found));
        prop_assert!(found.len() >= least, "{} of {}", found.len(), least);
    }
    prop_assert!(explained.values().all(|told| told.rank.rank_date == today));
    let database = TestDatabase::without_tables();
    if !parted {
        check_queries(&database, &card, &explained);
    }
    world.check_replay().await?;

    // Time alone moves them.
    let foretold = world.explanations(Some(ahead)).await;
    world.clock.advance(i64::from(days) * Micros::DAY);
    world.engine.sweep().await.unwrap();
    world.engine.review().await.unwrap();
    let explained = world.explanations(None).await;
    let expected = ranks(&explained);
    prop_assert_eq!(&ranks(&foretold), &expected);
    prop_assert_eq!(&world.stored().await, &expected);
    let found = simulated(&then);
    prop_assert_eq!(&found, &only(&expected, &found));
    let counted = then.told.total().cases as usize;
    if counted == CASES {
        prop_assert_eq!(&then.told.scores, &histogram(expected.values()));
    }
    if !parted {
        check_queries(&database, &card, &explained);
    }
    world.check_replay().await
}

proptest! {
    #![proptest_config(Config {
        cases: 10,
        max_shrink_iters: 20,
        failure_persistence: Some(Box::new(FileFailurePersistence::Off)),
        ..Config::default()
    })]

    #[test]
    fn a_rank_is_the_same_however_it_is_asked_for(seed in any::<u64>(), days in 1..100_i32) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(check(seed, days))?;
    }
}
