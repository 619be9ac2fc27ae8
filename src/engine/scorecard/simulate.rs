//! Trying a scorecard on all open cases of a portfolio before anybody is ranked by it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use crate::model::{
    CaseNo, Currency, Day, DebtorKind, LocalDays, Micros, Part, PortfolioId, Reason, RecoveryGroup,
    Violations,
};
use crate::scoring::card::{Card, Cutoffs};
use crate::scoring::{Filter, Mover, RuleSet, Simulated, SimulationRequest, SliceBy};
use crate::store::activations::RevisionName;
use crate::store::cases;

use super::super::book::{CaughtUp, Turn, Volume};
use super::super::context::PortfolioContext;
use super::super::{Caller, Engine, Error};
use super::activate::Change;
use super::{ScorecardFinding, Subject, find, shipped};

/// How far ahead of today cases can be ranked.
const DAYS_AHEAD_MAX: i32 = 365;
/// How often something is told of a book that is being loaded.
const TELL_EVERY: Duration = Duration::from_millis(500);
/// How long a validation waits for a look at the groups, while others try scorecards.
const GROUPS_WITHIN: Duration = Duration::from_secs(5);
/// What groups would be of by the cutoffs that are proposed: the easiest three tenths are
/// A, the next four tenths B.
const SHARES_PERMILLE: [u64; 2] = [300, 700];

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
}

/// The population stability index of two histograms: the sum over all ranges of
/// (b - a) x ln(b / a) of their shares. A share below 1 in 10,000 counts as that, since
/// the logarithm of nothing is none. By custom, below 0.1 is stable and above 0.25 is to
/// be acted on (Siddiqi, Credit Risk Scorecards, 2006).
pub fn stability(before: &[u64], after: &[u64]) -> f64 {
    let share = |counts: &[u64], at: usize| {
        let all: u64 = counts.iter().sum();
        (counts[at] as f64 / all.max(1) as f64).max(1e-4)
    };
    let term = |at: usize| {
        let (a, b) = (share(before, at), share(after, at));
        (b - a) * (b / a).ln()
    };
    (0..before.len()).map(term).sum()
}

/// The cutoffs by which the best three tenths of cases are A and the worst three tenths C,
/// as nearly as scores allow; nothing where a group would have nobody.
fn cutoffs_by_share(scores: &[u64]) -> Option<Cutoffs> {
    let all: u64 = scores.iter().sum();
    // How many cases have a score or a higher one.
    let mut from = vec![0; scores.len() + 1];
    for score in (0..scores.len()).rev() {
        from[score] = from[score + 1] + scores[score];
    }
    let nearest = |permille: u64| {
        let far = |score: &usize| (from[*score] * 1_000).abs_diff(all * permille);
        (1..scores.len()).min_by_key(far)
    };
    let (a, b) = (nearest(SHARES_PERMILLE[0])?, nearest(SHARES_PERMILLE[1])?);
    let groups = [from[a], from[b].saturating_sub(from[a]), all - from[b]];
    let cutoff = |score| i32::try_from(score).ok();
    groups.iter().all(|cases| *cases > 0).then_some(Cutoffs { a: cutoff(a)?, b: cutoff(b)? })
}

/// The shares of the groups by other cutoffs, for people.
fn shares(scores: &[u64], cutoffs: Cutoffs) -> String {
    let all: u64 = scores.iter().sum();
    let from =
        |score: i32| -> u64 { scores.iter().skip(usize::try_from(score).unwrap_or(0)).sum() };
    let (a, b) = (from(cutoffs.a), from(cutoffs.b));
    let percent = |cases: u64| (cases * 100 + all / 2) / all.max(1);
    format!("{}, {} and {} %", percent(a), percent(b - a), percent(all - b))
}

/// A group should have no less and no more of the cases, in thousandths.
const SHARE_PERMILLE: std::ops::RangeInclusive<u64> = 50..=800;
/// Of fewer cases shares say nothing.
const CASES_FOR_SHARES: u64 = 100;

/// What is odd about the shares of the groups.
fn odd_shares(told: &Simulated, cutoffs: Option<Cutoffs>) -> Vec<ScorecardFinding> {
    let all = told.total().cases;
    let mut findings = Vec::new();
    for (group, count) in RecoveryGroup::ALL.into_iter().zip(told.groups(1)) {
        let permille = count.cases * 1_000 / all.max(1);
        if all < CASES_FOR_SHARES || SHARE_PERMILLE.contains(&permille) {
            continue;
        }
        let (whole, tenth) = (permille / 10, permille % 10);
        let mut message = format!(
            "group {group:?} would have {whole}.{tenth} % of {all} cases; 5 to 80 % tell them apart"
        );
        if let Some(cutoffs) = cutoffs {
            let (Cutoffs { a, b }, shares) = (cutoffs, shares(&told.scores, cutoffs));
            message.push_str(&format!("; with a {a} and b {b}, groups would have {shares}"));
        }
        findings.push(ScorecardFinding { is_error: false, path: "cutoffs".to_owned(), message });
    }
    findings
}

