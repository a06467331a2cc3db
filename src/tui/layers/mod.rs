//! One file per layer.
//!
//! ```text
//! confirm   asking before something is ended or deleted
//! drop      files were dropped or chosen: what shall be done with them?
//! editor    A payload of several lines, for one invocation
//! files     choosing local files: a path that is typed with completion, and the folder it leads to
//! form      the form that launches a function
//! help      the help, made from the registry
//! line      one line of text at the bottom, with effect while it is typed
//! menu      choosing one of several; typing narrows
//! notices   errors and warnings, to be read and dismissed
//! pager     text to read
//! plan      what deploying would do, before it is done
//! preview   an object: text, JSON set out, an image, or bytes
//! prompt    the : prompt and the palette: commands by name, or by what they do
//! ```

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
