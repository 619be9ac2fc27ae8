//! What tests of the service share: a server of their own, and readers of
//! what it says when it refuses.

mod database;
mod message;
mod refusal;
mod server;
mod work;

pub(crate) use database::{TestDatabase, only_on_sqlite};
pub(crate) use message::{date, document, euro, instant, portfolio};
pub(crate) use refusal::refusal;
pub(crate) use server::{NOW, TestServer};
pub(crate) use work::{always, event, hold, lift, outcome, payment, pull, work_list};
