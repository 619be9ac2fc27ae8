//! Trying a scorecard on all open cases of a portfolio before anybody is ranked by it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use crate::model::{
    CaseNo, Currency, Day, DebtorKind, LocalDays, Micros, Part, PortfolioId, Reason, Route,
    Violations,
};
use crate::scoring::card::Cutoffs;
use crate::scoring::{Filter, Mover, RuleSet, Simulated, SimulationRequest, SliceBy};
use crate::store::activations::RevisionName;
use crate::store::cases;
use crate::store::portfolios::StoredWorkList;

use super::super::book::{CaughtUp, Place, Turn, Volume};
use super::super::context::PortfolioContext;
use super::super::{Caller, Engine, Error};
use super::activate::Change;
use super::{ScorecardFinding, Subject, card_of, find, shipped};

mod groups;
mod leases;

use groups::{cutoffs_by_share, odd_shares, stability};
use leases::Chosen;

pub(super) use groups::odd_groups;
pub use leases::{FirstLease, FirstLeases, FirstLeasesCommand, WORK_LISTS_MAX};

/// How far ahead of today cases can be ranked.
const DAYS_AHEAD_MAX: i32 = 365;
/// How often something is told of a book that is being loaded.
const TELL_EVERY: Duration = Duration::from_millis(500);

/// What is tried.
#[derive(Clone, Debug)]
pub struct SimulateCommand {
    /// The portfolio.
    pub portfolio_id: PortfolioId,
    /// The scorecard.
    pub candidate: Subject,
    /// Whose cases it would rank.
    pub debtor_kind: DebtorKind,
    /// What it is compared with; what is active, if nothing is named.
    pub compared_with: Option<RevisionName>,
    /// The day as of which cases are ranked; today, if none is named.
    pub as_of_date: Option<Day>,
    /// Which cases are looked at.
    pub filter: Filter,
    /// What to count apart.
    pub slices: Vec<SliceBy>,
    /// How many of the cases that move most to tell.
    pub movers: usize,
    /// Whether a sample is no answer.
    pub whole: bool,
    /// What work lists would lease first.
    pub first_leases: FirstLeasesCommand,
}

/// An answer.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Nothing is counted yet, because other runs of the tenant go first.
    Waits {
        /// How many stood in the line when this one came.
        runs_ahead: usize,
    },
    /// What was counted.
    Told(Box<Simulation>),
}

/// What came of it, or has so far.
#[derive(Clone, Debug)]
pub struct Simulation {
    /// Whether all cases are counted that the book is to have; those before are coarse.
    pub is_final: bool,
    /// What was counted.
    pub told: Simulated,
    /// The cases that move most, with their callers' ids.
    pub movers: Vec<(String, Mover)>,
    /// The currency of all amounts.
    pub currency: Currency,
    /// The day as of which cases are ranked.
    pub as_of_date: Day,
    /// How many cases the book has.
    pub book_cases: u64,
    /// One of so many cases is in it.
    pub one_in: i64,
    /// How much of the book is loaded, in thousandths.
    pub loaded_permille: i64,
    /// How many cases could not be read and are left out.
    pub unreadable: u64,
    /// The last change of each part that is counted.
    pub change_nos: Vec<i64>,
    /// When that was.
    pub read_time: Micros,
    /// How far the scores move, and the priorities.
    pub stability: [f64; 2],
    /// The cutoffs by which three tenths of the cases would be A and three tenths C;
    /// nothing where no cutoffs do.
    pub cutoffs_by_share: Option<Cutoffs>,
    /// What is odd about the groups.
    pub findings: Vec<ScorecardFinding>,
    /// What work lists would lease first, where that was asked for and all cases are in the
    /// book; of the last answer only.
    pub work_lists: Vec<FirstLeases>,
}

/// What has been resolved of a command.
struct Trial {
    context: Arc<PortfolioContext>,
    parts: Vec<Part>,
    rule_sets: [Arc<RuleSet>; 2],
    day: Day,
    today: Day,
    command: SimulateCommand,
    work_lists: Vec<StoredWorkList>,
}

/// Tries a scorecard. Answers follow as the book is loaded, the last one is of all cases;
/// when the receiver is dropped, the work ends and what was loaded of the book is kept.
///
/// # Errors
/// `NotFound` for the portfolio or a revision; `RevisionInvalid`; `Invalid` for a scorecard
/// that is too large, and for a day that has passed or is more than a year ahead; `Overloaded` when too many runs of the tenant
/// wait already.
pub async fn simulate_revision(
    engine: &Arc<Engine>,
    caller: &Caller,
    command: SimulateCommand,
) -> Result<mpsc::Receiver<Result<Answer, Error>>, Error> {
    let trial = resolve(engine, caller, command).await?;
    let place = engine.books.place(trial.parts[0])?;
    let (sender, receiver) = mpsc::channel(1);
    let engine = Arc::clone(engine);
    tokio::spawn(async move {
        if let Err(error) = run(&engine, &trial, place, &sender).await {
            // Whoever asked may have gone.
            let _ = sender.send(Err(error)).await;
        }
    });
    Ok(receiver)
}

