//! The debtors a transaction works on, with all their cases: loaded once,
//! changed in memory, and written back as the difference. Every verb that moves
//! a case goes through here, so that ranking, lanes and places in the queue are
//! computed in one way only.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::model::{
    CaseNo, CaseState, Currency, Day, DebtorNo, Facts, History, LaneKey, LocalDays, Micros, Part,
    Payment, PortfolioNo, PromiseState, QueueRank, QueueState, WorkKind, held_until,
};
use crate::policy::{Calendar, GateInput, ZoneSet, place, promise_parks_until};
use crate::scoring::{CaseInput, Ranked};
use crate::store::Damage;
use crate::store::cases::{CaseContent, CaseHead};
use crate::store::debtors::Debtor;
use crate::store::queue::QueueRow;
use crate::store::queue::lease::LeaseEnd;

use super::context::{Engine, PortfolioContext};
use super::lease::heads::Learned;

mod damage;
mod leases;
mod load;
mod moves;
mod save;
mod several;

use damage::Damaged;
use leases::LeaseChanges;
pub(super) use leases::{NewLease, UNREPORTED_COOLING};
pub(super) use moves::Leaving;
pub(super) use save::{Effects, PendingBody, PendingDocument, PendingEvent};
pub(super) use several::WorkingSets;

/// The debtors and cases of one transaction of one part.
pub(super) struct WorkingSet {
    pub(super) engine: Arc<Engine>,
    pub(super) part: Part,
    pub(super) actor: String,
    pub(super) now: Micros,
    portfolios: HashMap<PortfolioNo, Arc<PortfolioContext>>,
    debtors: BTreeMap<DebtorNo, DebtorEntry>,
    cases: BTreeMap<CaseNo, CaseEntry>,
    /// Whose the cases are.
    members: BTreeSet<(DebtorNo, CaseNo)>,
    events: Vec<PendingEvent>,
    audit: Vec<save::PendingAudit>,
    leases: LeaseChanges,
    /// Cases that have gone to another part, each with its last event.
    left: BTreeMap<CaseNo, i64>,
    /// The lanes they stood in.
    left_lanes: BTreeSet<i64>,
    damaged: Damaged,
    /// Whether debtors that somebody else has are passed over instead of waited for.
    skips: bool,
    /// Debtors that were passed over.
    busy: BTreeSet<DebtorNo>,
    /// What this transaction has read of lanes.
    pub(super) heads: Learned,
    new_lanes: HashMap<i64, LaneKey>,
    known_lanes: HashMap<i64, LaneKey>,
    new_zone_sets: BTreeMap<i64, Arc<ZoneSet>>,
    known_zone_sets: HashMap<i64, Arc<ZoneSet>>,
    calendars: HashMap<(PortfolioNo, i64), Arc<Calendar>>,
}

struct DebtorEntry {
    debtor: Debtor,
    /// As loaded; nothing for a new debtor.
    loaded: Option<Debtor>,
}

/// A case in hand.
pub(super) struct CaseEntry {
    /// Where it stands; change it, then rank or settle.
    pub(super) head: CaseHead,
    /// As loaded; nothing for a new case.
    loaded: Option<CaseHead>,
    /// The caller's id, where the content was loaded or is new.
    pub(super) case_id: Option<String>,
    /// What it is ranked from, where it was loaded or is new.
    pub(super) content: Option<CaseContent>,
    history_changed: bool,
    document: Option<PendingDocument>,
    /// Its place in the queue, as last settled.
    pub(super) queue: Option<QueueRow>,
    queue_loaded: Option<QueueRow>,
}

impl CaseEntry {
    /// A case as it is stored.
    fn stored(head: CaseHead, row: Option<QueueRow>) -> CaseEntry {
        CaseEntry {
            loaded: Some(head.clone()),
            case_id: None,
            content: None,
            history_changed: false,
            document: None,
            queue: row.clone(),
            queue_loaded: row,
            head,
        }
    }
}

