//! What runs inside a throng function, and the [`contract`] between it and the engine.
//!
//! The library half of this package is only the contract: names, event shapes, records and keys that the
//! engine writes and the runtime reads, or the other way round. The runtime itself is the binary beside it.

pub mod contract;
