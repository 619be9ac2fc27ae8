//! Special values: single numbers that stand for something else.

use super::super::bins::SPECIAL_MAX;
use super::Compiler;
use super::table::{Labels, Lookup};

/// The most bytes of the label of a special value.
const LABEL_BYTES_MAX: usize = 100;

impl Compiler<'_> {
    /// The special values of a characteristic or term, in parts of 1/scale, each with its
    /// code: they follow those of the bins.
    pub(super) fn special_values(
        &mut self,
        written: &Lookup<'_>,
        scale: i64,
        labels: &mut Labels,
    ) -> Vec<(i64, u8)> {
        let count = written.special.len();
        if count > SPECIAL_MAX {
            let message = format!("has {count} entries; {SPECIAL_MAX} are allowed");
            self.find("special", message);
        }
        let mut values: Vec<(i64, u8)> = Vec::new();
        for (at, one) in written.special.iter().take(SPECIAL_MAX).enumerate() {
            let field = format!("special[{at}].value");
            let value = self.bound(&field, Some(&one.value), scale);
            if value.is_some_and(|value| values.iter().any(|other| other.0 == value)) {
                self.find(&field, format!("{} stands twice", one.value));
            }
            if !(1..=LABEL_BYTES_MAX).contains(&one.label.len()) {
                let message = format!("must have 1 to {LABEL_BYTES_MAX} bytes");
                self.find(&format!("special[{at}].label"), message);
            }
            let code = u8::try_from(labels.len()).expect("200 bins and 32 values are counted");
            values.extend(value.map(|value| (value, code)));
            labels.push((one.label.clone(), one.points, one.reason.clone()));
        }
        values
    }
}
