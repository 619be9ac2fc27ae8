//! Gates and places against a model.

use proptest::prelude::*;

use super::{instant, zone, zones};
use crate::model::{
    ActivationApproval, CaseState, ContactPolicy, Currency, Day, Gate, Micros, OldLedgerRule,
    PortfolioSettings, QueueState, RankingSettings,
};
use crate::policy::{Calendar, GateInput, Placement, ZoneSet, failing_gates, place};

/// A Friday noon in Madrid.
const NOW: Micros = Micros(1_795_172_400_000_000);

pub(super) fn settings(policy: ContactPolicy, time_zone: &str) -> PortfolioSettings {
    PortfolioSettings {
        display_name: String::new(),
        time_zone: time_zone.to_owned(),
        base_currency: Currency::from_code("EUR").expect("a currency"),
        ranking: RankingSettings::default(),
        contact_policy: policy,
        max_ledger_age_hours: 36,
        old_ledger_rule: OldLedgerRule::Deny,
        activation_approval: ActivationApproval::default(),
    }
}

pub(super) fn ready(now: Micros) -> GateInput<'static> {
    GateInput {
        state: CaseState::Open,
        close_reason: None,
        due_date: None,
        unreadable_until: None,
        case_hold_until: None,
        debtor_hold_until: None,
        park_until: None,
        debtor_lease_until: None,
        leased_here: false,
        ledger_as_of: now.plus(-Micros::HOUR),
        cool_until: None,
        attempts: &[],
    }
}

struct World {
    settings: PortfolioSettings,
    calendar: Calendar,
}

fn world() -> World {
    let settings = settings(ContactPolicy::Plain(Default::default()), "Europe/Madrid");
    let home = zone(&settings.time_zone);
    let calendar = Calendar::new(&settings.contact_policy, &home, &zones(&[]));
    World { settings, calendar }
}

impl World {
    fn gates(&self, input: &GateInput<'_>, now: Micros) -> Vec<(Gate, Option<Micros>)> {
        let failed = failing_gates(input, &self.settings, &self.calendar, now);
        failed.into_iter().map(|failed| (failed.gate, failed.until)).collect()
    }

    fn place(&self, input: &GateInput<'_>, now: Micros) -> Placement {
        place(input, &self.settings, &self.calendar, now)
    }
}

fn placed(state: QueueState, withheld_by: Gate, wake_at: Option<Micros>) -> Placement {
    Placement { state, withheld_by, wake_at }
}

#[test]
fn a_case_without_hindrance_is_ready() {
    assert_eq!(NOW, instant("2026-11-20T12:00[Europe/Madrid]"));
    let world = world();
    assert_eq!(world.gates(&ready(NOW), NOW), []);
    assert_eq!(world.place(&ready(NOW), NOW), placed(QueueState::Ready, Gate::Ready, None));
}

#[test]
fn every_gate_withholds_alone_until_its_end_and_not_beyond() {
    let later = NOW.plus(Micros::HOUR);
    let at = Some(later);
    let base = ready(NOW);
    let attempts = [NOW.plus(-1)];
    let midnight = instant("2026-11-21T00:00[Europe/Madrid]");
    let waiting = [
        (GateInput { unreadable_until: at, ..base }, Gate::Unreadable, later),
        (GateInput { case_hold_until: at, ..base }, Gate::Held, later),
        (GateInput { debtor_hold_until: at, ..base }, Gate::Held, later),
        (GateInput { park_until: at, ..base }, Gate::Parked, later),
        (GateInput { debtor_lease_until: at, ..base }, Gate::DebtorLeased, later),
        (GateInput { cool_until: at, ..base }, Gate::Cooling, later),
        (GateInput { attempts: &attempts, ..base }, Gate::Limit, midnight),
    ];
    let world = world();
    for (input, gate, end) in waiting {
        assert_eq!(world.gates(&input, NOW), [(gate, Some(end))]);
        assert_eq!(world.place(&input, NOW), placed(QueueState::Waiting, gate, Some(end)));
        assert_eq!(world.place(&input, end.plus(-1)).withheld_by, gate);
        assert_eq!(world.place(&input, end), placed(QueueState::Ready, Gate::Ready, None));
    }
}

