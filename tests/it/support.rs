//! What tests of the service share: a server of their own, and readers of
//! what it says when it refuses.

mod database;
mod message;
mod refusal;
mod server;
mod work;

/// Over how many parts the tenant of a test is spread: `ARREARS_TEST_BUCKETS`, else 1. What
/// orders work over a whole list, or looks into tables, is about one.
pub(crate) fn buckets() -> i64 {
    std::env::var("ARREARS_TEST_BUCKETS").map_or(1, |buckets| buckets.parse().unwrap())
}

pub(crate) use database::{TestDatabase, only_on_sqlite};
pub(crate) use message::{date, document, euro, instant, portfolio};
pub(crate) use refusal::refusal;
pub(crate) use server::{NOW, TestServer};
pub(crate) use work::{always, event, hold, lift, outcome, payment, pull, work_list};
