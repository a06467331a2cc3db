//! One file per layer.

pub mod confirm;
pub mod drop;
pub mod editor;
pub mod files;
pub mod form;
pub mod help;
pub mod line;
pub mod menu;
pub mod notices;
pub mod pager;
pub mod plan;
pub mod preview;
pub mod prompt;
