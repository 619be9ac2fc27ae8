//! The tables themselves, seen past the service.

mod queue_log;

pub(crate) use queue_log::QueueLog;
