//! Why a case is ranked as it is, what would change that, and how a case that is
//! not stored would be ranked.

use std::sync::Arc;

use crate::model::{
    CaseId, CaseNo, CaseState, Day, DebtorId, Facts, History, LocalDays, Micros, PortfolioId,
    Reason, Violations,
};
use crate::scoring::{CaseInput, Explanation, Movement, Ranked, Steps};
use crate::store::Damage;
use crate::store::cases::CaseContent;
use crate::store::events::{self, EventMark};
use crate::store::queue::lease::LeaseRow;

use super::audit::note_read;
use super::context::PortfolioContext;
use super::push::Document;
use super::read::{self, CaseView};
use super::replay::debtor_of;
use super::stays::{self, FoundCase};
use super::{Caller, Engine, Error};

mod point;

pub use point::Point;

use point::{Found, Locator};

/// How far ahead of today a case may be ranked.
const DAYS_AHEAD_MAX: i32 = 366;

/// What is to be explained.
#[derive(Clone, Debug)]
pub struct ExplainCommand {
    /// The portfolio.
    pub portfolio_id: PortfolioId,
    /// The case.
    pub case_id: CaseId,
    /// Which point of its life.
    pub point: Point,
    /// Which other point to tell the way from.
    pub compare_with: Option<Point>,
    /// The language of the reasons, a BCP 47 tag in its usual spelling; nothing for that
    /// of the portfolio at that point.
    pub language: Option<String>,
}

/// A case, explained, with what it takes to explain it as if its document said
/// something else.
pub struct ExplainedCase {
    /// The case; of a past point as it stood then, without its holds and its episode.
    pub view: CaseView,
    /// Why it is ranked as it is.
    pub explanation: Explanation,
    /// The lease that was asked for, with the rank it was served by.
    pub lease: Option<LeaseRow>,
    /// How many leases of the case were ever granted.
    pub lease_count: i64,
    /// The way from the other point, if one was asked for.
    pub moved: Option<Moved>,
    context: Arc<PortfolioContext>,
    found: Found,
    language: Option<String>,
}

/// The way between two points of a case's life.
pub struct Moved {
    /// Why the rank moved.
    pub movement: Movement,
    /// The events that only one of the points knows, in their order, the first 256.
    pub events: Vec<EventMark>,
    /// How many there are.
    pub event_count: i64,
}

/// As of which day a case that is not stored is explained, and in which language.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// The day as of which to rank; nothing for today.
    pub as_of_date: Option<Day>,
    /// The language asked for, a BCP 47 tag in its usual spelling; nothing for that of
    /// the portfolio.
    pub language: Option<String>,
}

impl ExplainedCase {
    /// What the newest document says.
    pub fn facts(&self) -> &Facts {
        &self.found.content.facts
    }

    /// How the case would be ranked if its newest document said this instead.
    pub fn what_if(&self, facts: &Facts) -> Explanation {
        let history = self.found.content.history.clone();
        let content = CaseContent { facts: facts.clone(), history };
        self.found.explain_as(&self.context, &content, self.language.as_deref())
    }
}

/// A case and why it is ranked as it is, at any point of its life; and why that is
/// otherwise than at another point. What speaks of the past is audited.
///
/// # Errors
/// `NotFound`; `Invalid` for an instant before the case was known or ahead, a lease that
/// never was, a day before the case was known or over a year ahead;
/// `FeatureVersionRetired`.
pub async fn explain_case(
    engine: &Arc<Engine>,
    caller: &Caller,
    command: ExplainCommand,
) -> Result<ExplainedCase, Error> {
    let ExplainCommand { portfolio_id, case_id, point, compare_with, language } = &command;
    let found = engine.find_case(caller, (portfolio_id, case_id)).await?;
    let FoundCase { mut tx, context, known } = found;
    let (part, head) = (context.part, known.head);
    let now = engine.now_of(&tx);
    let lease_count = stays::lease_count(&mut tx, (part, head.case_no)).await?;
    let mut broken = Violations::new();
    let locator = Locator { engine, context: &context, head: &head, now, lease_count };
    let found = locator.find(&mut tx, *point, ("", &mut broken)).await?;
    let other = match compare_with {
        Some(other) => locator.find(&mut tx, *other, ("compare_with.", &mut broken)).await?,
        None => None,
    };
    let found = broken
        .or(found)
        .map_err(Error::Invalid)?
        .ok_or_else(|| Error::Internal("a point was neither found nor refused".to_owned()))?;
    let explanation = found.explain(&context, language.as_deref());
    let moved = match other {
        None => None,
        Some(from) => {
            let movement = movement(&context, (&from, &found), &explanation);
            let ends = (from.case_seq.min(found.case_seq), from.case_seq.max(found.case_seq));
            let events = events::between(&mut tx, part, head.case_no, ends).await?;
            Some(Moved { movement, events, event_count: ends.1 - ends.0 })
        }
    };
    let past = point.is_past() || compare_with.is_some();
    let salt = match past {
        true => debtor_of(&mut tx, part, &head).await?.salt,
        false => Vec::new(),
    };
    let case_no = head.case_no;
    let view = match point.is_past() {
        false => read::view_of(engine, &mut tx, &context, head, false).await?,
        true => past_view(&context, case_id, case_no, &found)?,
    };
    drop(tx);
    if past {
        note_read(engine, caller, (part, case_no, salt), (point, compare_with)).await?;
    }
    let lease = found.lease.clone();
    let language = command.language;
    Ok(ExplainedCase { view, explanation, lease, lease_count, moved, context, found, language })
}

