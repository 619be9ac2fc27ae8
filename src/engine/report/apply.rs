//! What an outcome does to its cases and its debtor.

use crate::model::{
    Attempt, CaseNo, DebtorNo, Hold, Micros, Part, PortfolioNo, Promise, PromiseState, h64,
    held_until,
};
use crate::policy::{self, Effect, HoldScope};
use crate::store::events::{self, EventKey};
use crate::store::queue::lease::{LeaseEnd, LeaseRow};
use crate::store::{Damage, Tx};

use super::super::Error;
use super::super::lease::Promised;
use super::super::working_set::{PendingBody, WorkingSet};
use super::check::Checked;
use super::hands::Hands;

/// The kind of a hold among event keys.
const HOLD: i64 = 4;

/// Applies an outcome, holds aside. A late one counts, and moves the case only
/// if the debtor paid or promised.
/// All cases spoken of can be read.
pub(super) fn apply(
    hands: &mut Hands<'_>,
    lease: &LeaseRow,
    checked: &Checked,
    late: bool,
) -> Result<(), Damage> {
    let set = hands.home();
    count(set, lease, checked, late);
    let now = set.now;
    if !late {
        set.end_lease(lease.debtor_no, LeaseEnd::Reported, now);
    }
    if !late || checked.row.effect == Effect::Paid {
        cool(hands, lease, checked)?;
    }
    if checked.row.effect == Effect::NotDialled {
        return Ok(());
    }
    for case_no in &checked.case_nos {
        let attempt = Attempt {
            event_time: checked.contact_time,
            outcome_code: checked.row.code.clone(),
            right_party: checked.row.right_party,
            gated: matches!(checked.row.effect, Effect::Hold { .. }),
        };
        let body = PendingBody::Attempt(attempt.clone(), lease.arm.clone());
        let (set, case_no) = hands.of(*case_no);
        set.append(case_no, body, attempt.event_time)?;
        set.change_history(case_no, |history| history.attempt(attempt))?;
    }
    match &checked.promise {
        Some(promise) => promise_to_pay(hands, lease, checked, promise),
        None => Ok(()),
    }
}

/// Granting counted the attempt; a report takes it back where it does not count.
/// A late one counts an attempt that was given back as not dialled. Where the debtor
/// rang there is no attempt of ours, whatever is reported.
fn count(set: &mut WorkingSet, lease: &LeaseRow, checked: &Checked, late: bool) {
    if !policy::is_attempt(lease.taken_for) {
        return;
    }
    let uncounted = lease.end.is_some_and(|(end, _)| end == LeaseEnd::ReleasedUndialled);
    let record = &mut set.debtor_mut(lease.debtor_no).record;
    match (late, checked.row.counted) {
        (false, false) => record.uncount_attempt(lease.grant_time),
        (true, true) if uncounted => record.count_attempt(checked.contact_time),
        _ => {}
    }
}

/// The debtor who was called is left alone, whoever owes now.
fn cool(hands: &mut Hands<'_>, lease: &LeaseRow, checked: &Checked) -> Result<(), Damage> {
    let debtor_no = lease.debtor_no;
    let portfolio_no = portfolio_of(hands, lease.case_no)?;
    let set = hands.home();
    let zone_set_id = set.debtor(debtor_no).zone_set_id;
    let calendar = set.calendar(portfolio_no, zone_set_id)?;
    set.cool(debtor_no, checked.row.cooling.until(checked.contact_time, &calendar));
    Ok(())
}

/// Notes a promise on every case spoken of. An amount is laid out over the cases
/// in their order, up to what is overdue of each; what is left over goes to the
/// last one.
fn promise_to_pay(
    hands: &mut Hands<'_>,
    lease: &LeaseRow,
    checked: &Checked,
    promised: &Promised,
) -> Result<(), Damage> {
    let mut left = promised.amount.map(|(_, amount)| amount);
    let last = checked.case_nos.last();
    for case_no in &checked.case_nos {
        let is_last = Some(case_no) == last;
        let (set, case_no) = hands.of(*case_no);
        let overdue = set.in_hand(case_no)?.head.overdue_amount_minor;
        let share = match left {
            None => 0,
            Some(left) if is_last => left,
            Some(left) => left.min(overdue),
        };
        if left.is_some() && share == 0 {
            continue;
        }
        left = left.map(|left| left - share);
        let promise = Promise {
            lease_seq: lease.lease_seq,
            event_time: checked.contact_time,
            promised_amount_minor: share,
            promised_date: promised.date,
            state: PromiseState::Open,
        };
        let today = set.day_of(case_no, promise.event_time)?;
        set.append(case_no, PendingBody::Promise(promise.clone()), promise.event_time)?;
        set.change_history(case_no, |history| history.promise(promise, today))?;
    }
    Ok(())
}

