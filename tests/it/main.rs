//! Tests of the whole service, one module per topic, in one program.

mod grpc;
mod ledger;
mod support;