impl WorkingSet {
    /// An empty set; `actor` is for the audit.
    pub(super) fn of_part(
        engine: &Arc<Engine>,
        part: Part,
        actor: &str,
        now: Micros,
    ) -> WorkingSet {
        WorkingSet {
            engine: Arc::clone(engine),
            part,
            actor: actor.to_owned(),
            now,
            portfolios: HashMap::new(),
            debtors: BTreeMap::new(),
            cases: BTreeMap::new(),
            members: BTreeSet::new(),
            events: Vec::new(),
            audit: Vec::new(),
            leases: LeaseChanges::default(),
            left: BTreeMap::new(),
            left_lanes: BTreeSet::new(),
            damaged: Damaged::default(),
            skips: false,
            busy: BTreeSet::new(),
            heads: Learned::default(),
            new_lanes: HashMap::new(),
            known_lanes: HashMap::new(),
            new_zone_sets: BTreeMap::new(),
            known_zone_sets: HashMap::new(),
            calendars: HashMap::new(),
        }
    }

    /// Takes a portfolio in hand, as this transaction sees it.
    pub(super) fn add_portfolio(&mut self, context: Arc<PortfolioContext>) {
        self.portfolios.insert(context.portfolio.number, context);
    }

    pub(super) fn portfolio(&self, number: PortfolioNo) -> &Arc<PortfolioContext> {
        self.portfolios.get(&number).expect("the portfolio of a case is loaded with its debtor")
    }

    /// The portfolios in hand, by number.
    pub(super) fn portfolios(&self) -> impl Iterator<Item = (PortfolioNo, Arc<PortfolioContext>)> {
        self.portfolios.iter().map(|(number, context)| (*number, Arc::clone(context)))
    }

    /// A portfolio, if it is in hand.
    pub(super) fn known_portfolio(&self, number: PortfolioNo) -> Option<&Arc<PortfolioContext>> {
        self.portfolios.get(&number)
    }

    pub(super) fn add_debtor(&mut self, debtor: Debtor) {
        let entry = DebtorEntry { debtor, loaded: None };
        self.debtors.insert(entry.debtor.debtor_no, entry);
    }

    /// Adds a case that is not stored yet.
    pub(super) fn add_case(&mut self, case_id: &str, head: CaseHead, content: CaseContent) {
        let entry = CaseEntry {
            loaded: None,
            case_id: Some(case_id.to_owned()),
            content: Some(content),
            history_changed: true,
            document: None,
            queue: None,
            queue_loaded: None,
            head,
        };
        self.members.insert((entry.head.debtor_no, entry.head.case_no));
        self.cases.insert(entry.head.case_no, entry);
    }

    pub(super) fn debtor(&self, debtor_no: DebtorNo) -> &Debtor {
        &self.debtors.get(&debtor_no).expect("the debtor of a case is loaded with it").debtor
    }

    pub(super) fn debtor_mut(&mut self, debtor_no: DebtorNo) -> &mut Debtor {
        &mut self
            .debtors
            .get_mut(&debtor_no)
            .expect("the debtor of a case is loaded with it")
            .debtor
    }

    pub(super) fn debtors(&self) -> impl Iterator<Item = &Debtor> {
        self.debtors.values().map(|entry| &entry.debtor)
    }

    pub(super) fn case(&self, case_no: CaseNo) -> Option<&CaseEntry> {
        self.cases.get(&case_no)
    }

    pub(super) fn case_mut(&mut self, case_no: CaseNo) -> Option<&mut CaseEntry> {
        self.cases.get_mut(&case_no)
    }

    /// The cases of a debtor, by number.
    pub(super) fn cases_of(&self, debtor_no: DebtorNo) -> impl Iterator<Item = &CaseEntry> {
        let first = (debtor_no, CaseNo(i64::MIN));
        let last = (debtor_no, CaseNo(i64::MAX));
        self.members.range(first..=last).filter_map(|(_, case_no)| self.cases.get(case_no))
    }

