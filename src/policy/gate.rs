//! The gates between a case and a worker, in their published order.

use crate::model::{
    CaseState, CloseReason, Day, Gate, LocalDays, Micros, OldLedgerRule, PortfolioSettings,
};

use super::{Calendar, Window, Zone, ledger_expires};

/// What the gates read of a case and its debtor. An `until` of
/// [`Micros::NEVER`] lasts until an event ends it; one that is not after the
/// instant asked for is over.
#[derive(Clone, Copy, Debug)]
pub struct GateInput<'a> {
    /// The state of the case.
    pub state: CaseState,
    /// Why the case is closed, if it is.
    pub close_reason: Option<CloseReason>,
    /// The oldest unpaid due date: ahead while the state is pre-due.
    pub due_date: Option<Day>,
    /// Until when the case is withheld because stored data of it or of its debtor
    /// cannot be read back.
    pub unreadable_until: Option<Micros>,
    /// The end of the holds on the case.
    pub case_hold_until: Option<Micros>,
    /// The end of the holds on the debtor.
    pub debtor_hold_until: Option<Micros>,
    /// The end of the parking by promises and provisional payments.
    pub park_until: Option<Micros>,
    /// The end of the lease on any case of the debtor.
    pub debtor_lease_until: Option<Micros>,
    /// Whether that lease is on this case.
    pub leased_here: bool,
    /// The instant the ledger's document speaks of.
    pub ledger_as_of: Micros,
    /// The end of the debtor's cooling.
    pub cool_until: Option<Micros>,
    /// The debtor's counted attempts.
    pub attempts: &'a [Micros],
}

/// One gate that a case does not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedGate {
    /// The gate.
    pub gate: Gate,
    /// When it opens by itself, where that is known.
    pub until: Option<Micros>,
    /// One sentence for people; it names no kind of hold, because not everybody
    /// who may ask may know it.
    pub text: String,
}

/// Every gate that fails at `now`, in the published order; empty = ready.
pub fn failing_gates(
    input: &GateInput<'_>,
    settings: &PortfolioSettings,
    calendar: &Calendar,
    now: Micros,
) -> Vec<FailedGate> {
    let failed = |gate: Gate| {
        let until = fails(gate, input, settings, calendar, now)?;
        let until = Some(until).filter(|until| *until != Micros::NEVER);
        Some(FailedGate { gate, until, text: text(gate, until, input, calendar, now) })
    };
    Gate::ALL.into_iter().filter_map(failed).collect()
}

/// If the gate fails at `now`: the instant at which it opens by itself, or
/// [`Micros::NEVER`] where it waits for an event or nobody can say.
pub(super) fn fails(
    gate: Gate,
    input: &GateInput<'_>,
    settings: &PortfolioSettings,
    calendar: &Calendar,
    now: Micros,
) -> Option<Micros> {
    let running = |until: Option<Micros>| until.filter(|until| *until > now);
    match gate {
        Gate::Closed => (input.state == CaseState::Closed).then_some(Micros::NEVER),
        Gate::PreDue => (input.state == CaseState::PreDue).then(|| {
            let due = input.due_date.map(|due| calendar.home().start_of(due));
            running(due).unwrap_or(Micros::NEVER)
        }),
        Gate::Unreadable => running(input.unreadable_until),
        Gate::Held => running(input.case_hold_until.max(input.debtor_hold_until)),
        Gate::Parked => running(input.park_until),
        Gate::DebtorLeased => running(input.debtor_lease_until).filter(|_| !input.leased_here),
        Gate::Leased => running(input.debtor_lease_until).filter(|_| input.leased_here),
        Gate::LedgerOld => {
            // Business hours never pass faster than hours do: most answers need no
            // calendar.
            let soonest = i64::from(settings.max_ledger_age_hours) * Micros::HOUR;
            if now < input.ledger_as_of.plus(soonest) {
                return None;
            }
            let expires = denied_from(input, settings, calendar.home())?;
            (expires <= now).then_some(Micros::NEVER)
        }
        Gate::Cooling => running(input.cool_until),
        Gate::Limit => calendar.next_allowed(input.attempts, now),
        Gate::ZoneUnknown => match calendar.window(now) {
            Window::Closed { .. } if !calendar.unknown_zones().is_empty() => Some(Micros::NEVER),
            _ => None,
        },
        Gate::Window => match calendar.window(now) {
            Window::Closed { next } if calendar.unknown_zones().is_empty() => {
                Some(next.unwrap_or(Micros::NEVER))
            }
            _ => None,
        },
        // A case missing from its source and a paused portfolio are not stored
        // yet, and every portfolio has a policy.
        Gate::Missing | Gate::PortfolioPaused | Gate::PolicyMissing | Gate::Ready => None,
    }
}

