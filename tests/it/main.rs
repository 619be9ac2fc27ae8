//! Tests of the whole service, one module per topic, in one program.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod grpc;
mod ledger;
mod support;
