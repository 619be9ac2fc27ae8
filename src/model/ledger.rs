//! What is overdue now: the ledger's word, less the payments it does not yet
//! know of.

use super::{Day, Facts, History, Micros};

/// What is overdue now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Served {
    /// Smallest units, never negative.
    pub overdue_amount_minor: i64,
    /// The oldest day on which something due is not paid.
    pub oldest_due_date: Option<Day>,
    /// Whether payments or reversals after the ledger's instant were counted.
    pub provisional: bool,
    /// The earliest instant after the ledger's at which a payment or reversal
    /// was counted: a later document that reaches it absorbs it.
    pub absorb_at: Option<Micros>,
}

/// Computes what is overdue from the ledger's document, the instant it speaks
/// of, and what happened since. A payment made after that instant lowers the
/// amount, a reversal made after it raises it; the sum is at least 0. The oldest
/// due date moves only where instalments are known: money settles the oldest
/// instalment first.
pub fn serve(facts: &Facts, as_of: Micros, history: &History) -> Served {
    let mut change = 0_i64;
    let mut absorb_at = None;
    let mut count = |instant: Micros, amount: i64| {
        if instant > as_of {
            change = change.saturating_add(amount);
            absorb_at = Some(absorb_at.map_or(instant, |at: Micros| at.min(instant)));
        }
    };
    for payment in &history.payments {
        count(payment.event_time, -payment.amount_minor);
        if let Some(reversed) = payment.reversed_time {
            count(reversed.max(payment.event_time), payment.amount_minor);
        }
    }
    Served {
        overdue_amount_minor: facts.overdue_amount_minor.saturating_add(change).max(0),
        oldest_due_date: oldest_due_date(facts, change),
        provisional: absorb_at.is_some(),
        absorb_at,
    }
}

fn oldest_due_date(facts: &Facts, change: i64) -> Option<Day> {
    let mut paid = -change;
    if paid <= 0 || facts.instalments.is_empty() {
        return facts.oldest_due_date;
    }
    // What is left when all that are told are settled fell due no earlier than the
    // last of them.
    let mut oldest = facts.oldest_due_date;
    for instalment in &facts.instalments {
        let open = instalment.due_amount_minor - instalment.paid_amount_minor;
        if open <= 0 {
            continue;
        }
        oldest = oldest.max(Some(instalment.due_date));
        if paid < open {
            break;
        }
        paid -= open;
    }
    oldest
}
