//! Thirty days at five times overload: what is most pressing is worked at once,
//! and what is least pressing waits no longer than the reserved share says.
//!
//! Capacity is 600 attempts a day: twelve pulls of 50, every hour from 08:00 to
//! 19:00. Five times as many cases stand ready at every hour, each of them good
//! for one attempt a day.

mod world;

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::history::{Batch, Change, History, Rules, Transition, assert_holds};
use crate::store::QueueLog;
use world::{World, number};

const HOUR: i64 = 60 * MINUTE;
const DAYS: i64 = 30;
/// The most one pull takes.
const PULL: usize = 50;
const PULLS_A_DAY: usize = 12;
/// One lease in five goes to the longest waiting: at one in ten nobody's bound
/// would end within thirty days.
const RESERVED_PERMILLE: i32 = 200;
/// Each pull takes a whole number of reserved leases.
const RESERVED_A_PULL: usize = PULL * RESERVED_PERMILLE as usize / 1_000;
const RESERVED_A_DAY: usize = PULLS_A_DAY * RESERVED_A_PULL;

/// A case that is ready.
#[derive(Clone, Copy)]
struct Waiting {
    since: i64,
    /// How many cases had been ready for longer when it became so.
    ahead: usize,
    /// How many reserved leases had been granted by then.
    reserved_before: usize,
}

/// Follows the queue by its log and holds every wait to its bound.
///
/// Why there is one: a reserved lease goes to the case that has been ready for
/// longest (then to the lower number). Whoever becomes ready later stands behind,
/// because `ready_since` is the instant of becoming ready and neither a new rank,
/// a new day nor a new lane changes it; who leaves and comes back stands behind,
/// too. So while a case waits, each reserved lease takes one of those that were
/// ahead of it when its own wait began, and none of them is taken twice:
///
/// reserved leases granted during a wait <= cases ahead at its start < backlog
///
/// Pulls come at the same hours of each day and each grants the same number of
/// reserved leases, so any span of whole days holds that many days' reserved
/// leases, and
///
/// whole days of a wait <= backlog / reserved leases a day.
#[derive(Default)]
struct Watch {
    history: History,
    ready: BTreeMap<i64, Waiting>,
    /// Instant and number of every ready case.
    line: BTreeSet<(i64, i64)>,
    reserved: usize,
    longest_wait: i64,
}

impl Watch {
    /// Reads what was committed at `now`.
    async fn read(&mut self, log: &mut QueueLog, now: i64) {
        for commit in log.read(Some(now)) {
            self.apply(&commit.transitions, now);
            if commit.granted > 0 {
                let transaction = commit.transitions[0].transaction;
                let batch = Batch { transaction, lanes: log.lanes(), wanted: PULL };
                self.history.batches.push(batch);
            }
            self.history.transitions.extend(commit.transitions);
        }
    }

    fn apply(&mut self, transitions: &[Transition], now: i64) {
        let mut entered = Vec::new();
        for transition in transitions {
            let case = transition.case;
            match transition.change {
                Change::Ready { since, .. } if self.ready.contains_key(&case) => {
                    assert_eq!(self.ready[&case].since, since, "case {case} keeps its place");
                }
                Change::Ready { since, .. } => {
                    assert_eq!(since, now, "case {case} begins to wait when it is ready");
                    self.ready.insert(case, Waiting { since, ahead: 0, reserved_before: 0 });
                    self.line.insert((since, case));
                    entered.push(case);
                }
                Change::Leased { reserved, .. } => {
                    self.reserved += usize::from(reserved);
                    self.leave(case, now);
                }
                _ => self.leave(case, now),
            }
        }
        for case in entered {
            let Some(waiting) = self.ready.get_mut(&case) else { continue };
            waiting.ahead = self.line.range(..(waiting.since, case)).count();
            waiting.reserved_before = self.reserved;
        }
        for (case, waiting) in &self.ready {
            let during = self.reserved - waiting.reserved_before;
            assert!(during <= waiting.ahead, "case {case}: {during} went before it");
        }
    }

    fn leave(&mut self, case: i64, now: i64) {
        let Some(waiting) = self.ready.remove(&case) else { return };
        self.line.remove(&(waiting.since, case));
        self.hold_to_bound(case, waiting, now);
    }

    fn hold_to_bound(&mut self, case: i64, waiting: Waiting, now: i64) {
        let wait = now - waiting.since;
        self.longest_wait = self.longest_wait.max(wait);
        let days = (wait / DAY) as usize;
        assert!(
            days * RESERVED_A_DAY <= waiting.ahead,
            "case {case} waited {days} days behind {} cases",
            waiting.ahead
        );
    }
}

