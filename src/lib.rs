//! The library of `throng`: the engine ([`core`]) and the embedded cloud ([`local`]).
//!
//! Who may name whom: the binary (`tui`, `cli`) uses `core`; `core` and `local` both use the contract in
//! `throng_runtime`. `core` never names `local`: it reaches the local cloud only through the AWS wire protocols, as
//! it reaches AWS. No terminal type appears in `core`, no AWS SDK type leaves it.

pub mod core;
pub mod local;
