//! The gRPC edge: parse, call the engine, convert. Access, deadlines, panics,
//! statuses and metrics are layers around the services; a handler holds none.

mod auth;
mod case_service;
mod convert;
mod edge;
mod listing;
mod metrics;
mod portfolio_service;
mod ready;
mod scorecard_service;
mod server;
mod status;
mod watch;
mod work_list_service;

pub use auth::{NotLoopback, check_loopback};
pub use convert::{
    card_of, document_to_rank, ranking_settings, routing_rules_of, scorecard_of,
    written_routing_rules,
};
pub use server::{Listeners, ServeError, serve};

/// Where an answer that could go on ends, in bytes: the rest is for the next page.
const ANSWER_BYTES_MAX: usize = 3 * 1024 * 1024;
