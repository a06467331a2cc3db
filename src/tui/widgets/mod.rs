//! Parts of the screen.

pub mod bar;
pub mod facts;
pub mod footer;
pub mod header;
pub mod input;
pub mod popup;
pub mod table;
