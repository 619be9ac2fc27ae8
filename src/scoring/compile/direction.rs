//! Points that are meant to go one way with higher numbers.

use super::super::card::{Characteristic, Direction};
use super::super::feature::{Feature, FeatureKind};
use super::Compiler;

impl Compiler<'_> {
    /// Finds every bin whose points go the other way than those of the bin before.
    pub(super) fn direction(&mut self, written: &Characteristic, feature: &Feature) {
        let Some(direction) = written.direction else { return };
        if !matches!(feature.kind().0, FeatureKind::Number { .. }) {
            self.find("direction", "only a characteristic of numbers has one".to_owned());
            return;
        }
        for (at, pair) in written.bins.windows(2).enumerate() {
            let (before, own) = (pair[0].points, pair[1].points);
            let bound = match direction {
                Direction::Up if own < before => "or more",
                Direction::Down if own > before => "or less",
                Direction::Up | Direction::Down => continue,
            };
            let message = format!(
                "is {own}; bins[{at}] has {before}, and by the direction {before} {bound} is allowed"
            );
            self.find(&format!("bins[{}].points", at + 1), message);
        }
    }
}
