//! Bounds that a simulation must stay within: `psi > 0.25` and the like.

use super::view::SimulationView;

/// A figure, how it is compared, and with what.
#[derive(Clone, Debug)]
pub(super) struct Threshold {
    text: String,
    figure: Figure,
    comparison: Comparison,
    bound: f64,
}

/// Reads a figure off a simulation.
type Figure = fn(&SimulationView) -> f64;
/// Whether a figure is on the wrong side of a bound.
type Comparison = fn(&f64, &f64) -> bool;

/// With the most that each can be.
const FIGURES: [(&str, Figure, f64); 7] = [
    ("psi", |view| view.psi, f64::INFINITY),
    ("priority_psi", |view| view.priority_psi, f64::INFINITY),
    ("group_changed", |view| view.share(view.group_changed_cases), 1.0),
    ("score_changed", |view| view.share(view.score_changed_cases), 1.0),
    ("share_a", |view| view.share(view.groups_after()[0]), 1.0),
    ("share_b", |view| view.share(view.groups_after()[1]), 1.0),
    ("share_c", |view| view.share(view.groups_after()[2]), 1.0),
];

/// The longer ones first: they begin with the shorter.
const COMPARISONS: [(&str, Comparison); 4] =
    [(">=", f64::ge), ("<=", f64::le), (">", f64::gt), ("<", f64::lt)];

impl Threshold {
    /// Reads a condition.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn read(text: &str) -> Result<Threshold, String> {
        let split = |(sign, comparison): &(&str, Comparison)| {
            let (name, bound) = text.split_once(sign)?;
            Some((name.trim(), *comparison, bound.trim()))
        };
        let found = COMPARISONS.iter().find_map(split);
        let (name, comparison, bound) =
            found.ok_or("it must compare a figure by >, >=, < or <= with a number")?;
        let known = FIGURES.iter().find(|(known, ..)| *known == name);
        let names = || FIGURES.map(|(name, ..)| name).join(", ");
        let (_, figure, most) = known.ok_or_else(|| format!("{name:?} is none of {}", names()))?;
        let number = bound.parse::<f64>().ok().filter(|bound| bound.is_finite());
        let bound = number.ok_or_else(|| format!("{bound:?} is not a number"))?;
        // A bound that no figure crosses would be a check that cannot fail.
        if !(0.0..=*most).contains(&bound) {
            return Err(match most.is_finite() {
                true => format!("{name} is a share from 0 to 1: 5 % are 0.05, not {bound}"),
                false => format!("{name} is never below 0: {bound} is no bound"),
            });
        }
        Ok(Threshold { text: text.to_owned(), figure: *figure, comparison, bound })
    }

    /// What is to be said where the condition holds.
    pub(super) fn broken(&self, view: &SimulationView) -> Option<String> {
        let figure = (self.figure)(view);
        let holds = (self.comparison)(&figure, &self.bound);
        holds.then(|| format!("{} holds: it is {figure:.4}", self.text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_read_and_hold() {
        let view =
            SimulationView { psi: 0.3, cases: 10, group_changed_cases: 4, ..Default::default() };
        for (text, broken) in [
            ("psi > 0.25", true),
            ("psi>0.3", false),
            ("psi >= 0.3", true),
            ("psi < 1", true),
            ("group_changed <= 0.4", true),
            ("group_changed > .5", false),
            ("share_a >= 0", true),
            ("share_c > 1", false),
        ] {
            let threshold = Threshold::read(text).expect("it is one");
            assert_eq!(threshold.broken(&view).is_some(), broken, "{text}");
        }
        for (text, why) in [
            ("psi", "must compare"),
            ("psi = 1", "must compare"),
            ("gini > 0.2", "none of psi"),
            ("psi > a lot", "not a number"),
            ("psi > NaN", "not a number"),
            ("psi > -1", "never below 0"),
            ("group_changed > 5", "5 % are 0.05"),
            ("share_a < 1.01", "from 0 to 1"),
            ("share_c >= -0.1", "from 0 to 1"),
            ("", "must compare"),
        ] {
            let refused = Threshold::read(text).expect_err("it is none");
            assert!(refused.contains(why), "{text}: {refused}");
        }
    }
}