async fn resolve(
    engine: &Arc<Engine>,
    caller: &Caller,
    command: SimulateCommand,
) -> Result<Trial, Error> {
    let part = shipped::offered(engine, caller).await?;
    let parts = engine.parts(caller).await?.all().to_vec();
    let mut tx = engine.store.read().await?;
    let context = engine.context_by_id(&mut tx, part, &command.portfolio_id).await?;
    let today = context.zone.day_of(engine.now_of(&tx));
    let day = command.as_of_date.unwrap_or(today);
    let mut violations = Violations::new();
    if !(today..=today.plus(DAYS_AHEAD_MAX)).contains(&day) {
        let bound = format!("it must lie between {today} and {}", today.plus(DAYS_AHEAD_MAX));
        violations.add("as_of_date", Reason::FieldOutOfRange, day, bound);
    }
    let card = card_of(&mut tx, part, command.candidate.clone()).await?;
    let (_, mut change) = Change::of_active(&mut tx, part, &context.portfolio).await?;
    let mut before = Arc::clone(&context.rule_set);
    if let Some(name) = &command.compared_with {
        let base = find(&mut tx, part, name).await?.card;
        change.rank_by(&base, command.debtor_kind);
        before = Arc::new(change.compile()?);
    }
    change.rank_by(&card, command.debtor_kind);
    let after = Arc::new(change.compile()?);
    let rule_sets = [before, after];
    check_names(&rule_sets, &command, &mut violations);
    let wanted = (command.portfolio_id.as_str(), &command.first_leases);
    let work_lists = leases::lists(&mut tx, part, wanted, &mut violations).await?;
    let trial = Trial { context, parts, rule_sets, day, today, command, work_lists };
    violations.or(trial).map_err(Error::Invalid)
}

/// What is asked for by name must be there: a slip of the pen would count nothing, and look
/// as if nothing moved.
fn check_names(
    rule_sets: &[Arc<RuleSet>; 2],
    command: &SimulateCommand,
    violations: &mut Violations,
) {
    let labels = |name: &str| {
        rule_sets.iter().flat_map(|rules| rules.bin_labels(name)).collect::<Vec<&str>>()
    };
    let bound = "a characteristic of a scorecard that is tried or compared with";
    for (at, (name, bins)) in command.filter.bins.iter().enumerate() {
        let (path, known) = (format!("filter.characteristics[{at}]"), labels(name));
        if known.is_empty() {
            let field = format!("{path}.characteristic");
            violations.add(field, Reason::FieldOutOfRange, name, bound);
            continue;
        }
        for (at, bin) in bins.iter().enumerate().filter(|(_, bin)| !known.contains(&bin.as_str())) {
            let bound = "a bin as explanations label it";
            violations.add(format!("{path}.bins[{at}]"), Reason::FieldOutOfRange, bin, bound);
        }
    }
    let given = |route: &Route| {
        let rules = rule_sets.iter().flat_map(|rules| &rules.ranking().routing_rules);
        route.is_none() || rules.map(|rule| rule.route).any(|known| known == *route)
    };
    let unknown = command.filter.routes.iter().enumerate().filter(|(_, route)| !given(route));
    for (at, route) in unknown {
        let bound = "a route that a rule of the portfolio gives";
        violations.add(format!("filter.routes[{at}]"), Reason::FieldOutOfRange, route, bound);
    }
    for (at, slice) in command.slices.iter().enumerate() {
        if let SliceBy::Characteristic(name) = slice
            && labels(name).is_empty()
        {
            let field = format!("slices[{at}].characteristic");
            violations.add(field, Reason::FieldOutOfRange, name, bound);
        }
    }
}

/// Where answers go.
type Sender = mpsc::Sender<Result<Answer, Error>>;

async fn run(
    engine: &Arc<Engine>,
    trial: &Trial,
    place: Place,
    sender: &Sender,
) -> Result<(), Error> {
    let number = trial.context.portfolio.number;
    let Some(mut turn) = turn_of(place, sender).await else { return Ok(()) };
    let simulation = run_in(engine, trial, &mut turn, sender).await;
    // Whoever is slow to listen keeps nobody waiting.
    engine.books.end(turn, number);
    if let Some(simulation) = simulation? {
        let _ = sender.send(answer_of(simulation)).await;
    }
    Ok(())
}