/// Holds placed by the outcomes of a call, with the event ids by which they can
/// be lifted.
#[derive(Default)]
pub(super) struct NewHolds(Vec<((Part, PortfolioNo), EventKey)>);

impl NewHolds {
    /// Places the hold of an outcome, if it has one: on the cases spoken of, or on
    /// the whole debtor.
    pub(super) fn place(
        &mut self,
        hands: &mut Hands<'_>,
        lease: &LeaseRow,
        checked: &Checked,
    ) -> Result<(), Damage> {
        let Effect::Hold { kind, scope } = checked.row.effect else { return Ok(()) };
        let evidence_reference = String::new();
        let hold = Hold { event_id: event_id(lease), kind, until: None, evidence_reference };
        match scope {
            HoldScope::Case => {
                for case_no in &checked.case_nos {
                    self.place_on_case(hands.of(*case_no), &hold, checked.contact_time)?;
                }
                Ok(())
            }
            HoldScope::Debtor => self.place_on_debtor(hands, lease, &hold),
        }
    }

    fn place_on_case(
        &mut self,
        (set, case_no): (&mut WorkingSet, CaseNo),
        hold: &Hold,
        at: Micros,
    ) -> Result<(), Damage> {
        let head = &set.in_hand(case_no)?.head;
        let (portfolio_no, debtor_no) = (head.portfolio_no, head.debtor_no);
        set.append(case_no, PendingBody::Hold(hold.clone()), at)?;
        set.change_history(case_no, |history| history.hold(hold.clone()))?;
        set.note("hold.placed", Some(case_no), debtor_no, format!("{hold:?}").into_bytes());
        self.add_key((set.part, portfolio_no), hold, debtor_no, Some(case_no));
        Ok(())
    }

    fn place_on_debtor(
        &mut self,
        hands: &mut Hands<'_>,
        lease: &LeaseRow,
        hold: &Hold,
    ) -> Result<(), Damage> {
        let portfolio_no = portfolio_of(hands, lease.case_no)?;
        let set = hands.home();
        let now = set.now;
        let debtor = set.debtor_mut(lease.debtor_no);
        debtor.record.hold(hold.clone());
        debtor.hold_until = held_until(&debtor.record.holds, now);
        set.note("hold.placed", None, lease.debtor_no, format!("{hold:?}").into_bytes());
        self.add_key((set.part, portfolio_no), hold, lease.debtor_no, None);
        Ok(())
    }

    /// One key a portfolio in each part, with all its cases.
    fn add_key(
        &mut self,
        place: (Part, PortfolioNo),
        hold: &Hold,
        debtor_no: DebtorNo,
        case_no: Option<CaseNo>,
    ) {
        let known =
            self.0.iter_mut().find(|(other, key)| *other == place && key.event_id == hold.event_id);
        if let Some((_, key)) = known {
            key.case_nos.extend(case_no);
            return;
        }
        let key = EventKey {
            event_id: hold.event_id.clone(),
            kind: HOLD,
            content_hash: blake3::hash(format!("{hold:?}").as_bytes()).as_bytes().to_vec(),
            debtor_no,
            case_nos: case_no.into_iter().collect(),
        };
        self.0.push((place, key));
    }

    /// Writes the event ids.
    pub(super) async fn save(self, tx: &mut Tx, now: Micros) -> Result<(), Error> {
        for ((part, portfolio_no), key) in self.0 {
            events::insert_keys(tx, part, portfolio_no, &[key], now).await?;
        }
        Ok(())
    }
}

/// The portfolio of a case in hand.
fn portfolio_of(hands: &mut Hands<'_>, case_no: CaseNo) -> Result<PortfolioNo, Damage> {
    let (set, case_no) = hands.of(case_no);
    Ok(set.in_hand(case_no)?.head.portfolio_no)
}

/// The id of the hold that a report places. It cannot be guessed, so that no
/// event of a caller meets it.
fn event_id(lease: &LeaseRow) -> String {
    let number = h64(&[
        &lease.case_no.0.to_be_bytes(),
        &lease.lease_seq.to_be_bytes(),
        &lease.lease_nonce.to_be_bytes(),
    ]);
    format!("report-{number:016x}")
}
