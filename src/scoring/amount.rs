//! The logarithm of an amount, by an integer table.

/// 10^(k/10) for k = 0 to 9, in ten-thousandths, rounded.
const TENTHS: [i64; 10] =
    [10_000, 12_589, 15_849, 19_953, 25_119, 31_623, 39_811, 50_119, 63_096, 79_433];

/// Ten times the decimal logarithm of an amount in smallest units, rounded
/// down: 1,000 gives 30, 2,000 gives 33. Amounts below 1 give 0.
pub(super) fn log_tenths(amount_minor: i64) -> i64 {
    if amount_minor < 1 {
        return 0;
    }
    let decade = i64::from(amount_minor.ilog10());
    let scale = 10_i128.pow(amount_minor.ilog10());
    let tenth = TENTHS
        .iter()
        .filter(|step| i128::from(amount_minor) * 10_000 >= i128::from(**step) * scale)
        .count() as i64;
    decade * 10 + tenth - 1
}
