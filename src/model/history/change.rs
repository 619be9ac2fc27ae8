//! What an event does to a history. Events are applied by these steps when they
//! come and when a case is folded anew, so that both give the same.

use crate::model::{CloseReason, Day, Facts, LocalDays, Micros};

use super::{Attempt, DebtorRecord, History, Hold, Payment, Promise, PromiseInput, PromiseState};

/// The most payments kept; older ones are only counted.
const PAYMENTS_KEPT: usize = 256;
/// The most holds of a case, and of a debtor, that are not lifted.
pub const HOLDS_MAX: usize = 64;
/// The most attempts kept, and the most promises.
const ATTEMPTS_KEPT: usize = 64;

impl History {
    /// A document of the day `day` of the portfolio's zone: one version more. One
    /// that closes the case ends its episode. `old` is what was said before, nothing
    /// for the first document.
    pub fn take_document(
        &mut self,
        old: Option<&Facts>,
        new: &Facts,
        (tolerance_minor, day): (i64, Day),
    ) {
        self.facts_version_count += 1;
        let was_open = old.is_some_and(|old| old.closing(tolerance_minor).is_none());
        if was_open && let Some(reason) = new.closing(tolerance_minor) {
            self.end_episode(reason, new.close_date.unwrap_or(day));
        }
    }

    /// A cure is counted. Of the promises still open, those whose grace had passed
    /// are broken: nothing kept them. The others are kept if the money came.
    fn end_episode(&mut self, reason: CloseReason, day: Day) {
        let paid = matches!(reason, CloseReason::Cured | CloseReason::PaidOff);
        self.cured_count += i64::from(reason == CloseReason::Cured);
        for promise in self.promises.iter_mut().filter(|one| one.state == PromiseState::Open) {
            promise.state = match (promise.judged_on() <= day, paid) {
                (true, _) => PromiseState::Broken,
                (false, true) => PromiseState::Kept,
                (false, false) => PromiseState::Cancelled,
            };
            self.promises_kept_count += i64::from(promise.state == PromiseState::Kept);
            self.promises_broken_count += i64::from(promise.state == PromiseState::Broken);
        }
    }

    /// A payment.
    pub fn pay(&mut self, payment: Payment) {
        let at = self.payments.partition_point(|other| other.event_time <= payment.event_time);
        self.payments.insert(at, payment);
        if self.payments.len() > PAYMENTS_KEPT {
            self.payments.remove(0);
            self.earlier_payment_count += 1;
        }
    }

    /// Marks open promises as kept that payments made in time perform. Asked after
    /// each payment.
    pub fn keep_promises(
        &mut self,
        facts: &Facts,
        as_of: Micros,
        (tolerance_minor, days): (i64, &dyn LocalDays),
    ) {
        let case = PromiseInput { facts, as_of, payments: &self.payments, tolerance_minor, days };
        for promise in self.promises.iter_mut().filter(|one| one.state == PromiseState::Open) {
            if promise.performed(&case) {
                promise.state = PromiseState::Kept;
                self.promises_kept_count += 1;
            }
        }
    }

    /// A payment taken back, and with it what it had kept: a promise that payments
    /// performed until then and no longer do is open again.
    pub fn take_back(
        &mut self,
        (payment_event_id, reversed): (&str, Micros),
        facts: &Facts,
        as_of: Micros,
        (tolerance_minor, days): (i64, &dyn LocalDays),
    ) {
        let performed = |history: &History| -> Vec<bool> {
            let payments = &history.payments;
            let case = PromiseInput { facts, as_of, payments, tolerance_minor, days };
            history.promises.iter().map(|promise| promise.performed(&case)).collect()
        };
        let before = performed(self);
        self.reverse(payment_event_id, reversed);
        let after = performed(self);
        for (promise, was) in self.promises.iter_mut().zip(before.into_iter().zip(after)) {
            if promise.state == PromiseState::Kept && was == (true, false) {
                promise.state = PromiseState::Open;
                self.promises_kept_count -= 1;
            }
        }
    }

