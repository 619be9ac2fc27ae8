//! The generated contract. Always written `proto::Name`, so that a glance tells
//! which side of the border a line is on.

#![allow(missing_docs, clippy::all, clippy::too_many_lines)]

tonic::include_proto!("arrears.v1");

/// The descriptors of the contract, for reflection and for the test that every
/// element is documented.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/contract.bin"));