/// The way from one point to another: first what was known changes, then the day, then the
/// rule set.
fn movement(
    context: &PortfolioContext,
    (from, to): (&Found, &Found),
    explained: &Explanation,
) -> Movement {
    let on = |day| {
        let case = input(context, (&to.content, &to.debtor_id), (to.as_of, to.case_seq, day));
        from.rule_set.explain(&case, None)
    };
    Movement::of(Steps {
        from: &from.explain(context, None),
        after_data: &on(from.day),
        after_day: &on(to.day),
        to: explained,
    })
}

/// Ranks a document as a first push of it would and explains the rank. Stores
/// nothing and looks at no stored case.
///
/// # Errors
/// `NotFound` for the portfolio; `Invalid` for a day before the document's or over
/// a year ahead.
pub async fn score_case(
    engine: &Arc<Engine>,
    caller: &Caller,
    portfolio_id: PortfolioId,
    document: Document,
    asked: Asked,
) -> Result<(CaseView, Explanation), Error> {
    let part = engine.parts(caller).await?.first();
    let context = engine.latest(part, &portfolio_id).await?;
    let as_of = document.as_of;
    let (now, mut broken) = (engine.now(), Violations::new());
    let today = context.zone.day_of(now);
    let bounds = (context.zone.day_of(as_of), now);
    let day = day_to_rank(&context, (asked.as_of_date, today), bounds, ("", &mut broken));
    broken.or(()).map_err(Error::Invalid)?;
    let Document { case_id, debtor_id, facts, .. } = document;
    let mut history = History::default();
    let tolerance_minor = context.rule_set.ranking().tolerance_amount_minor;
    history.take_document(None, &facts, (tolerance_minor, context.zone.day_of(as_of)));
    let content = CaseContent { facts, history };
    let rules = &context.rule_set;
    let case = input(&context, (&content, debtor_id.as_str()), (as_of, FIRST_EVENT, day));
    let (explanation, ranked) =
        (rules.explain(&case, asked.language.as_deref()), rules.rank(&case));
    let view = ranked_view(&context, (case_id, debtor_id), &ranked, (as_of, day));
    Ok((CaseView { episode: 1, ..view }, explanation))
}

/// The event that a first push appends.
const FIRST_EVENT: i64 = 1;

fn input<'a>(
    context: &'a PortfolioContext,
    (content, debtor_id): (&'a CaseContent, &'a str),
    (as_of, case_seq, today): (Micros, i64, Day),
) -> CaseInput<'a> {
    let CaseContent { facts, history } = content;
    CaseInput { facts, history, debtor_id, as_of, case_seq, today, days: &context.zone }
}

/// A case as it stood at a point of its life.
fn past_view(
    context: &PortfolioContext,
    case_id: &CaseId,
    case_no: CaseNo,
    found: &Found,
) -> Result<CaseView, Error> {
    let Found { as_of, case_seq, day, .. } = *found;
    let debtor_id = DebtorId::new(found.debtor_id.as_str())
        .map_err(|error| Damage::of("case_event", context.part, case_no.0, error))?;
    let case = input(context, (&found.content, debtor_id.as_str()), (as_of, case_seq, day));
    let ranked = found.rule_set.rank(&case);
    let view = ranked_view(context, (case_id.clone(), debtor_id), &ranked, (as_of, day));
    Ok(CaseView { case_no, provisional: ranked.served.absorb_at.is_some(), ..view })
}

/// A case as it is ranked.
fn ranked_view(
    context: &PortfolioContext,
    (case_id, debtor_id): (CaseId, DebtorId),
    ranked: &Ranked,
    (as_of, today): (Micros, Day),
) -> CaseView {
    let oldest_due_date = ranked.served.oldest_due_date;
    CaseView {
        case_no: CaseNo(0),
        portfolio_id: context.portfolio_id.clone(),
        case_id,
        debtor_id,
        currency: context.currency(),
        state: ranked.state,
        close_reason: ranked.close_reason,
        episode: 0,
        overdue_amount_minor: ranked.served.overdue_amount_minor,
        provisional: false,
        oldest_due_date,
        days_past_due: oldest_due_date.map(|due| today.since(due)),
        stage: (ranked.state == CaseState::Open).then_some(ranked.stage),
        rank: (ranked.state != CaseState::Closed).then_some(ranked.rank),
        as_of,
        case_holds: Vec::new(),
        debtor_holds: Vec::new(),
        document: None,
        payments: Vec::new(),
    }
}

/// The day to rank as of: `today`, or the one asked for if it lies between the `earliest`
/// and a year ahead of the day that it is now.
fn day_to_rank(
    context: &PortfolioContext,
    (asked, today): (Option<Day>, Day),
    (earliest, now): (Day, Micros),
    (prefix, broken): (&str, &mut Violations),
) -> Day {
    let Some(day) = asked else { return today };
    let latest = context.zone.day_of(now).plus(DAYS_AHEAD_MAX);
    if !(earliest..=latest).contains(&day) {
        let bound = format!("it must lie between {earliest} and {latest}");
        let field = format!("{prefix}as_of_date");
        broken.add(field, Reason::FieldOutOfRange, day, bound);
    }
    day
}
