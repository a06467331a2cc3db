//! The engine and the clients under it, against a real daemon of the local cloud.

mod deploy;
mod listings;
mod offline;
mod runs;
mod support;
