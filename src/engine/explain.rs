//! Why a case is ranked as it is.

use std::sync::Arc;

use crate::model::{CaseId, Day, LocalDays, PortfolioId, Reason, Violations};
use crate::scoring::{CaseInput, Explanation};
use crate::store::cases;

use super::read::{self, CaseView};
use super::{Caller, Engine, Error};

/// How far ahead of today a case may be ranked.
const DAYS_AHEAD_MAX: i32 = 366;

/// A case and why it is ranked as it is, as of today or another day.
///
/// # Errors
/// `NotFound`; `Invalid` for a day before the ledger's or over a year ahead.
pub async fn explain_case(
    engine: &Arc<Engine>,
    caller: &Caller,
    portfolio_id: PortfolioId,
    case_id: CaseId,
    as_of_date: Option<Day>,
) -> Result<(CaseView, Explanation), Error> {
    let mut tx = engine.store.read().await?;
    let part = caller.part;
    let context = engine.context_by_id(&mut tx, part, &portfolio_id).await?;
    let known = read::find(&mut tx, part, &context, &case_id).await?;
    let today = context.zone.day_of(engine.now());
    let earliest = context.zone.day_of(known.head.as_of);
    let day = as_of_date.unwrap_or(today);
    if as_of_date.is_some() && !(earliest..=today.plus(DAYS_AHEAD_MAX)).contains(&day) {
        let mut violations = Violations::new();
        let bound = format!("it must lie between {earliest} and {}", today.plus(DAYS_AHEAD_MAX));
        violations.add("as_of_date", Reason::FieldOutOfRange, day, bound);
        return Err(Error::Invalid(violations));
    }
    let mut contents = cases::load_content(&mut tx, part, [known.head.case_no]).await?;
    let (_, content) = contents
        .remove(&known.head.case_no)
        .ok_or_else(|| Error::Internal(format!("case {case_id} has no content")))?;
    let explanation = context.rule_set.explain(&CaseInput {
        facts: &content.facts,
        history: &content.history,
        as_of: known.head.as_of,
        case_seq: known.head.case_seq,
        today: day,
        days: &context.zone,
    });
    let mut views = read::views(engine, &mut tx, &context, vec![known.head], false).await?;
    let view = views.pop().ok_or_else(|| Error::Internal("a case has no view".to_owned()))?;
    Ok((view, explanation))
}