fn answer_of(simulation: Simulation) -> Result<Answer, Error> {
    Ok(Answer::Told(Box::new(simulation)))
}

/// Waits for the turn; nothing where nobody listens any longer.
async fn turn_of(place: Place, sender: &Sender) -> Option<Turn> {
    let runs_ahead = place.runs_ahead();
    if runs_ahead > 0 {
        let _ = sender.try_send(Ok(Answer::Waits { runs_ahead }));
    }
    tokio::select! {
        turn = place.turn() => Some(turn),
        () = sender.closed() => None,
    }
}

/// The last answer; nothing where nobody listens any longer.
async fn run_in(
    engine: &Arc<Engine>,
    trial: &Trial,
    turn: &mut Turn,
    sender: &Sender,
) -> Result<Option<Simulation>, Error> {
    let number = trial.context.portfolio.number;
    let rules = trial.rule_sets.each_ref().map(Arc::as_ref);
    let ranking = trial.context.rule_set.ranking();
    let whole = trial.command.whole;
    // A sample is loaded anew where it need be none, or must not.
    let serves = |volume: &Volume| volume.one_in == 1 || !whole && !engine.books.fits_whole(volume);
    let mut known = turn.take(number, (&rules, ranking, trial.today)).filter(serves);
    loop {
        let mut volume = match known.take() {
            Some(volume) => volume,
            None => engine.new_volume(&trial.parts, &trial.context, (&rules, trial.today)).await?,
        };
        let brought = bring(engine, trial, (turn, &mut volume), sender).await;
        match brought {
            Ok(Some(CaughtUp::TooFar)) => {}
            Ok(Some(CaughtUp::Whole | CaughtUp::Partly)) => {
                let told = answer(engine, trial, (&mut volume, true), sender).await;
                if !volume.is_lost() {
                    engine.books.put(turn, number, volume);
                }
                return told.map(Some);
            }
            // The next one goes on from here.
            Ok(None) => {
                engine.books.put(turn, number, volume);
                return Ok(None);
            }
            Err(error) => {
                // What was loaded is not lost with a connection.
                if matches!(error, Error::Store(_)) && !volume.is_lost() {
                    engine.books.put(turn, number, volume);
                }
                return Err(error);
            }
        }
    }
}

/// Loads what is not loaded yet, then reads what has changed; nothing where nobody listens any
/// longer.
async fn bring(
    engine: &Arc<Engine>,
    trial: &Trial,
    (turn, volume): (&mut Turn, &mut Volume),
    sender: &Sender,
) -> Result<Option<CaughtUp>, Error> {
    let (context, today) = (&trial.context, trial.today);
    if sender.is_closed() || !load(engine, trial, (turn, volume), sender).await? {
        return Ok(None);
    }
    // What comes after this is for the next run: one that ran after it might never end.
    let newest = engine.last_changes(volume).await?;
    loop {
        let until = (&*newest, TELL_EVERY);
        let caught_up = engine.catch_up(context, (volume, today), until).await?;
        engine.fit(turn, context, (volume, trial.command.whole)).await?;
        match caught_up {
            CaughtUp::Partly if sender.is_closed() => return Ok(None),
            CaughtUp::Partly => tell_so_far(engine, trial, volume, sender).await?,
            CaughtUp::Whole | CaughtUp::TooFar => return Ok(Some(caught_up)),
        }
    }
}

/// Tells what is known so far; the next one says more, if this one finds no place.
async fn tell_so_far(
    engine: &Arc<Engine>,
    trial: &Trial,
    volume: &mut Volume,
    sender: &Sender,
) -> Result<(), Error> {
    let coarse = answer(engine, trial, (volume, false), sender).await?;
    let _ = sender.try_send(answer_of(coarse));
    Ok(())
}

/// Loads what is not loaded yet, and tells now and then what is known so far. Says whether
/// all is loaded; it is not where nobody listens any longer.
async fn load(
    engine: &Arc<Engine>,
    trial: &Trial,
    (turn, volume): (&mut Turn, &mut Volume),
    sender: &Sender,
) -> Result<bool, Error> {
    let mut told = Instant::now();
    let whole = trial.command.whole;
    while engine.load_page(turn, &trial.context, (volume, trial.today, whole)).await? {
        if sender.is_closed() {
            return Ok(false);
        }
        if told.elapsed() >= TELL_EVERY {
            tell_so_far(engine, trial, volume, sender).await?;
            told = Instant::now();
        }
    }
    Ok(true)
}

