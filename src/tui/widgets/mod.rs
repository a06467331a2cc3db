//! Parts of the screen.
//!
//! ```text
//! bar      bars and sparklines made of characters
//! facts    names and values, one per line
//! footer   the last line: what was just said, or the keys that hold now
//! header   the first two lines: where we are, how it goes, the tabs
//! input    A line of text that is being typed
//! popup    boxes above the screen
//! table    tables that draw their visible rows only
//! ```

pub mod bar;
pub mod facts;
pub mod footer;
pub mod header;
pub mod input;
pub mod popup;
pub mod table;
