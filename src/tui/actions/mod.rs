//! What the commands do.
//!
//! ```text
//! items      what can be done with the thing under the cursor
//! logs       reading logs
//! navigate   moving about
//! program    the program itself
//! ```

pub mod items;
pub mod logs;
pub mod navigate;
pub mod program;