/// What is odd about how a scorecard would divide the cases of a portfolio. Of a portfolio
/// that is not in memory yet, the first part that is loaded is enough.
pub(super) async fn odd_groups(
    engine: &Arc<Engine>,
    caller: &Caller,
    (card, portfolio_id): (Card, PortfolioId),
) -> Result<Vec<ScorecardFinding>, Error> {
    let part = engine.parts(caller).await?.first();
    let context = engine.latest(part, &portfolio_id).await?;
    let rules = &context.rule_set;
    let id = card.scorecard_id.as_str();
    let kind = match rules.scorecard_id(DebtorKind::Person) != id
        && rules.scorecard_id(DebtorKind::Business) == id
    {
        true => DebtorKind::Business,
        false => DebtorKind::Person,
    };
    let command = SimulateCommand {
        portfolio_id,
        candidate: Subject::Given(Box::new(card)),
        debtor_kind: kind,
        compared_with: None,
        as_of_date: None,
        filter: Filter { debtor_kinds: vec![kind], ..Filter::default() },
        slices: Vec::new(),
        movers: 0,
        whole: false,
    };
    let mut answers = simulate_revision(engine, caller, command).await?;
    // What is wrong with the scorecard is told all the same.
    match tokio::time::timeout(GROUPS_WITHIN, answers.recv()).await {
        Ok(Some(Ok(simulation))) => Ok(simulation.findings),
        Ok(Some(Err(error))) => {
            tracing::warn!(%error, "a scorecard was validated without a look at its groups");
            Ok(Vec::new())
        }
        Ok(None) | Err(_) => Ok(Vec::new()),
    }
}

/// What has been resolved of a command.
struct Trial {
    context: Arc<PortfolioContext>,
    parts: Vec<Part>,
    rule_sets: [Arc<RuleSet>; 2],
    day: Day,
    today: Day,
    command: SimulateCommand,
}

