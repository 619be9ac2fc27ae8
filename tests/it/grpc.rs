//! The service as its clients see it.

mod answers;
mod bounds;
mod cases;
mod damage;
mod lists;
mod looking;
mod portfolios;
mod proof;
mod reasons;
mod reflection;
mod settings;
mod stops;
mod take;
mod watch;
mod what_if;
mod work;
