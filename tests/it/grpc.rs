//! The service as its clients see it.

mod cases;
mod portfolios;
mod reflection;
mod work;
