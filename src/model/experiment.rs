//! Experiments: which debtors are ranked otherwise for a while, and by which lot.

use super::{Day, ExperimentId, h64};

/// The arms of an experiment. The numbers are stored and are those of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i16)]
pub enum Arm {
    /// Ranked as without an experiment.
    Champion = 1,
    /// Ranked by the challenger, where it is one for the debtor's kind.
    Challenger = 2,
    /// Scored as without an experiment, with a priority drawn by lot.
    Control = 3,
}

impl Arm {
    /// All arms, by number.
    pub const ALL: [Arm; 3] = [Self::Champion, Self::Challenger, Self::Control];

    /// The arm of a stored number.
    pub fn from_number(number: i64) -> Option<Arm> {
        Self::ALL.into_iter().find(|arm| *arm as i64 == number)
    }
}

/// An experiment: its name, and which shares of the debtors are in which arm. All that an
/// arm depends on beside the debtor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Experiment {
    /// The caller's name of it.
    pub experiment_id: ExperimentId,
    /// Of the debtors outside the control share, in thousandths.
    pub challenger_permille: i32,
    /// Of all debtors, in thousandths.
    pub control_permille: i32,
}

impl Experiment {
    /// The most of a challenger, in thousandths: what is tried is no more than a half.
    pub const CHALLENGER_PERMILLE_MAX: i32 = 500;
    /// The most of a control share, in thousandths.
    pub const CONTROL_PERMILLE_MAX: i32 = 200;

    /// In which arm a debtor is, and the debtor's lot. Both follow from the debtor's id and
    /// that of the experiment alone; the draws for the control share, for the challenger's
    /// and the lot are bits apart of one hash, so none says anything of another. A share
    /// that grows takes debtors in and lets none out.
    pub fn draw(&self, debtor_id: &str) -> (Arm, Lot) {
        let mut hasher = blake3::Hasher::new();
        for id in [self.experiment_id.as_str(), debtor_id] {
            // Ids have at most 128 bytes; without a length two pairs could run together.
            hasher.update(&[u8::try_from(id.len()).unwrap_or(u8::MAX)]);
            hasher.update(id.as_bytes());
        }
        let hash = hasher.finalize();
        let word = |at: usize| {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(&hash.as_bytes()[8 * at..8 * at + 8]);
            u64::from_be_bytes(bytes)
        };
        let arm = if share(word(0), 1_000) < self.control_permille {
            Arm::Control
        } else if share(word(1), 1_000) < self.challenger_permille {
            Arm::Challenger
        } else {
            Arm::Champion
        };
        (arm, Lot(word(2)))
    }
}

/// What a debtor of a control share has drawn, and draws anew every seven days. A lot for
/// good would leave some debtors at the end of the queue as long as the experiment runs;
/// a new one each day would move all of them in the queue every night.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lot(u64);

impl Lot {
    /// How many days a draw holds. Each debtor's begin on a day of its own, so that every
    /// day has its share of new draws.
    const DAYS: i64 = 7;

    /// The priority as of a day, drawn evenly from 0 to 1,000.
    pub fn priority(self, day: Day) -> i32 {
        let draw = self.days_into(day).div_euclid(Lot::DAYS);
        let drawn = h64(&[&self.0.to_be_bytes(), &draw.to_be_bytes()]);
        share(drawn.cast_unsigned(), 1_001)
    }

    /// The first later day with another draw.
    pub fn drawn_anew(self, day: Day) -> Day {
        let held = self.days_into(day).rem_euclid(Lot::DAYS);
        day.plus(i32::try_from(Lot::DAYS - held).expect("it is at most seven"))
    }

    fn days_into(self, day: Day) -> i64 {
        let offset = share(self.0, Lot::DAYS.cast_unsigned());
        i64::from(day.0) + i64::from(offset)
    }
}

/// Which of so many equal ranges a word falls into, from 0.
fn share(word: u64, ranges: u64) -> i32 {
    let range = (u128::from(word) * u128::from(ranges)) >> 64;
    i32::try_from(range).expect("there are at most 1,001 ranges")
}