    /// One that was taken back before, or is no longer in the list, changes nothing.
    fn reverse(&mut self, payment_event_id: &str, reversed: Micros) {
        let payment = self.payments.iter_mut().find(|one| one.event_id == payment_event_id);
        if let Some(payment) = payment {
            payment.reversed_time = payment.reversed_time.or(Some(reversed));
        }
    }

    /// A hold on the case.
    pub fn hold(&mut self, hold: Hold) {
        add_hold(&mut self.holds, hold);
    }

    /// A hold lifted.
    pub fn lift(&mut self, hold_event_id: &str) {
        self.holds.retain(|hold| hold.event_id != hold_event_id);
    }

    /// A contact attempt. One on which a right was used only gates.
    pub fn attempt(&mut self, attempt: Attempt) {
        if attempt.gated {
            return;
        }
        self.right_party_contact_count += i64::from(attempt.right_party);
        let at = self.attempts.partition_point(|other| other.event_time <= attempt.event_time);
        self.attempts.insert(at, attempt);
        if self.attempts.len() > ATTEMPTS_KEPT {
            self.attempts.remove(0);
            self.earlier_attempt_count += 1;
        }
    }

    /// A promise made on the day `today` of the portfolio's zone; it replaces those
    /// still open. One whose grace has passed is broken: whoever promises again has
    /// not kept it.
    pub fn promise(&mut self, promise: Promise, today: Day) {
        for other in self.promises.iter_mut().filter(|one| one.state == PromiseState::Open) {
            let broken = other.judged_on() <= today;
            other.state = if broken { PromiseState::Broken } else { PromiseState::Cancelled };
            self.promises_broken_count += i64::from(broken);
        }
        let at = self.promises.partition_point(|other| other.event_time <= promise.event_time);
        self.promises.insert(at, promise);
        if self.promises.len() > ATTEMPTS_KEPT {
            self.promises.remove(0);
        }
    }
}

impl DebtorRecord {
    /// A hold on the debtor.
    pub fn hold(&mut self, hold: Hold) {
        add_hold(&mut self.holds, hold);
    }

    /// A hold lifted.
    pub fn lift(&mut self, hold_event_id: &str) {
        self.holds.retain(|hold| hold.event_id != hold_event_id);
    }
}

/// Of more than [`HOLDS_MAX`] the one that ends first gives way: until then the
/// others hold as well.
fn add_hold(holds: &mut Vec<Hold>, hold: Hold) {
    let at = holds.partition_point(|other| other.event_id < hold.event_id);
    holds.insert(at, hold);
    if holds.len() > HOLDS_MAX
        && let Some((first, _)) =
            holds.iter().enumerate().min_by_key(|(_, hold)| hold.until.unwrap_or(Micros::NEVER))
    {
        holds.remove(first);
    }
}

