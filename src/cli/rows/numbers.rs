//! How the numbers of a file are written.

use clap::ValueEnum;
use serde::Deserialize;

use crate::cli::decimal::Decimal;

/// What stands before the decimal places.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum DecimalMark {
    /// 1240.50
    #[default]
    Point,
    /// 1240,50
    Comma,
}

/// How the numbers of a file are written.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct NumberForm {
    pub decimal: DecimalMark,
    /// Whether a power of ten may follow.
    pub scientific: bool,
}

impl NumberForm {
    /// The number of a text. The other mark is refused: where it groups digits,
    /// the number would be another one.
    pub(super) fn parse(self, text: &str) -> Option<Decimal> {
        let comma = match self.decimal {
            DecimalMark::Point => None,
            DecimalMark::Comma if text.contains('.') => return None,
            DecimalMark::Comma => Some(text.replace(',', ".")),
        };
        let text = comma.as_deref().unwrap_or(text);
        if self.scientific { Decimal::parse_scientific(text) } else { Decimal::parse(text) }
    }

    /// A number as an example.
    pub(super) fn example(self) -> &'static str {
        match self.decimal {
            DecimalMark::Point => "1240.50",
            DecimalMark::Comma => "1240,50, without points",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_mark_is_taken_and_the_other_refused() {
        let form = |decimal, scientific| NumberForm { decimal, scientific };
        let comma = form(DecimalMark::Comma, false);
        let shown = |form: NumberForm, text| form.parse(text).map(|number| number.to_string());
        assert_eq!(shown(comma, "1240,50").as_deref(), Some("1240.5"));
        assert_eq!(shown(comma, "-7").as_deref(), Some("-7"));
        for text in ["1240.50", "1.240,50", "1,2,3", "1,", ",5", "1 240,50", "2,0E+05"] {
            assert_eq!(shown(comma, text), None, "{text}");
        }
        assert_eq!(shown(form(DecimalMark::Comma, true), "2,0E+05").as_deref(), Some("200000"));
        assert_eq!(shown(form(DecimalMark::Point, false), "1240,50"), None);
    }
}
