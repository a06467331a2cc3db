//! `run`, `runs`, `tasks`, `cancel`.
//!
//! ```text
//! launch    `run`: fixes inputs and sends them; goes on with a run that was cut off
//! values    variables of a run and its sets of parameters, as options say them
//! follow    follows a run to its end, with a status line
//! show      `runs`: one run, or all of them, as text and as a document
//! tasks     `tasks`: the tasks of a run, or one with its attempts
//! reasons   how tasks ended, in words
//! reused    tasks that earlier runs had done
//! results   fetches what a run's tasks have put
//! cancel    `cancel`
//! ```

mod cancel;
pub(crate) mod follow;
mod launch;
pub(crate) mod reasons;
mod results;
pub(crate) mod reused;
pub(crate) mod show;
pub(crate) mod tasks;
mod values;

pub use cancel::cancel;
pub use launch::{launch, through};
pub use results::fetch_outputs;
pub use show::{document, list, verdict};
pub use tasks::tasks;