#[test]
fn a_gate_without_an_end_waits_for_an_event() {
    let never = Some(Micros::NEVER);
    let base = ready(NOW);
    let world = world();
    for (input, gate) in [
        (GateInput { case_hold_until: never, ..base }, Gate::Held),
        (GateInput { debtor_hold_until: never, ..base }, Gate::Held),
        (GateInput { park_until: never, ..base }, Gate::Parked),
    ] {
        assert_eq!(world.gates(&input, NOW), [(gate, None)]);
        assert_eq!(world.place(&input, NOW), placed(QueueState::Withheld, gate, None));
    }
}

#[test]
fn the_longer_of_two_holds_counts() {
    let (past, soon, late) = (Some(NOW.plus(-1)), Some(NOW.plus(5)), Some(NOW.plus(9)));
    for (one, other) in [(soon, late), (past, late), (None, late), (late, Some(NOW))] {
        for (case_hold_until, debtor_hold_until) in [(one, other), (other, one)] {
            let input = GateInput { case_hold_until, debtor_hold_until, ..ready(NOW) };
            assert_eq!(world().gates(&input, NOW), [(Gate::Held, late)]);
        }
    }
}

#[test]
fn closed_and_pre_due_cases_are_not_in_the_queue() {
    let world = world();
    let closed = GateInput { state: CaseState::Closed, ..ready(NOW) };
    assert_eq!(world.gates(&closed, NOW), [(Gate::Closed, None)]);
    let due_date = Day::from_ymd(2026, 11, 24);
    let pre_due = GateInput { state: CaseState::PreDue, due_date, ..ready(NOW) };
    let opens = instant("2026-11-24T00:00[Europe/Madrid]");
    assert_eq!(world.gates(&pre_due, NOW), [(Gate::PreDue, Some(opens))]);
    for (input, gate) in [(closed, Gate::Closed), (pre_due, Gate::PreDue)] {
        assert_eq!(world.place(&input, NOW), placed(QueueState::Absent, gate, None));
    }
}

#[test]
fn a_lease_stays_a_lease_until_it_ends() {
    let end = NOW.plus(Micros::MINUTE);
    let leased = GateInput { debtor_lease_until: Some(end), leased_here: true, ..ready(NOW) };
    let world = world();
    assert_eq!(world.place(&leased, NOW), placed(QueueState::Leased, Gate::Leased, Some(end)));
    let held = GateInput { case_hold_until: Some(Micros::NEVER), ..leased };
    assert_eq!(world.gates(&held, NOW), [(Gate::Held, None), (Gate::Leased, Some(end))]);
    assert_eq!(world.place(&held, NOW), placed(QueueState::Leased, Gate::Held, Some(end)));
    assert_eq!(world.place(&held, end), placed(QueueState::Withheld, Gate::Held, None));
    let closed = GateInput { state: CaseState::Closed, ..leased };
    assert_eq!(world.place(&closed, NOW).state, QueueState::Leased);
    assert_eq!(world.place(&closed, end).state, QueueState::Absent);
}

#[test]
fn an_old_ledger_denies_only_where_the_portfolio_says_so() {
    let mut world = world();
    let input = ready(NOW);
    let expires = instant("2026-11-23T23:00[Europe/Madrid]");
    assert_eq!(world.place(&input, expires.plus(-1)).state, QueueState::Ready);
    let old =
        Placement { state: QueueState::Withheld, withheld_by: Gate::LedgerOld, wake_at: None };
    assert_eq!(world.place(&input, expires), old);
    world.settings.old_ledger_rule = OldLedgerRule::ServeWithoutAmounts;
    let served = Placement { state: QueueState::Ready, withheld_by: Gate::Ready, ..old };
    assert_eq!(world.place(&input, expires), served);
    world.settings.old_ledger_rule = OldLedgerRule::Deny;
    world.settings.max_ledger_age_hours = 0;
    assert_eq!(world.place(&input, expires), served);
}

#[test]
fn gates_of_the_lane_are_named_but_place_nothing() {
    let night = instant("2026-11-20T23:30[Europe/Madrid]");
    let mut world = world();
    let next = Some(instant("2026-11-21T08:00[Europe/Madrid]"));
    assert_eq!(world.gates(&ready(night), night), [(Gate::Window, next)]);
    assert_eq!(world.place(&ready(night), night).state, QueueState::Ready);
    let unknown = ZoneSet::stored(["Nowhere/Town"]);
    let home = world.calendar.home().clone();
    world.calendar = Calendar::new(&world.settings.contact_policy, &home, &unknown);
    assert_eq!(world.gates(&ready(NOW), NOW), [(Gate::ZoneUnknown, None)]);
    assert_eq!(world.place(&ready(NOW), NOW).state, QueueState::Ready);
    world.calendar = Calendar::new(&ContactPolicy::Always, &home, &unknown);
    assert_eq!(world.gates(&ready(NOW), NOW), []);
}

