//! Leases of one given debtor: which gates they pass, and whether they are attempts.

use crate::model::{Gate, TakeReason};

/// Whether a lease is granted, and goes on, although a gate fails; `None` is a lease
/// of the head of a list, which passes nothing. Nobody passes what would give a
/// debtor to two workers, a right of the debtor, or nothing to speak of.
pub fn passes(taken_for: Option<TakeReason>, gate: Gate) -> bool {
    match taken_for {
        // Whoever rings has chosen the hour, and may ask about anything.
        Some(TakeReason::Inbound) => matches!(
            gate,
            Gate::Parked
                | Gate::LedgerOld
                | Gate::Cooling
                | Gate::Limit
                | Gate::ZoneUnknown
                | Gate::Window
        ),
        Some(TakeReason::Supervisor) => matches!(gate, Gate::Parked | Gate::Cooling),
        Some(TakeReason::Manual | TakeReason::Field) | None => false,
    }
}

/// Whether a lease is an attempt of ours to contact the debtor, which caps count and
/// after which the debtor is left alone even if nobody reports on it.
pub fn is_attempt(taken_for: Option<TakeReason>) -> bool {
    taken_for != Some(TakeReason::Inbound)
}
