//! The program as people and scripts use it: its commands against a server that
//! it started itself.

mod bench;
mod cases;
mod demo;
mod doctor;
mod failures;
mod formats;
mod golden;
mod import;
mod interchange;
mod kill;
mod migrate;
mod other_clients;
mod portfolio;
pub(crate) mod program;
mod proof;
mod proxy;
mod readme;
mod resume;
mod routes;
mod sba;
mod scorecard;
mod settings;
mod taiwan;
mod transfer;
mod work_list;