    /// What is overdue over cases in hand, by currency, in smallest units.
    pub(super) fn totals<'a>(
        &self,
        heads: impl Iterator<Item = &'a CaseHead>,
    ) -> Vec<(Currency, i128)> {
        let mut totals: Vec<(Currency, i128)> = Vec::new();
        for head in heads {
            let currency = self.portfolio(head.portfolio_no).currency();
            let amount = i128::from(head.overdue_amount_minor);
            match totals.iter_mut().find(|(known, _)| *known == currency) {
                Some((_, total)) => *total += amount,
                None => totals.push((currency, amount)),
            }
        }
        totals
    }

    /// Gives a case to another debtor. A lease on it ends: whoever holds it would
    /// speak to the wrong person.
    pub(super) fn move_to_debtor(&mut self, case_no: CaseNo, debtor_no: DebtorNo) {
        let Some(entry) = self.cases.get_mut(&case_no) else { return };
        let before = std::mem::replace(&mut entry.head.debtor_no, debtor_no);
        if before == debtor_no {
            return;
        }
        self.members.remove(&(before, case_no));
        self.members.insert((debtor_no, case_no));
        if self.debtor(before).lease.is_some_and(|(leased, _)| leased == case_no) {
            self.end_lease(before, LeaseEnd::Revoked, self.now);
        }
    }

    /// A case and what it is ranked from, to be changed.
    fn changeable(&mut self, case_no: CaseNo) -> Result<(&mut CaseHead, &mut CaseContent), Damage> {
        self.check_readable(case_no)?;
        let entry = self.cases.get_mut(&case_no).expect("a readable case is in hand");
        entry.history_changed = true;
        let content = entry.content.as_mut().expect("a readable case has content");
        Ok((&mut entry.head, content))
    }

    /// Changes the history of a case.
    ///
    /// # Errors
    /// Where it cannot be read; nothing is changed then. So it is with all changes
    /// of one case.
    pub(super) fn change_history(
        &mut self,
        case_no: CaseNo,
        change: impl FnOnce(&mut History),
    ) -> Result<(), Damage> {
        let now = self.now;
        let (head, content) = self.changeable(case_no)?;
        change(&mut content.history);
        head.hold_until = held_until(&content.history.holds, now);
        Ok(())
    }

    /// Tells the history of a case that its facts have just replaced `old`. Returns
    /// how many versions there were before. `by` is the tolerance and the day of the
    /// document.
    pub(super) fn take_document(
        &mut self,
        case_no: CaseNo,
        old: Option<&Facts>,
        by: (i64, Day),
    ) -> Result<i64, Damage> {
        let (_, content) = self.changeable(case_no)?;
        let earlier_versions = content.history.facts_version_count;
        content.history.take_document(old, &content.facts, by);
        Ok(earlier_versions)
    }

    /// The day in the zone of a case.
    pub(super) fn day_of(&self, case_no: CaseNo, instant: Micros) -> Result<Day, Damage> {
        let entry = self.in_hand(case_no)?;
        Ok(self.portfolio(entry.head.portfolio_no).zone.day_of(instant))
    }

    /// Adds a payment to a case; it may keep promises.
    pub(super) fn pay(&mut self, case_no: CaseNo, payment: Payment) -> Result<(), Damage> {
        self.change_by_ledger(case_no, |history, facts, as_of, by| {
            history.pay(payment);
            history.keep_promises(facts, as_of, by);
        })
    }

    /// Takes a payment back; promises that it kept may be open again.
    pub(super) fn take_back(
        &mut self,
        case_no: CaseNo,
        payment_event_id: &str,
        reversed: Micros,
    ) -> Result<(), Damage> {
        self.change_by_ledger(case_no, |history, facts, as_of, by| {
            history.take_back((payment_event_id, reversed), facts, as_of, by);
        })
    }

    /// Changes the history of a case by what its ledger says, the instant of that,
    /// and the tolerance and days of its portfolio.
    fn change_by_ledger(
        &mut self,
        case_no: CaseNo,
        change: impl FnOnce(&mut History, &Facts, Micros, (i64, &dyn LocalDays)),
    ) -> Result<(), Damage> {
        let portfolio_no = self.in_hand(case_no)?.head.portfolio_no;
        let context = Arc::clone(self.portfolio(portfolio_no));
        let tolerance_minor = context.rule_set.ranking().tolerance_amount_minor;
        let (head, content) = self.changeable(case_no)?;
        let by = (tolerance_minor, &context.zone as &dyn LocalDays);
        change(&mut content.history, &content.facts, head.as_of, by);
        Ok(())
    }

    /// Appends an event to a case: takes the next number and raises its record
    /// time to that of the event before.
    pub(super) fn append(
        &mut self,
        case_no: CaseNo,
        event: PendingBody,
        event_time: Micros,
    ) -> Result<(), Damage> {
        self.check_readable(case_no)?;
        let now = self.now;
        let entry = self.cases.get_mut(&case_no).expect("a readable case is in hand");
        entry.head.case_seq += 1;
        entry.head.record_time = entry.head.record_time.max(now);
        let ledger_as_of = entry.head.as_of;
        self.events.push(PendingEvent {
            case_no,
            case_seq: entry.head.case_seq,
            event_time,
            record_time: entry.head.record_time,
            ledger_as_of,
            body: event,
        });
        Ok(())
    }

    /// Ranks a case anew from its content, by the active rule set as of today,
    /// and moves it to its lane. A case that opens again begins a new episode. What
    /// it is ranked from does not change here: only events change that.
    pub(super) fn rank(&mut self, case_no: CaseNo) -> Result<Ranked, Damage> {
        self.check_readable(case_no)?;
        let entry = self.cases.get(&case_no).expect("a readable case is in hand");
        let context = Arc::clone(self.portfolio(entry.head.portfolio_no));
        let debtor = &self.debtors[&entry.head.debtor_no].debtor;
        let zone_set_id = debtor.zone_set_id;
        let today = context.zone.day_of(self.now);
        let entry = self.cases.get_mut(&case_no).expect("a readable case is in hand");
        let content = entry.content.as_ref().expect("a readable case has content");
        let ranked = context.rule_set.rank(&CaseInput {
            facts: &content.facts,
            history: &content.history,
            debtor_id: &debtor.debtor_id,
            as_of: entry.head.as_of,
            case_seq: entry.head.case_seq,
            today,
            days: &context.zone,
        });
        let head = &mut entry.head;
        if head.state == CaseState::Closed && ranked.state != CaseState::Closed {
            head.episode += 1;
        }
        head.state = ranked.state;
        head.close_reason = ranked.close_reason;
        head.overdue_amount_minor = ranked.served.overdue_amount_minor;
        head.oldest_due_date = ranked.served.oldest_due_date;
        head.absorb_at = ranked.served.absorb_at;
        head.stage = ranked.stage;
        head.rank = ranked.rank;
        head.review_at = ranked.review_day.map(|day| context.zone.start_of(day));
        head.park_until = park_until(&ranked, &content.history, &context);
        let language = match content.facts.language.as_str() {
            "" => context.portfolio.settings.ranking.default_language.clone(),
            language => language.to_owned(),
        };
        let lane = LaneKey {
            zone_set_id,
            portfolio_no: head.portfolio_no,
            language,
            stage: head.stage,
            group: head.rank.group,
            work_kind: WorkKind::Collect,
            route: head.rank.route,
        };
        self.move_to_lane(case_no, lane);
        Ok(ranked)
    }

    fn move_to_lane(&mut self, case_no: CaseNo, lane: LaneKey) {
        let lane_id = lane.lane_id();
        if let Some(entry) = self.cases.get_mut(&case_no) {
            entry.head.lane_id = lane_id;
        }
        if self.engine.directory.lane(self.part, lane_id).is_none() {
            self.new_lanes.insert(lane_id, lane);
        }
    }

    /// Sets the zones of a debtor and moves all the debtor's cases to the lanes
    /// of the new calendar.
    pub(super) fn set_zones(&mut self, debtor_no: DebtorNo, zones: ZoneSet) {
        let id = zones.id();
        if self.debtor(debtor_no).zone_set_id == id {
            return;
        }
        self.debtor_mut(debtor_no).zone_set_id = id;
        if self.engine.directory.zone_set(self.part, id).is_none() {
            self.new_zone_sets.insert(id, Arc::new(zones));
        }
        let lanes: Vec<(CaseNo, i64)> = self
            .cases_of(debtor_no)
            .map(|entry| (entry.head.case_no, entry.head.lane_id))
            .collect();
        for (case_no, lane_id) in lanes {
            if let Some(lane) = self.lane(lane_id) {
                self.move_to_lane(case_no, LaneKey { zone_set_id: id, ..lane });
            }
        }
    }

    pub(super) fn lane(&self, lane_id: i64) -> Option<LaneKey> {
        let known = self.engine.directory.lane(self.part, lane_id);
        let pending = || self.new_lanes.get(&lane_id).or_else(|| self.known_lanes.get(&lane_id));
        known.map(|lane| (*lane).clone()).or_else(|| pending().cloned())
    }

    pub(super) fn zone_set(&self, zone_set_id: i64) -> Result<Arc<ZoneSet>, Damage> {
        self.engine
            .directory
            .zone_set(self.part, zone_set_id)
            .or_else(|| self.new_zone_sets.get(&zone_set_id).cloned())
            .or_else(|| self.known_zone_sets.get(&zone_set_id).cloned())
            .ok_or_else(|| Damage::missing("zone_set", self.part, zone_set_id))
    }

    /// The calendar of a case: the portfolio's policy in the debtor's zones.
    pub(super) fn calendar(
        &mut self,
        portfolio_no: PortfolioNo,
        zone_set_id: i64,
    ) -> Result<Arc<Calendar>, Damage> {
        if let Some(known) = self.calendars.get(&(portfolio_no, zone_set_id)) {
            return Ok(Arc::clone(known));
        }
        let zones = self.zone_set(zone_set_id)?;
        let calendar = Arc::new(self.portfolio(portfolio_no).calendar(&zones));
        self.calendars.insert((portfolio_no, zone_set_id), Arc::clone(&calendar));
        Ok(calendar)
    }

    /// Computes the place of every case in hand.
    pub(super) fn settle(&mut self) -> Result<(), Damage> {
        let case_nos: Vec<CaseNo> = self.cases.keys().copied().collect();
        for case_no in case_nos {
            self.settle_case(case_no)?;
        }
        Ok(())
    }

    /// Computes the place of one case in hand.
    pub(super) fn settle_case(&mut self, case_no: CaseNo) -> Result<(), Damage> {
        let Some(entry) = self.cases.get(&case_no) else { return Ok(()) };
        let (portfolio_no, debtor_no) = (entry.head.portfolio_no, entry.head.debtor_no);
        let calendar = self.calendar(portfolio_no, self.debtor(debtor_no).zone_set_id)?;
        let context = Arc::clone(self.portfolio(portfolio_no));
        let now = self.now;
        let unreadable_until = self.unreadable_until(debtor_no);
        let review_at = self.review_put_off(case_no);
        let debtor = &self.debtors[&debtor_no].debtor;
        let Some(entry) = self.cases.get_mut(&case_no) else { return Ok(()) };
        entry.head.review_at = review_at.or(entry.head.review_at);
        let input = GateInput { unreadable_until, ..gate_input(&entry.head, debtor) };
        let placement = place(&input, &context.portfolio.settings, &calendar, now);
        let head = &entry.head;
        let before = entry.queue.as_ref();
        if before.is_none() && placement.state == QueueState::Absent {
            return Ok(());
        }
        let ready_since = (placement.state == QueueState::Ready)
            .then(|| before.and_then(|row| row.ready_since).unwrap_or(now));
        let class = QueueRank::CLASS_NORMAL;
        entry.queue = Some(QueueRow {
            case_no,
            state: placement.state,
            withheld_by: placement.withheld_by,
            lane_id: head.lane_id,
            rank: QueueRank::new(class, head.rank.priority, ready_since.unwrap_or(Micros(0))),
            ready_since,
            wake_at: placement.wake_at,
            lease_seq: before.map_or(0, |row| row.lease_seq),
            lease_nonce: before
                .and_then(|row| row.lease_nonce)
                .filter(|_| placement.state == QueueState::Leased),
        });
        Ok(())
    }
}

/// What the gates read of a case and its debtor.
pub(super) fn gate_input<'a>(head: &CaseHead, debtor: &'a Debtor) -> GateInput<'a> {
    GateInput {
        state: head.state,
        close_reason: head.close_reason,
        due_date: head.oldest_due_date,
        unreadable_until: None,
        case_hold_until: head.hold_until,
        debtor_hold_until: debtor.hold_until,
        park_until: head.park_until,
        debtor_lease_until: debtor.lease.map(|(_, until)| until),
        leased_here: debtor.lease.is_some_and(|(case_no, _)| case_no == head.case_no),
        ledger_as_of: head.as_of,
        cool_until: debtor.cool_until,
        attempts: &debtor.record.attempts,
    }
}

/// Until when a case is parked: for good while payments cover it, else until its
/// promise is judged.
fn park_until(ranked: &Ranked, history: &History, context: &PortfolioContext) -> Option<Micros> {
    if ranked.cured_provisional {
        return Some(Micros::NEVER);
    }
    history
        .promises
        .iter()
        .filter(|promise| promise.state == PromiseState::Open)
        .map(|promise| promise_parks_until(&context.zone, promise))
        .max()
}