/// Tries a scorecard. Answers follow as the book is loaded, the last one is of all cases;
/// when the receiver is dropped, the work ends and what was loaded of the book is kept.
///
/// # Errors
/// `NotFound` for the portfolio or a revision; `RevisionInvalid`; `Invalid` for a day that
/// has passed or is more than a year ahead.
pub async fn simulate_revision(
    engine: &Arc<Engine>,
    caller: &Caller,
    command: SimulateCommand,
) -> Result<mpsc::Receiver<Result<Simulation, Error>>, Error> {
    let trial = resolve(engine, caller, command).await?;
    let (sender, receiver) = mpsc::channel(1);
    let engine = Arc::clone(engine);
    tokio::spawn(async move {
        if let Err(error) = run(&engine, &trial, &sender).await {
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
    if !(today..=today.plus(DAYS_AHEAD_MAX)).contains(&day) {
        let mut violations = Violations::new();
        let bound = format!("it must lie between {today} and {}", today.plus(DAYS_AHEAD_MAX));
        violations.add("as_of_date", Reason::FieldOutOfRange, day, bound);
        return Err(Error::Invalid(violations));
    }
    let card = match &command.candidate {
        Subject::Given(card) => (**card).clone(),
        Subject::Stored(name) => find(&mut tx, part, name).await?.card,
    };
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
    check_names(&rule_sets, &command)?;
    Ok(Trial { context, parts, rule_sets, day, today, command })
}

/// What is asked for by name must be there: a slip of the pen would count nothing, and look
/// as if nothing moved.
fn check_names(rule_sets: &[Arc<RuleSet>; 2], command: &SimulateCommand) -> Result<(), Error> {
    let labels = |name: &str| {
        rule_sets.iter().flat_map(|rules| rules.bin_labels(name)).collect::<Vec<&str>>()
    };
    let mut violations = Violations::new();
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
    for (at, slice) in command.slices.iter().enumerate() {
        if let SliceBy::Characteristic(name) = slice
            && labels(name).is_empty()
        {
            let field = format!("slices[{at}].characteristic");
            violations.add(field, Reason::FieldOutOfRange, name, bound);
        }
    }
    violations.or(()).map_err(Error::Invalid)
}

/// Where answers go.
type Sender = mpsc::Sender<Result<Simulation, Error>>;

async fn run(engine: &Arc<Engine>, trial: &Trial, sender: &Sender) -> Result<(), Error> {
    let number = trial.context.portfolio.number;
    let mut turn = engine.books.turn(trial.parts[0]).await;
    let answer = run_in(engine, trial, &mut turn, sender).await;
    // Whoever is slow to listen keeps nobody waiting.
    engine.books.end(turn, number);
    if let Some(answer) = answer? {
        let _ = sender.send(Ok(answer)).await;
    }
    Ok(())
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
            Ok(CaughtUp::Whole) => {
                let (volume, answer) = answer(engine, trial, (volume, true)).await?;
                engine.books.put(turn, number, volume);
                return Ok(Some(answer));
            }
            Ok(CaughtUp::TooFar) => {}
            // The next one goes on from here.
            Ok(CaughtUp::Gone) => {
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

/// Loads what is not loaded yet, then reads what has changed.
async fn bring(
    engine: &Arc<Engine>,
    trial: &Trial,
    (turn, volume): (&mut Turn, &mut Volume),
    sender: &Sender,
) -> Result<CaughtUp, Error> {
    let (context, today) = (&trial.context, trial.today);
    if sender.is_closed() || !load(engine, trial, (turn, volume), sender).await? {
        return Ok(CaughtUp::Gone);
    }
    let gone = || sender.is_closed();
    let caught_up = engine.catch_up(context, (volume, today), &gone).await?;
    engine.fit(turn, context, (volume, trial.command.whole)).await?;
    Ok(caught_up)
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
            let taken = std::mem::take(volume);
            let (kept, coarse) = answer(engine, trial, (taken, false)).await?;
            *volume = kept;
            // The next one says more, if this one finds no place.
            let _ = sender.try_send(Ok(coarse));
            told = Instant::now();
        }
    }
    Ok(true)
}

/// What the book tells now.
async fn answer(
    engine: &Arc<Engine>,
    trial: &Trial,
    (mut volume, is_final): (Volume, bool),
) -> Result<(Volume, Simulation), Error> {
    let rule_sets = trial.rule_sets.clone();
    let (day, most) = (trial.day, trial.command.movers);
    let (filter, slices) = (trial.command.filter.clone(), trial.command.slices.clone());
    let count = move || {
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
        Some((volume, told, movers))
    };
    let counted = engine.books.run(count).await?;
    let outside = || Error::Internal(format!("the book does not reach {day}"));
    let (volume, told, movers) = counted.ok_or_else(outside)?;
    let movers = named(engine, movers).await?;
    let cutoffs_by_share = cutoffs_by_share(&told.scores);
    let histograms = [&told.score_histograms, &told.priority_histograms];
    let simulation = Simulation {
        is_final,
        movers,
        currency: trial.context.currency(),
        as_of_date: day,
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
    };
    Ok((volume, simulation))
}

/// Cases with their callers' ids.
async fn named(engine: &Engine, movers: Vec<(Part, Mover)>) -> Result<Vec<(String, Mover)>, Error> {
    let mut ids: HashMap<(Part, CaseNo), String> = HashMap::new();
    let mut tx = engine.store.read().await?;
    let mut by_part: HashMap<Part, Vec<CaseNo>> = HashMap::new();
    for (part, mover) in &movers {
        by_part.entry(*part).or_default().push(mover.case_no);
    }
    for (part, case_nos) in by_part {
        let found = cases::load_ids(&mut tx, part, case_nos).await?;
        ids.extend(found.into_iter().map(|(case_no, (_, id))| ((part, case_no), id)));
    }
    let name = |(part, mover): (Part, Mover)| Some((ids.remove(&(part, mover.case_no))?, mover));
    Ok(movers.into_iter().filter_map(name).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stability_is_that_of_the_textbook() {
        assert_eq!(stability(&[10, 20, 70], &[20, 40, 140]), 0.0);
        // (0.6 - 0.5) ln(0.6 / 0.5) + (0.4 - 0.5) ln(0.4 / 0.5)
        assert!((stability(&[50, 50], &[60, 40]) - 0.040_546_51).abs() < 1e-7);
        // An empty range counts as one in ten thousand.
        let expected = (1e-4 - 0.5) * (1e-4_f64 / 0.5).ln() + 0.5 * 2_f64.ln();
        assert!((stability(&[50, 50], &[0, 100]) - expected).abs() < 1e-12);
        assert_eq!(stability(&[0, 0], &[0, 0]), 0.0);
    }

    #[test]
    fn cutoffs_are_cut_by_share() {
        let mut scores = vec![0; 1_001];
        for score in scores.iter_mut().skip(100).take(100) {
            *score = 1;
        }
        // Of the scores 100 to 199, one case each: 170 and above are three tenths.
        assert_eq!(cutoffs_by_share(&scores), Some(Cutoffs { a: 170, b: 130 }));
        assert_eq!(cutoffs_by_share(&vec![0; 1_001]), None);
        let mut one = vec![0; 1_001];
        one[500] = 9;
        assert_eq!(cutoffs_by_share(&one), None, "all cases have one score");
    }
}
