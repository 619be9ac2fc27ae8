//! The gRPC edge: parse, call the engine, convert. Access, deadlines, panics,
//! statuses and metrics are layers around the services; a handler holds none.

mod auth;
mod convert;
mod edge;
mod metrics;
mod server;
mod status;

pub use auth::{NotLoopback, check_loopback};
pub use server::{Listeners, ServeError};
