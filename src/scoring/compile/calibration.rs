//! The calibration of a scorecard: scores that rise, and shares that do not fall.

use super::super::calibration::Calibration;
use super::super::card::Card;
use super::Compiler;

const HORIZON_MAX: i32 = 3_650;
const SOURCE_BYTES_MAX: usize = 200;
const POINTS_MAX: usize = 64;

impl Compiler<'_> {
    pub(super) fn calibration(&mut self, card: &Card) -> Option<Calibration> {
        let written = card.calibration.as_ref()?;
        self.path = "calibration".to_owned();
        self.bounded("horizon_days", written.horizon_days, 1, HORIZON_MAX);
        if !(1..=SOURCE_BYTES_MAX).contains(&written.source.len()) {
            self.find("source", format!("must have 1 to {SOURCE_BYTES_MAX} bytes"));
        }
        let as_of = written.as_of_day();
        if as_of.is_none() {
            let message = format!("{:?} is not a day such as 2026-06-30", written.as_of_date);
            self.find("as_of_date", message);
        }
        let count = written.points.len();
        if !(2..=POINTS_MAX).contains(&count) {
            self.find("points", format!("has {count} entries; 2 to {POINTS_MAX} are allowed"));
        }
        for (at, point) in written.points.iter().enumerate().take(POINTS_MAX) {
            let field = |name: &str| format!("points[{at}].{name}");
            self.bounded(&field("score"), point.score, 0, 1_000);
            self.bounded(&field("recovered_permille"), point.recovered_permille, 0, 1_000);
            let Some(before) = at.checked_sub(1).map(|at| written.points[at]) else { continue };
            if point.score <= before.score {
                let message = format!(
                    "is {}; it must be above {}, that before it",
                    point.score, before.score
                );
                self.find(&field("score"), message);
            }
            if point.recovered_permille < before.recovered_permille {
                let (share, least) = (point.recovered_permille, before.recovered_permille);
                let message = format!("is {share}; it must not be below {least}, that before it");
                self.find(&field("recovered_permille"), message);
            }
        }
        self.path.clear();
        let points = written.points.iter().map(|point| (point.score, point.recovered_permille));
        Some(Calibration {
            horizon_days: written.horizon_days,
            source: written.source.clone(),
            as_of: as_of?,
            points: points.collect(),
        })
    }
}
