//! Chance, by a generator whose seed is fixed.

use rand::RngExt;
use rand::rngs::StdRng;

/// Draws from a generator.
pub(super) struct Draw<'a>(pub &'a mut StdRng);

impl Draw<'_> {
    /// Yes with a probability, 0 to 1.
    pub(super) fn chance(&mut self, probability: f64) -> bool {
        self.0.random_bool(probability.clamp(0.0, 1.0))
    }

    /// A whole number between two, both included.
    pub(super) fn between(&mut self, low: i64, high: i64) -> i64 {
        self.0.random_range(low..=high)
    }

    /// A number from 0 to 1.
    pub(super) fn share(&mut self) -> f64 {
        self.0.random_range(0.0..=1.0)
    }

    /// A number about 0 with a spread of 1, never beyond 4: the sum of twelve
    /// shares less 6, which needs no logarithm.
    pub(super) fn normal(&mut self) -> f64 {
        let sum: f64 = (0..12).map(|_| self.share()).sum();
        (sum - 6.0).clamp(-4.0, 4.0)
    }

    /// A number above 0 with a mean of 1, mostly small and now and then large.
    pub(super) fn skewed(&mut self) -> f64 {
        -(1.0 - self.share() * 0.9999).ln()
    }

    /// One of several by their weights.
    pub(super) fn pick<T: Copy>(&mut self, choices: &[(T, u32)]) -> T {
        let total: u32 = choices.iter().map(|(_, weight)| weight).sum();
        let mut at = self.0.random_range(0..total.max(1));
        for (choice, weight) in choices {
            if at < *weight {
                return *choice;
            }
            at -= weight;
        }
        choices[choices.len() - 1].0
    }
}
