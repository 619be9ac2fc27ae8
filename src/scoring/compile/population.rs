//! Populations: some of the cases, ranked by points of their own.

use super::super::card::{self, Card};
use super::{CompiledCharacteristic, Compiler, Condition, is_name};

/// The most populations of a scorecard.
const POPULATIONS_MAX: usize = 8;

/// A population, compiled.
#[derive(Clone, Debug)]
pub(in super::super) struct CompiledPopulation {
    pub name: String,
    pub conditions: Vec<Condition>,
    /// No condition of it looks at a protected input that is off.
    pub active: bool,
    pub base_points: i32,
    pub characteristics: Vec<CompiledCharacteristic>,
}

impl Compiler<'_> {
    pub(super) fn populations(&mut self, card: &Card) -> Vec<CompiledPopulation> {
        let count = card.populations.len();
        if count > POPULATIONS_MAX {
            self.find("populations", format!("has {count} entries; {POPULATIONS_MAX} are allowed"));
        }
        let mut compiled: Vec<CompiledPopulation> = Vec::new();
        for (at, written) in card.populations.iter().take(POPULATIONS_MAX).enumerate() {
            self.path = format!("populations[{at}]");
            if !is_name(&written.name) {
                let message = format!("{:?} must be 1 to 64 bytes of a-z, 0-9 and _", written.name);
                self.find("name", message);
            }
            if compiled.iter().any(|other| other.name == written.name) {
                self.find("name", format!("{:?} is used twice", written.name));
            }
            compiled.push(self.population(written));
        }
        self.path.clear();
        compiled
    }

    fn population(&mut self, written: &card::Population) -> CompiledPopulation {
        let path = self.path.clone();
        self.bounded("base_points", written.base_points, -10_000, 10_000);
        // Whoever sees its reasons learns that the conditions hold.
        let (conditions, active, withheld) = self.when(&written.when);
        self.withheld = withheld;
        self.path.clone_from(&path);
        let characteristics = self.characteristics(&written.characteristics, &path);
        (self.path, self.withheld) = (path, false);
        self.sums(written.base_points, &characteristics, true);
        let (name, base_points) = (written.name.clone(), written.base_points);
        CompiledPopulation { name, conditions, active, base_points, characteristics }
    }
}
