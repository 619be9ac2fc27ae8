//! Why a case is ranked as it is, what would change that, and how a case that is
//! not stored would be ranked.

use std::sync::Arc;

use crate::model::{
    CaseId, CaseNo, CaseState, Day, DebtorId, Facts, History, LocalDays, Micros, PortfolioId,
    Reason, Violations,
};
use crate::scoring::{CaseInput, Explanation};
use crate::store::cases::{self, CaseContent};

use super::context::PortfolioContext;
use super::push::Document;
use super::read::{self, CaseView};
use super::{Caller, Engine, Error};

/// How far ahead of today a case may be ranked.
const DAYS_AHEAD_MAX: i32 = 366;

/// A case, explained, with what it takes to explain it as if its document said
/// something else.
pub struct ExplainedCase {
    /// The case.
    pub view: CaseView,
    /// Why it is ranked as it is.
    pub explanation: Explanation,
    context: Arc<PortfolioContext>,
    content: CaseContent,
    asked: Asked,
    day: Day,
}

/// As of which day a case is explained, and in which language.
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
        &self.content.facts
    }

    /// How the case would be ranked if its newest document said this instead.
    pub fn what_if(&self, facts: &Facts) -> Explanation {
        let content = CaseContent { facts: facts.clone(), history: self.content.history.clone() };
        let case_seq = self.explanation.rank.case_seq;
        explain(&self.context, &content, (self.view.as_of, case_seq, self.day), &self.asked)
    }
}

/// A case and why it is ranked as it is, as of today or another day.
///
/// # Errors
/// `NotFound`; `Invalid` for a day before the ledger's or over a year ahead.
pub async fn explain_case(
    engine: &Arc<Engine>,
    caller: &Caller,
    portfolio_id: PortfolioId,
    case_id: CaseId,
    asked: Asked,
) -> Result<ExplainedCase, Error> {
    let part = engine.part_of_case(caller, &portfolio_id, &case_id).await?;
    let mut tx = engine.store.read().await?;
    let context = engine.context_by_id(&mut tx, part, &portfolio_id).await?;
    let known = read::find(&mut tx, part, &context, &case_id).await?;
    let day = day_to_rank(&context, asked.as_of_date, known.head.as_of, engine.now())?;
    let (_, content) = cases::load_content_of(&mut tx, part, known.head.case_no).await?;
    let (as_of, case_seq) = (known.head.as_of, known.head.case_seq);
    let explanation = explain(&context, &content, (as_of, case_seq, day), &asked);
    let view = read::view_of(engine, &mut tx, &context, known.head, false).await?;
    Ok(ExplainedCase { view, explanation, context, content, asked, day })
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
    let day = day_to_rank(&context, asked.as_of_date, as_of, engine.now())?;
    let Document { case_id, debtor_id, facts, .. } = document;
    let mut history = History::default();
    let tolerance_minor = context.rule_set.ranking().tolerance_amount_minor;
    history.take_document(None, &facts, (tolerance_minor, context.zone.day_of(as_of)));
    let content = CaseContent { facts, history };
    let explanation = explain(&context, &content, (as_of, FIRST_EVENT, day), &asked);
    let view = first_view(&context, (case_id, debtor_id), &content, (as_of, day));
    Ok((view, explanation))
}

/// The event that a first push appends.
const FIRST_EVENT: i64 = 1;

fn explain(
    context: &PortfolioContext,
    content: &CaseContent,
    (as_of, case_seq, today): (Micros, i64, Day),
    asked: &Asked,
) -> Explanation {
    let days = &context.zone;
    let CaseContent { facts, history } = content;
    let case = CaseInput { facts, history, as_of, case_seq, today, days };
    context.rule_set.explain(&case, asked.language.as_deref())
}

/// A case as its first push would leave it.
fn first_view(
    context: &PortfolioContext,
    (case_id, debtor_id): (CaseId, DebtorId),
    content: &CaseContent,
    (as_of, today): (Micros, Day),
) -> CaseView {
    let CaseContent { facts, history } = content;
    let days = &context.zone;
    let case = CaseInput { facts, history, as_of, case_seq: FIRST_EVENT, today, days };
    let ranked = context.rule_set.rank(&case);
    let oldest_due_date = ranked.served.oldest_due_date;
    CaseView {
        case_no: CaseNo(0),
        portfolio_id: context.portfolio_id.clone(),
        case_id,
        debtor_id,
        currency: context.currency(),
        state: ranked.state,
        close_reason: ranked.close_reason,
        episode: 1,
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

/// The day to rank as of: today, or the one asked for if it lies between the
/// document's and a year ahead.
fn day_to_rank(
    context: &PortfolioContext,
    as_of_date: Option<Day>,
    as_of: Micros,
    now: Micros,
) -> Result<Day, Error> {
    let today = context.zone.day_of(now);
    let Some(day) = as_of_date else { return Ok(today) };
    let (earliest, latest) = (context.zone.day_of(as_of), today.plus(DAYS_AHEAD_MAX));
    if !(earliest..=latest).contains(&day) {
        let mut violations = Violations::new();
        let bound = format!("it must lie between {earliest} and {latest}");
        violations.add("as_of_date", Reason::FieldOutOfRange, day, bound);
        return Err(Error::Invalid(violations));
    }
    Ok(day)
}
