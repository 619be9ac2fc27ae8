//! The integer logarithm against the exact one.

use crate::scoring::amount::log_tenths;

#[test]
fn the_table_agrees_with_the_logarithm() {
    for amount in [1_i64, 2, 9, 10, 999, 1_000, 2_000, 124_050, 5_749_000, 10_i64.pow(15)] {
        let exact = (10.0 * (amount as f64).log10() + 1e-9).floor() as i64;
        assert_eq!(log_tenths(amount), exact, "of {amount}");
    }
}

#[test]
fn it_never_falls_and_ignores_what_is_not_owed() {
    assert_eq!((log_tenths(0), log_tenths(-5)), (0, 0));
    let mut last = 0;
    for amount in (1..2_000_000).step_by(37) {
        assert!(log_tenths(amount) >= last, "at {amount}");
        last = log_tenths(amount);
    }
}