/// Whether there is no place for one more hold: there are [`HOLDS_MAX`], and none of
/// them ends by itself.
pub fn holds_are_full(holds: &[Hold]) -> bool {
    holds.len() >= HOLDS_MAX && holds.iter().all(|hold| hold.until.is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(overdue_amount_minor: i64) -> Facts {
        Facts { overdue_amount_minor, ..Facts::default() }
    }

    fn payment(event_id: &str, at: i64, amount_minor: i64) -> Payment {
        let event_id = event_id.to_owned();
        Payment { event_id, event_time: Micros(at), amount_minor, reversed_time: None }
    }

    const TODAY: Day = Day(19_990);

    struct Utc;

    impl LocalDays for Utc {
        fn day_of(&self, instant: Micros) -> Day {
            Day(i32::try_from(instant.0.div_euclid(Micros::DAY)).unwrap())
        }

        fn start_of(&self, day: Day) -> Micros {
            Micros(i64::from(day.0) * Micros::DAY)
        }
    }

    /// The last instant of the grace of a promise for day 20,000 is the last one of
    /// day 20,001.
    const END: i64 = 20_002 * Micros::DAY;

    fn promise(at: i64, promised_amount_minor: i64) -> Promise {
        Promise {
            lease_seq: at,
            event_time: Micros(at),
            promised_amount_minor,
            promised_date: Day(20_000),
            state: PromiseState::Open,
        }
    }

    #[test]
    fn a_promise_is_kept_by_payments_since_it_was_made() {
        let mut history = History::default();
        history.pay(payment("before", 5, 900));
        history.promise(promise(10, 1_000), TODAY);
        history.pay(payment("half", 11, 500));
        history.keep_promises(&facts(10_000), Micros(0), (0, &Utc));
        assert_eq!(history.promises[0].state, PromiseState::Open);
        history.pay(payment("rest", 12, 500));
        history.keep_promises(&facts(10_000), Micros(0), (0, &Utc));
        assert_eq!(history.promises[0].state, PromiseState::Kept);
        assert_eq!(history.promises_kept_count, 1);
        history.keep_promises(&facts(10_000), Micros(0), (0, &Utc));
        assert_eq!(history.promises_kept_count, 1, "a promise is kept once");
    }

    #[test]
    fn a_promise_over_all_is_kept_once_nothing_above_the_tolerance_is_left() {
        let mut history = History::default();
        history.promise(promise(10, 0), TODAY);
        history.pay(payment("most", 11, 9_899));
        history.keep_promises(&facts(10_000), Micros(0), (100, &Utc));
        assert_eq!(history.promises[0].state, PromiseState::Open);
        history.pay(payment("one more", 12, 1));
        history.keep_promises(&facts(10_000), Micros(0), (100, &Utc));
        assert_eq!(history.promises[0].state, PromiseState::Kept);
    }

    #[test]
    fn money_that_comes_after_the_grace_keeps_no_promise() {
        for amount in [0, 1_000] {
            for (at, state) in [(END - 1, PromiseState::Kept), (END, PromiseState::Open)] {
                let mut history = History::default();
                history.promise(promise(10, amount), TODAY);
                // It is known later than made, and what comes later still is no help.
                history.pay(payment("all", at, 10_000));
                history.keep_promises(&facts(10_000), Micros(0), (0, &Utc));
                assert_eq!(history.promises[0].state, state, "{amount} at {at}");
                history.pay(payment("more", END + 5, 10_000));
                history.keep_promises(&facts(10_000), Micros(0), (0, &Utc));
                assert_eq!(history.promises[0].state, state, "{amount} at {at}");
            }
        }
    }

    #[test]
    fn a_payment_taken_back_keeps_no_promise() {
        for amount in [0, 1_000] {
            let mut history = History::default();
            history.promise(promise(10, amount), TODAY);
            history.pay(payment("bounced", 11, 10_000));
            history.reverse("bounced", Micros(12));
            history.keep_promises(&facts(10_000), Micros(0), (0, &Utc));
            assert_eq!(history.promises[0].state, PromiseState::Open);
        }
        // The ledger had taken it off: what was taken back since is owed again.
        let mut history = History::default();
        history.promise(promise(10, 0), TODAY);
        history.pay(payment("bounced", 11, 10_000));
        history.reverse("bounced", Micros(30));
        history.pay(payment("rest", 25, 500));
        history.keep_promises(&facts(500), Micros(20), (0, &Utc));
        assert_eq!(history.promises[0].state, PromiseState::Open);
    }

    #[test]
    fn what_a_payment_kept_is_open_again_when_it_is_taken_back() {
        for amount in [0, 1_000] {
            let mut history = History::default();
            history.promise(promise(10, amount), TODAY);
            history.pay(payment("bounced", 11, 10_000));
            history.keep_promises(&facts(10_000), Micros(0), (0, &Utc));
            assert_eq!(history.promises_kept_count, 1);
            let by = (0, &Utc as &dyn LocalDays);
            history.take_back(("bounced", Micros(12)), &facts(10_000), Micros(0), by);
            assert_eq!(history.promises[0].state, PromiseState::Open, "{amount}");
            assert_eq!(history.promises_kept_count, 0);
            history.take_back(("bounced", Micros(13)), &facts(10_000), Micros(0), by);
            assert_eq!(history.promises_kept_count, 0, "taken back once");
        }
    }

    #[test]
    fn a_case_that_ends_after_the_grace_leaves_its_promises_broken() {
        let cured = facts(0);
        let told = Facts { close_reason: Some(CloseReason::PaidOff), ..facts(0) };
        let dated = Facts { close_date: Some(Day(20_001)), ..told.clone() };
        let sold = Facts { close_reason: Some(CloseReason::Sold), ..facts(0) };
        for (closed, day, state) in [
            (&cured, 20_001, PromiseState::Kept),
            (&cured, 20_002, PromiseState::Broken),
            (&told, 20_002, PromiseState::Broken),
            (&dated, 20_009, PromiseState::Kept),
            (&sold, 20_001, PromiseState::Cancelled),
            (&sold, 20_002, PromiseState::Broken),
        ] {
            let mut history = History::default();
            history.promise(promise(10, 500), TODAY);
            history.take_document(Some(&facts(10_000)), closed, (0, Day(day)));
            assert_eq!(history.promises[0].state, state, "{closed:?} on {day}");
            let counts = (history.promises_kept_count, history.promises_broken_count);
            let expected = (state == PromiseState::Kept, state == PromiseState::Broken);
            assert_eq!(counts, (i64::from(expected.0), i64::from(expected.1)));
        }
    }

    #[test]
    fn the_end_of_a_case_keeps_or_cancels_what_is_open() {
        for (reason, state, cured) in [
            (None, PromiseState::Kept, 1),
            (Some(CloseReason::PaidOff), PromiseState::Kept, 0),
            (Some(CloseReason::Sold), PromiseState::Cancelled, 0),
        ] {
            let mut history = History::default();
            history.take_document(None, &facts(10_000), (0, TODAY));
            history.promise(promise(10, 500), TODAY);
            let closed = Facts { close_reason: reason, ..facts(0) };
            history.take_document(Some(&facts(10_000)), &closed, (0, TODAY));
            history.take_document(Some(&closed), &closed, (0, TODAY));
            assert_eq!(history.promises[0].state, state, "{reason:?}");
            assert_eq!(history.cured_count, cured, "{reason:?}");
            assert_eq!(history.facts_version_count, 3);
        }
    }

    #[test]
    fn a_promise_after_one_that_was_not_kept_leaves_it_broken() {
        let mut history = History::default();
        history.promise(promise(10, 500), TODAY);
        history.promise(promise(11, 500), Day(20_001));
        assert_eq!(history.promises[0].state, PromiseState::Cancelled, "its grace still ran");
        history.promise(promise(12, 500), Day(20_002));
        assert_eq!(history.promises[1].state, PromiseState::Broken);
        assert_eq!(history.promises[2].state, PromiseState::Open);
        assert_eq!(history.promises_broken_count, 1);
    }

    #[test]
    fn a_case_that_was_never_overdue_is_not_cured() {
        let mut history = History::default();
        history.take_document(None, &facts(0), (0, TODAY));
        assert_eq!(history.cured_count, 0);
    }

    #[test]
    fn what_is_no_longer_kept_is_counted() {
        let mut history = History::default();
        for at in 0..300 {
            history.pay(payment(&at.to_string(), at, 1));
            let right_party = at % 3 == 0;
            history.attempt(Attempt {
                event_time: Micros(at),
                outcome_code: "contacted".to_owned(),
                right_party,
                gated: false,
            });
            history.promise(promise(at, 1), TODAY);
        }
        assert_eq!((history.payments.len(), history.earlier_payment_count), (256, 44));
        assert_eq!((history.attempts.len(), history.earlier_attempt_count), (64, 236));
        assert_eq!(history.right_party_contact_count, 100);
        assert_eq!(history.promises.len(), 64);
        let open = history.promises.iter().filter(|one| one.state == PromiseState::Open);
        assert_eq!(open.count(), 1);
        history.reverse("0", Micros(400));
        assert!(history.payments.iter().all(|payment| payment.reversed_time.is_none()));
        history.reverse("299", Micros(400));
        history.reverse("299", Micros(500));
        assert_eq!(history.payments[255].reversed_time, Some(Micros(400)));
    }
}
