//! Everything that knows SQL. Nothing above this layer sees a table, a column or
//! a driver.

mod error;

pub use error::StoreError;
