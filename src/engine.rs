//! The use cases, one file per verb: the only layer that combines model,
//! scoring, policy and store.

mod background;
mod book;
mod caller;
mod context;
mod due;
mod error;
mod fold;
mod latest;
mod page;
mod review;
mod spread;
mod stays;
mod sweep;
mod tenants;
mod working_set;
mod write;

pub mod audit;
pub mod debtor;
pub mod explain;
pub mod inspect;
pub mod lease;
mod placing;
pub mod portfolio;
pub mod push;
pub mod read;
pub mod record;
pub mod replay;
pub mod report;
pub mod scorecard;
pub mod watch;
pub mod work_list;

pub use background::Background;
pub use caller::{Caller, Role};
pub use context::{Engine, EngineOptions};
pub use error::{Error, ItemError, Resource};
