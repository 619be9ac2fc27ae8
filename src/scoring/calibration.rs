//! What share is recovered at which score: by the table that a scorecard carries, and
//! nothing where it carries none.

use crate::model::Day;

/// The calibration of a scorecard, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Calibration {
    pub horizon_days: i32,
    pub source: String,
    pub as_of: Day,
    /// Score and thousandths recovered: scores rise, shares do not fall.
    pub points: Vec<(i32, i32)>,
}

/// What of an overdue amount is expected to be recovered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectedRecovery {
    /// The share in thousandths, 0 to 1,000.
    pub share_permille: i32,
    /// Within how many calendar days.
    pub horizon_days: i32,
    /// What the share was measured on.
    pub source: String,
    /// The day as of which the cases it was measured on were scored.
    pub as_of: Day,
    /// The share of the served overdue amount, in smallest units, halves away from zero.
    pub amount_minor: i64,
}

impl Calibration {
    /// What is expected of a case with this score and this served amount. Nothing outside
    /// the scores that were measured.
    pub fn expected(&self, score: i32, overdue_amount_minor: i64) -> Option<ExpectedRecovery> {
        let share_permille = self.share(score)?;
        let product = i128::from(share_permille) * i128::from(overdue_amount_minor);
        let amount = (product.abs() + 500) / 1_000 * product.signum();
        Some(ExpectedRecovery {
            share_permille,
            horizon_days: self.horizon_days,
            source: self.source.clone(),
            as_of: self.as_of,
            amount_minor: i64::try_from(amount).expect("a share is at most the whole"),
        })
    }

    /// The share at a score, on the straight line between the points around it, halves up.
    fn share(&self, score: i32) -> Option<i32> {
        let above = self.points.partition_point(|point| point.0 < score);
        let (high_score, high) = *self.points.get(above)?;
        if high_score == score {
            return Some(high);
        }
        let (low_score, low) = self.points[above.checked_sub(1)?];
        let width = high_score - low_score;
        let added = ((high - low) * (score - low_score) * 2 + width) / (width * 2);
        Some(low + added)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calibration(points: &[(i32, i32)]) -> Calibration {
        let (source, as_of) = ("a test".to_owned(), Day(20_000));
        Calibration { horizon_days: 90, source, as_of, points: points.to_vec() }
    }

    #[test]
    fn shares_lie_on_the_line_between_points_and_nowhere_else() {
        let table = calibration(&[(100, 50), (200, 55), (203, 55), (900, 1_000)]);
        let shares = [99, 100, 109, 110, 129, 130, 199, 200, 201, 203, 899, 900, 901];
        let shares = shares.map(|score| table.share(score));
        let told = [50, 50, 51, 51, 52, 55, 55, 55, 55, 999, 1_000].map(Some);
        assert_eq!(shares[0], None, "below what was measured");
        assert_eq!(shares[1..12], told);
        assert_eq!(shares[12], None, "above what was measured");
        let all: Vec<i32> = (100..=900).filter_map(|score| table.share(score)).collect();
        assert!(all.is_sorted() && all.len() == 801);
    }

    #[test]
    fn amounts_are_rounded_half_away_from_zero_and_never_overflow() {
        let table = calibration(&[(0, 125), (1_000, 125)]);
        let amount = |minor| table.expected(500, minor).expect("it was measured").amount_minor;
        assert_eq!([0, 3, 4, 12, -4, -3].map(amount), [0, 0, 1, 2, -1, 0]);
        let whole = calibration(&[(0, 1_000), (1_000, 1_000)]);
        let most = whole.expected(0, i64::MAX).expect("it was measured");
        assert_eq!((most.amount_minor, most.share_permille), (i64::MAX, 1_000));
    }
}
