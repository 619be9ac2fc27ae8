//! Which lanes a work list selects, and which of them are within hours of
//! contact. A calling window selects lanes; it never filters rows.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use crate::model::{
    ContactPolicy, LaneKey, Micros, PortfolioNo, RecoveryGroup, Route, Stage, WorkListSettings,
};
use crate::policy::Window;
use crate::store::Tx;

use super::super::Error;
use super::super::context::PortfolioContext;
use super::super::working_set::WorkingSet;

/// The shortest time worth beginning a call for: with less left of the hours of
/// contact nobody is served.
pub(in super::super) const TALK_MIN: i64 = Micros::MINUTE;

/// How long "no hours of contact are near" is believed.
const NO_WINDOW_KEPT: i64 = Micros::HOUR;
/// The most portfolios that a warning names.
const NAMED_MAX: usize = 8;
/// The most answers kept of one portfolio.
const WINDOWS_KEPT: usize = 10_000;

/// Answers of the calendars of one portfolio by zone set: computing one costs more
/// than a whole claim, and it holds until its own end. They belong to the context
/// whose hours they were computed from and go with it: the number and the version
/// of settings may be used again after a commit that failed.
#[derive(Default)]
pub(in super::super) struct Windows(RwLock<HashMap<i64, (Micros, Window)>>);

impl Windows {
    fn known(&self, zone_set_id: i64, now: Micros) -> Option<Window> {
        let windows = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let (since, window) = windows.get(&zone_set_id)?;
        let end = match window {
            Window::Open { until } => Micros(until.0.saturating_sub(TALK_MIN)),
            Window::Closed { next: Some(next) } => Micros(next.0 - 1),
            Window::Closed { next: None } => since.plus(NO_WINDOW_KEPT),
        };
        (*since <= now && now <= end).then_some(*window)
    }

    fn learn(&self, zone_set_id: i64, now: Micros, window: Window) {
        let mut windows = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if windows.len() >= WINDOWS_KEPT {
            windows.clear();
        }
        windows.insert(zone_set_id, (now, window));
    }
}

/// The lanes of a work list.
#[derive(Default)]
pub(in super::super) struct Selection {
    /// Lanes within hours of contact, with the instant until which they are.
    pub(in super::super) open: BTreeMap<i64, Micros>,
    /// The other lanes, with the next instant at which hours begin, where there
    /// is one.
    pub(in super::super) closed: BTreeMap<i64, Option<Micros>>,
    /// The portfolios of these lanes whose policy is `always`.
    pub(in super::super) always: Vec<String>,
}

impl Selection {
    /// The earliest instant at which hours begin in a closed lane.
    pub(in super::super) fn next_opening(&self) -> Option<Micros> {
        self.closed.values().copied().flatten().min()
    }

    /// What a caller should know of these lanes: code and text.
    pub(in super::super) fn warnings(&self) -> Vec<(&'static str, String)> {
        if self.always.is_empty() {
            return Vec::new();
        }
        let named = self.always.iter().take(NAMED_MAX).map(String::as_str).collect::<Vec<_>>();
        let others = match self.always.len() - named.len() {
            0 => String::new(),
            others => format!(" and {others} more"),
        };
        let text = format!(
            "Contact is allowed at every hour and without caps in {}{others}: the policy `always` \
             is for demonstrations and tests.",
            named.join(", ")
        );
        vec![("POLICY_ALWAYS", text)]
    }
}

