//! What the commands do.

pub mod items;
pub mod logs;
pub mod navigate;
pub mod program;