/// In which arm of which experiment something was served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServedArm {
    /// The experiment.
    pub experiment_id: ExperimentId,
    /// The arm.
    pub arm: Arm,
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEBTORS: usize = 100_000;

    fn experiment(id: &str, challenger_permille: i32, control_permille: i32) -> Experiment {
        let experiment_id = ExperimentId::new(id).expect("an id");
        Experiment { experiment_id, challenger_permille, control_permille }
    }

    fn debtors() -> impl Iterator<Item = String> {
        (0..DEBTORS).map(|number| format!("debtor-{number}"))
    }

    fn arms(one: &Experiment) -> Vec<Arm> {
        debtors().map(|debtor| one.draw(&debtor).0).collect()
    }

    fn count(arms: &[Arm], arm: Arm) -> usize {
        arms.iter().filter(|one| **one == arm).count()
    }

    /// A count of so many draws of a share lies within five standard deviations, which
    /// one of two million sets of debtors would miss; these are always the same.
    fn assert_share(count: usize, of: usize, permille: f64) {
        let (of, share) = (of as f64, permille / 1_000.0);
        let (expected, deviation) = (of * share, (of * share * (1.0 - share)).sqrt());
        let far = (count as f64 - expected).abs();
        assert!(far <= 5.0 * deviation, "{count} of {of} where {expected} were expected");
    }

    #[test]
    fn shares_are_what_they_are_said_to_be() {
        for (challenger, control) in [(100, 50), (500, 200), (1, 0), (0, 1), (333, 123)] {
            let one = experiment("autumn", challenger, control);
            let arms = arms(&one);
            let outside = DEBTORS - count(&arms, Arm::Control);
            assert_share(DEBTORS - outside, DEBTORS, f64::from(control));
            assert_share(count(&arms, Arm::Challenger), outside, f64::from(challenger));
        }
    }

    #[test]
    fn an_arm_says_nothing_of_that_in_another_experiment() {
        let [autumn, winter] = ["autumn", "winter"].map(|id| arms(&experiment(id, 500, 200)));
        let outside = |arm: &Arm| *arm != Arm::Control;
        let both: Vec<(Arm, Arm)> = autumn.into_iter().zip(winter).collect();
        for before in Arm::ALL {
            let among: Vec<Arm> =
                both.iter().filter(|(one, _)| *one == before).map(|(_, other)| *other).collect();
            let left = among.iter().filter(|arm| outside(arm)).count();
            assert_share(among.len() - left, among.len(), 200.0);
            assert_share(count(&among, Arm::Challenger), left, 500.0);
        }
    }

    #[test]
    fn a_share_that_grows_lets_nobody_out() {
        let (small, large) = (experiment("autumn", 100, 50), experiment("autumn", 300, 50));
        let more_control = experiment("autumn", 100, 150);
        for debtor in debtors().take(10_000) {
            let (arm, lot) = small.draw(&debtor);
            let (wider, same) = large.draw(&debtor);
            assert_eq!(lot, same);
            assert!(wider == arm || (arm, wider) == (Arm::Champion, Arm::Challenger));
            let (controlled, _) = more_control.draw(&debtor);
            assert!(controlled == arm || controlled == Arm::Control);
        }
    }

    /// By which challenger's share and by which control share a debtor would first be in
    /// them: were these one draw, the challenger's would be among those the control share
    /// leaves over.
    #[test]
    fn the_draws_of_the_two_shares_and_the_lot_are_apart() {
        let day = Day(20_000);
        let one = experiment("autumn", 500, 200);
        let front = |lot: Lot| lot.priority(day) > 500;
        let mut by_arm = [(0, 0); 3];
        for debtor in debtors() {
            let (arm, lot) = one.draw(&debtor);
            let counts = &mut by_arm[arm as usize - 1];
            counts.0 += 1;
            counts.1 += usize::from(front(lot));
        }
        for (all, front) in by_arm {
            assert_share(front, all, 1_000.0 * 500.0 / 1_001.0);
        }
    }

    #[test]
    fn lots_are_even_and_drawn_anew_every_seven_days() {
        let one = experiment("autumn", 0, 200);
        let mut tenths = [0; 11];
        let mut first_days = [0; 7];
        let mut moved = 0;
        for debtor in debtors() {
            let (_, lot) = one.draw(&debtor);
            let day = Day(20_000);
            let priority = lot.priority(day);
            tenths[usize::try_from(priority / 100).expect("it is not negative")] += 1;
            let next = lot.drawn_anew(day);
            first_days[usize::try_from(next.since(day)).expect("it is later") - 1] += 1;
            assert_eq!(lot.priority(next.plus(-1)), priority);
            assert_eq!(lot.drawn_anew(next), next.plus(7));
            moved += usize::from((lot.priority(next) > 500) != (priority > 500));
        }
        for count in &tenths[..10] {
            assert_share(*count, DEBTORS, 100_000.0 / 1_001.0);
        }
        assert_share(tenths[10], DEBTORS, 1_000.0 / 1_001.0);
        for count in first_days {
            assert_share(count, DEBTORS, 1_000.0 / 7.0);
        }
        assert_share(moved, DEBTORS, 500.0);
    }

    /// What was served by an arm is proved by drawing it again: that must never change.
    #[test]
    fn debtors_are_where_they_always_were() {
        let one = experiment("autumn", 500, 200);
        let drawn = ["d-1", "d-2", "d-3", "d-4"].map(|id| one.draw(id));
        let lots = drawn.map(|(arm, lot)| (arm, lot.priority(Day(20_000))));
        let known =
            [(Arm::Control, 667), (Arm::Champion, 282), (Arm::Control, 50), (Arm::Champion, 245)];
        assert_eq!(lots, known);
    }
}