/// The lanes a work list selects, by whether contact may begin now.
pub(in super::super) async fn select(
    set: &mut WorkingSet,
    tx: &mut Tx,
    settings: &WorkListSettings,
) -> Result<Selection, Error> {
    let mut selection = Selection::default();
    set.engine.learn_directory(tx, set.part).await?;
    let lanes = set.engine.directory.lanes_of(set.part);
    let portfolios = portfolios(set, tx, settings, &lanes).await?;
    for (lane_id, lane) in lanes {
        let Some(context) = portfolios.get(&lane.portfolio_no) else { continue };
        if !selects(settings, &lane) {
            continue;
        }
        if context.portfolio.settings.contact_policy == ContactPolicy::Always
            && !selection.always.contains(&context.portfolio.id)
        {
            selection.always.push(context.portfolio.id.clone());
        }
        match window(set, context, lane.zone_set_id)? {
            Window::Open { until } => {
                selection.open.insert(lane_id, until);
            }
            Window::Closed { next } => {
                selection.closed.insert(lane_id, next);
            }
        }
    }
    Ok(selection)
}

/// Whether a work list selects a lane, its portfolio aside.
fn selects(settings: &WorkListSettings, lane: &LaneKey) -> bool {
    selects_alike(settings, (lane.stage, lane.group, lane.route), &lane.language)
}

/// Whether a work list selects cases of a stage, a group and a route that are to be spoken to
/// in a language, their portfolio aside.
pub(in super::super) fn selects_alike(
    settings: &WorkListSettings,
    (stage, group, route): (Stage, RecoveryGroup, Route),
    language: &String,
) -> bool {
    fn any<T: PartialEq>(chosen: &[T], value: &T) -> bool {
        chosen.is_empty() || chosen.contains(value)
    }
    any(&settings.groups, &group)
        && any(&settings.stages, &stage)
        && any(&settings.routes, &route)
        && any(&settings.languages, language)
}

/// Whether a work list selects the cases of a lane whose portfolio is in hand.
pub(super) fn selected(set: &WorkingSet, settings: &WorkListSettings, lane: &LaneKey) -> bool {
    let portfolio_id = &set.portfolio(lane.portfolio_no).portfolio.id;
    (settings.portfolio_ids.is_empty() || settings.portfolio_ids.contains(portfolio_id))
        && selects(settings, lane)
}

/// Whether a case of this lane may be served from the list now, and until when:
/// for a lane that a case has moved to in this transaction.
pub(super) fn serves(
    set: &WorkingSet,
    settings: &WorkListSettings,
    lane: &LaneKey,
) -> Result<Option<Micros>, Error> {
    if !selected(set, settings, lane) {
        return Ok(None);
    }
    let context = Arc::clone(set.portfolio(lane.portfolio_no));
    Ok(match window(set, &context, lane.zone_set_id)? {
        Window::Open { until } => Some(until),
        Window::Closed { .. } => None,
    })
}

/// The portfolios a work list serves: those it names, or all that have lanes.
async fn portfolios(
    set: &mut WorkingSet,
    tx: &mut Tx,
    settings: &WorkListSettings,
    lanes: &[(i64, Arc<LaneKey>)],
) -> Result<HashMap<PortfolioNo, Arc<PortfolioContext>>, Error> {
    if !settings.portfolio_ids.is_empty() {
        let ids = settings.portfolio_ids.iter().map(String::as_str);
        for context in set.engine.contexts_by_id(tx, set.part, ids).await? {
            set.add_portfolio(context);
        }
        let named =
            |context: &PortfolioContext| settings.portfolio_ids.contains(&context.portfolio.id);
        return Ok(set.portfolios().filter(|(_, context)| named(context)).collect());
    }
    set.load_portfolios(tx, lanes.iter().map(|(_, lane)| lane.portfolio_no)).await?;
    Ok(set.portfolios().collect())
}

/// Whether contact may begin now in a calendar and last [`TALK_MIN`].
pub(in super::super) fn window(
    set: &WorkingSet,
    context: &PortfolioContext,
    zone_set_id: i64,
) -> Result<Window, Error> {
    if let Some(known) = context.windows.known(zone_set_id, set.now) {
        return Ok(known);
    }
    let zones = set.zone_set(zone_set_id)?;
    let window = context.calendar(&zones).open_for(set.now, TALK_MIN);
    context.windows.learn(zone_set_id, set.now, window);
    Ok(window)
}
