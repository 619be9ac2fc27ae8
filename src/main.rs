//! The `arrears` program.

fn main() {}
