//! How many rejects an import bears.

use std::fmt;

use crate::cli::decimal::Decimal;

/// The rows that must have been read before a share of them is judged, unless the
/// file ends before.
const SHARE_ROWS_MIN: u64 = 1_000;

/// A hundred percent.
const WHOLE: u64 = 1_000_000;

/// How many rejected rows an import bears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RejectLimit {
    /// So many rows.
    Rows(u64),
    /// So many millionths of the rows read.
    Share(u64),
}

impl RejectLimit {
    /// The limit of an argument, such as `100` or `0.5%`.
    pub(super) fn parse(text: &str) -> Result<RejectLimit, String> {
        let Some(percent) = text.strip_suffix('%') else {
            let rows = text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()));
            return rows
                .map(RejectLimit::Rows)
                .ok_or_else(|| "must be a number of rows, or a share such as 1%".to_owned());
        };
        let millionths = Decimal::parse("10000").zip(Decimal::parse(percent.trim()));
        let millionths = millionths.and_then(|(scale, percent)| percent.times(scale)?.whole());
        let millionths = millionths.and_then(|millionths| u64::try_from(millionths).ok());
        millionths
            .filter(|millionths| *millionths <= WHOLE)
            .map(RejectLimit::Share)
            .ok_or_else(|| "must lie between 0% and 100%, with at most four places".to_owned())
    }

    /// Whether more was rejected than the import bears. `ended` says that no more
    /// rows will come.
    pub(super) fn exceeded(self, rejected: u64, read: u64, ended: bool) -> bool {
        match self {
            RejectLimit::Rows(rows) => rejected > rows,
            RejectLimit::Share(_) if read < SHARE_ROWS_MIN && !ended => false,
            RejectLimit::Share(share) => {
                u128::from(rejected) * u128::from(WHOLE) > u128::from(share) * u128::from(read)
            }
        }
    }
}

impl fmt::Display for RejectLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RejectLimit::Rows(rows) => write!(f, "{rows}"),
            RejectLimit::Share(share) => {
                let places = format!("{:04}", share % 10_000);
                match places.trim_end_matches('0') {
                    "" => write!(f, "{}%", share / 10_000),
                    places => write!(f, "{}.{places}%", share / 10_000),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_and_shown() {
        for (text, limit) in [
            ("0", RejectLimit::Rows(0)),
            ("250", RejectLimit::Rows(250)),
            ("1%", RejectLimit::Share(10_000)),
            ("0.25%", RejectLimit::Share(2_500)),
            ("100%", RejectLimit::Share(WHOLE)),
        ] {
            assert_eq!(RejectLimit::parse(text), Ok(limit));
            assert_eq!(limit.to_string(), text);
        }
        for text in ["", "%", "-1", "+1", "-1%", "101%", "0.00001%", "1,5%", "many", "1e2"] {
            assert!(RejectLimit::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_share_is_judged_once_enough_is_known() {
        let percent = RejectLimit::Share(10_000);
        assert!(!percent.exceeded(5, 10, false), "ten rows say nothing yet");
        assert!(percent.exceeded(5, 10, true), "ten rows are the whole file");
        assert!(!percent.exceeded(10, 1_000, false), "one percent is allowed");
        assert!(percent.exceeded(11, 1_000, false));
        assert!(!RejectLimit::Rows(5).exceeded(5, 5, true));
        assert!(RejectLimit::Rows(5).exceeded(6, 6, false));
    }
}