/// What the book tells now; in the last answer also of the cases that are ready.
async fn answer(
    engine: &Arc<Engine>,
    trial: &Trial,
    (volume, is_final): (&mut Volume, bool),
    sender: &Sender,
) -> Result<Simulation, Error> {
    let rule_sets = trial.rule_sets.clone();
    let (day, most) = (trial.day, trial.command.movers);
    let (filter, slices) = (trial.command.filter.clone(), trial.command.slices.clone());
    let count = move |volume: &mut Volume| {
        let request = SimulationRequest {
            rule_sets: rule_sets.each_ref().map(Arc::as_ref),
            day,
            filter,
            slices,
            movers: most,
        };
        let mut told = Simulated::default();
        let mut movers: Vec<(Part, Mover)> = Vec::new();
        for (part, book) in volume.books() {
            let mut one = book.simulate(&request)?;
            movers.extend(std::mem::take(&mut one.movers).into_iter().map(|one| (part, one)));
            told.add(one);
        }
        movers.sort_by_key(|(part, one)| (std::cmp::Reverse(one.how_far()), *part, one.case_no));
        movers.truncate(most);
        Some((told, movers))
    };
    let counted = engine.books.on(volume, count).await?;
    let (told, movers) = counted.ok_or_else(|| outside(day))?;
    let chosen = match is_final {
        true => leases::choose(engine, trial, (volume, sender)).await?,
        false => Chosen::default(),
    };
    tell(engine, trial, (volume, is_final), (told, movers, chosen)).await
}

/// Days are checked against less than a book reaches.
fn outside(day: Day) -> Error {
    Error::Internal(format!("the book does not reach {day}"))
}

async fn tell(
    engine: &Arc<Engine>,
    trial: &Trial,
    (volume, is_final): (&Volume, bool),
    (told, movers, chosen): (Simulated, Vec<(Part, Mover)>, Chosen),
) -> Result<Simulation, Error> {
    let movers = named(engine, movers).await?;
    let work_lists = leases::named(engine, trial, chosen).await?;
    let cutoffs_by_share = cutoffs_by_share(&told.scores);
    let histograms = [&told.score_histograms, &told.priority_histograms];
    Ok(Simulation {
        is_final,
        movers,
        currency: trial.context.currency(),
        as_of_date: trial.day,
        book_cases: volume.cases(),
        one_in: volume.one_in,
        loaded_permille: volume.loaded_permille(),
        unreadable: volume.unreadable(),
        change_nos: volume.change_nos(),
        read_time: engine.now(),
        stability: histograms.map(|[before, after]| stability(before, after)),
        findings: odd_shares(&told, cutoffs_by_share),
        cutoffs_by_share,
        told,
        work_lists,
    })
}

/// Cases that move with their callers' ids.
async fn named(engine: &Engine, movers: Vec<(Part, Mover)>) -> Result<Vec<(String, Mover)>, Error> {
    let mut ids = ids_of(engine, movers.iter().map(|(part, mover)| (*part, mover.case_no))).await?;
    let name = |(part, mover): (Part, Mover)| Some((ids.remove(&(part, mover.case_no))?, mover));
    Ok(movers.into_iter().filter_map(name).collect())
}

/// The callers' ids of cases.
async fn ids_of(
    engine: &Engine,
    cases: impl IntoIterator<Item = (Part, CaseNo)>,
) -> Result<HashMap<(Part, CaseNo), String>, Error> {
    let mut by_part: HashMap<Part, Vec<CaseNo>> = HashMap::new();
    for (part, case_no) in cases {
        by_part.entry(part).or_default().push(case_no);
    }
    let mut ids = HashMap::new();
    let mut tx = engine.store.read().await?;
    for (part, case_nos) in by_part {
        let found = cases::load_ids(&mut tx, part, case_nos).await?;
        ids.extend(found.into_iter().map(|(case_no, (_, id))| ((part, case_no), id)));
    }
    Ok(ids)
}

#[cfg(test)]
mod tests {
    use super::super::super::book::Books;
    use super::*;

    #[tokio::test]
    async fn who_waits_is_told_and_leaves_the_line_by_hanging_up() {
        let books = Books::new(1 << 20);
        let place = || books.place(Part(1)).expect("there is room");
        let (sender, mut receiver) = mpsc::channel(1);
        let _turn = turn_of(place(), &sender).await.expect("nobody is before it");
        let waits = turn_of(place(), &sender);
        let hangs_up = async move {
            let told = receiver.recv().await;
            assert!(matches!(told, Some(Ok(Answer::Waits { runs_ahead: 1 }))), "{told:?}");
            drop(receiver);
        };
        let both = async { tokio::join!(waits, hangs_up) };
        let (turn, ()) = tokio::time::timeout(TELL_EVERY * 20, both).await.expect("it leaves");
        assert!(turn.is_none());
        assert_eq!(place().runs_ahead(), 1, "only the first is before it");
    }
}
