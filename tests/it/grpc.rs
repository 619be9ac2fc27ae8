//! The service as its clients see it.

mod cases;
mod damage;
mod looking;
mod portfolios;
mod reflection;
mod settings;
mod what_if;
mod work;
