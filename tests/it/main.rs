//! Tests of the whole service, one module per topic, in one program.

mod cli;
mod grpc;
mod ledger;
mod support;