/// What one day's pulls gave.
#[derive(Default)]
struct Tally {
    leases: usize,
    reserved: usize,
    /// Leases of cases of the tenth with the highest priority that morning.
    of_top: usize,
}

struct Simulation {
    desk: Desk,
    log: QueueLog,
    watch: Watch,
    world: World,
}

impl Simulation {
    async fn begin() -> Simulation {
        let hours = |weekday| DayHours { weekday, start_minute: 480, end_minute: 1_200 };
        let policy = PlainPolicy {
            hours: (1..=7).map(hours).collect(),
            attempts_per_day: 1,
            // A stricter cap a week would itself keep a tenth of the cases from
            // three times their share of so many leases.
            attempts_per_week: 7,
        };
        let desk = Desk::with_policy(ContactPolicy::Plain(policy)).await;
        let list = WorkListSettings { reserved_share_permille: RESERVED_PERMILLE, ..everything() };
        create_work_list(&desk.engine, &desk.caller, super::list("share"), list)
            .await
            .expect("the list is new");
        let log = QueueLog::attach(desk.database.folder());
        Simulation { desk, log, watch: Watch::default(), world: World::new() }
    }

    async fn watch(&mut self) {
        let now = self.desk.now();
        self.watch.read(&mut self.log, now).await;
    }

    /// Lets time pass until an instant, an hour at a time.
    async fn until(&mut self, instant: i64) {
        while self.desk.now() < instant {
            self.desk.advance((instant - self.desk.now()).min(HOUR)).await;
            self.watch().await;
        }
    }

    async fn day(&mut self, midnight: i64) -> Tally {
        self.until(midnight + 7 * HOUR).await;
        self.world.night(&mut self.desk).await;
        self.watch().await;
        self.until(midnight + 8 * HOUR).await;
        let top = self.world.top_tenth(&self.desk).await;
        let mut tally = Tally::default();
        for pull in 0..PULLS_A_DAY as i64 {
            let fresh = match pull {
                0 => Vec::new(),
                // At some minute of the hour before.
                _ => {
                    let minute = self.world.minute();
                    self.until(midnight + (7 + pull) * HOUR + minute * MINUTE).await;
                    self.world.fresh(&mut self.desk).await
                }
            };
            self.watch().await;
            self.until(midnight + (8 + pull) * HOUR).await;
            let backlog = self.watch.ready.len();
            assert!(backlog >= 5 * PULL * PULLS_A_DAY, "{backlog} cases are no overload");
            let leased = self.pull(&top, &mut tally).await;
            for case in fresh {
                assert!(leased.contains(&case), "the fresh case {case} waits for over an hour");
            }
        }
        tally
    }

    /// Leases, and reports three minutes later. Returns the cases leased.
    async fn pull(&mut self, top: &BTreeSet<i64>, tally: &mut Tally) -> BTreeSet<i64> {
        let command = LeaseCommand { work_list_id: list("share"), ..pull(PULL) };
        let work = self.desk.lease(command).await;
        self.watch().await;
        self.desk.clock.advance(3 * MINUTE);
        self.world.report(&self.desk, &work).await;
        self.watch().await;
        let leased: BTreeSet<i64> = ids(&work).into_iter().map(number).collect();
        tally.leases += leased.len();
        tally.reserved += work.items.iter().filter(|item| item.from_reserved_share).count();
        tally.of_top += leased.intersection(top).count();
        leased
    }
}

#[tokio::test]
async fn thirty_days_at_five_times_overload() {
    if !only_on_sqlite("the log of commits that triggers of SQLite write") {
        return;
    }
    let mut simulation = Simulation::begin().await;
    let mut total = Tally::default();
    for day in 0..DAYS {
        let tally = simulation.day((20_000 + day) * DAY + DAY).await;
        assert_eq!(tally.leases, PULL * PULLS_A_DAY, "all capacity is used");
        assert_eq!(tally.reserved, RESERVED_A_DAY, "the reserved share is kept");
        total.leases += tally.leases;
        total.of_top += tally.of_top;
    }
    // Its share would be one in ten.
    assert!(total.of_top * 10 >= 3 * total.leases, "{} of {}", total.of_top, total.leases);
    let (watch, now) = (&mut simulation.watch, simulation.desk.now());
    for (case, waiting) in watch.ready.clone() {
        watch.hold_to_bound(case, waiting, now);
    }
    assert!(watch.longest_wait > 15 * DAY, "no wait came near its bound");
    let rules = Rules {
        sweep_slack: HOUR,
        // One a calendar day: two within 24 hours, never three.
        caps: vec![(2, DAY), (7, 7 * DAY)],
        pull_kept: None,
        hours: Some(&|_, from, until| from % DAY >= 8 * HOUR && until % DAY <= 20 * HOUR),
    };
    assert_holds(&watch.history, &rules);
}
