//! The commands of the `arrears` program.

mod decimal;
mod field;
pub mod mapping;
pub mod rows;
mod word;