/// The instant from which an old ledger denies the case; nothing if it never does.
fn denied_from(input: &GateInput<'_>, settings: &PortfolioSettings, home: &Zone) -> Option<Micros> {
    match settings.old_ledger_rule {
        OldLedgerRule::Deny => {
            ledger_expires(home, input.ledger_as_of, settings.max_ledger_age_hours)
        }
        OldLedgerRule::ServeWithoutAmounts => None,
    }
}

fn text(
    gate: Gate,
    until: Option<Micros>,
    input: &GateInput<'_>,
    calendar: &Calendar,
    now: Micros,
) -> String {
    let or_event = |event: &str| match until {
        Some(until) => format!("until {until}"),
        None => event.to_owned(),
    };
    match gate {
        Gate::Closed => match input.close_reason {
            Some(reason) => format!("The case is closed: {}.", reason_words(reason)),
            None => "The case is closed.".to_owned(),
        },
        Gate::PreDue => match input.due_date {
            Some(due) => format!("Nothing is due before {due}."),
            None => "Nothing is due yet.".to_owned(),
        },
        Gate::Unreadable => format!(
            "Stored data of the case or of its debtor cannot be read back: withheld {}, then \
             tried again.",
            or_event("until an event")
        ),
        Gate::Held => {
            let whose = if input.debtor_hold_until > Some(now) { "debtor" } else { "case" };
            format!("The {whose} is on hold {}.", or_event("until somebody lifts the hold"))
        }
        Gate::Parked => format!(
            "A promise runs, or payments cover what is overdue: parked {}.",
            or_event("until the ledger says more")
        ),
        Gate::DebtorLeased => {
            format!("Another case of the debtor is leased {}.", or_event("until it is reported"))
        }
        Gate::Leased => format!("The case is leased {}.", or_event("until it is reported")),
        Gate::LedgerOld => format!(
            "The ledger's last document speaks of {}, which is too long ago to speak from.",
            input.ledger_as_of
        ),
        Gate::Cooling => format!("The debtor is left alone {}.", or_event("until an event")),
        Gate::Limit => {
            format!("The cap on attempts is reached {}.", or_event("for as long as it stands"))
        }
        Gate::ZoneUnknown => format!(
            "The zone data does not know {}, so nobody can say what time it is there.",
            calendar.unknown_zones().join(", ")
        ),
        Gate::Window => window_text(until, calendar, now),
        Gate::Missing | Gate::PortfolioPaused | Gate::PolicyMissing | Gate::Ready => String::new(),
    }
}

fn window_text(until: Option<Micros>, calendar: &Calendar, now: Micros) -> String {
    let clock = |zone: &Zone| format!("{} in {}", zone.clock_text(now), zone.name());
    let clocks: Vec<String> = calendar.zones().iter().map(clock).collect();
    let next = match until {
        Some(next) => format!("contact is allowed from {next}"),
        None => "there is no hour at which contact is allowed".to_owned(),
    };
    format!("It is {}; {next}.", clocks.join(" and "))
}

fn reason_words(reason: CloseReason) -> &'static str {
    match reason {
        CloseReason::Cured => "nothing is overdue any more",
        CloseReason::PaidOff => "the debt is paid",
        CloseReason::Restructured => "a new schedule replaces the old one",
        CloseReason::WrittenOff => "written off",
        CloseReason::Sold => "sold",
        CloseReason::Placed => "placed with somebody else",
        CloseReason::Deceased => "the debtor died",
    }
}