#[test]
fn texts_say_when_and_never_which_hold() {
    let night = instant("2026-11-20T23:30[Europe/Madrid]");
    let input = GateInput {
        debtor_hold_until: Some(Micros::NEVER),
        park_until: Some(night.plus(Micros::HOUR)),
        attempts: &[NOW],
        ..ready(night)
    };
    let world = world();
    let texts: Vec<String> = failing_gates(&input, &world.settings, &world.calendar, night)
        .into_iter()
        .map(|failed| failed.text)
        .collect();
    assert_eq!(
        texts,
        [
            "The debtor is on hold until somebody lifts the hold.",
            "A promise runs, or payments cover what is overdue: parked until \
             2026-11-20T23:30:00Z.",
            "The cap on attempts is reached until 2026-11-20T23:00:00Z.",
            "It is Fri 23:30 in Europe/Madrid; contact is allowed from 2026-11-21T07:00:00Z.",
        ]
    );
}

/// Open cases twice as often, because only they have places to walk through.
const STATES: &[CaseState] =
    &[CaseState::Open, CaseState::Open, CaseState::PreDue, CaseState::Closed];

/// Nothing, over, soon over, later over or never over.
fn until() -> impl Strategy<Value = Option<Micros>> {
    proptest::sample::select(vec![None, Some(-1), Some(0), Some(7), Some(90), Some(i64::MAX)])
        .prop_map(|hours| {
            hours.map(|hours: i64| {
                if hours == i64::MAX { Micros::NEVER } else { NOW.plus(hours * Micros::HOUR) }
            })
        })
}

proptest! {
    #[test]
    fn places_follow_the_first_failing_gate_and_waking_moves_on(
        state in proptest::sample::select(STATES),
        untils in [until(), until(), until(), until(), until()],
        leased_here: bool,
        ledger_age in 0..60_i64,
        ago in proptest::collection::vec(0..200_i64, 0..5),
    ) {
        let attempts: Vec<Micros> = ago.iter().map(|ago| NOW.plus(-ago * Micros::HOUR)).collect();
        let [case_hold_until, debtor_hold_until, park_until, lease, cool_until] = untils;
        let input = GateInput {
            state,
            case_hold_until,
            debtor_hold_until,
            park_until,
            debtor_lease_until: lease.filter(|until| *until != Micros::NEVER),
            leased_here,
            ledger_as_of: NOW.plus(-ledger_age * Micros::HOUR),
            cool_until,
            attempts: &attempts,
            ..ready(NOW)
        };
        let world = world();
        let mut now = NOW;
        // Every gate can be the first one once or twice; the walk must end.
        for _ in 0..24 {
            let placement = world.place(&input, now);
            prop_assert_eq!(placement, world.place(&input, now));
            let failing = world.gates(&input, now);
            prop_assert!(failing.is_sorted_by_key(|(gate, _)| *gate));
            let folded = failing.iter().find(|(gate, _)| *gate <= Gate::Limit);
            let first = folded.map_or(Gate::Ready, |(gate, _)| *gate);
            prop_assert_eq!(placement.withheld_by, first);
            let lease = failing.iter().find(|(gate, _)| *gate == Gate::Leased);
            let expected = match (lease, folded) {
                (Some((_, end)), _) => (QueueState::Leased, *end),
                (None, None) => (QueueState::Ready, None),
                (None, Some((Gate::Closed | Gate::PreDue, _))) => (QueueState::Absent, None),
                (None, Some((_, None))) => (QueueState::Withheld, None),
                (None, Some((_, end))) => (QueueState::Waiting, *end),
            };
            prop_assert_eq!((placement.state, placement.wake_at), expected);
            let Some(wake_at) = placement.wake_at else { return Ok(()) };
            prop_assert!(wake_at > now);
            let gate = if placement.state == QueueState::Leased { Gate::Leased } else { first };
            prop_assert!(world.gates(&input, wake_at).iter().all(|(other, _)| *other != gate));
            now = wake_at;
        }
        prop_assert!(false, "a case wakes without end");
    }
}
