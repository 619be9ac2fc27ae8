//! Tests of the whole service, one module per topic, in one program.

mod grpc;
mod history;
mod ledger;
mod queue;
mod queue_model;
mod support;
