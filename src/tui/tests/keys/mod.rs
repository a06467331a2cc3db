//! What keys ask the engine for.
//!
//! ```text
//! functions   functions: launched, invoked, deleted
//! lists       what narrows, orders and continues a list
//! logs        logs: followed, read, searched
//! objects     objects and files: dropped, marked, fetched, shown, deleted
//! places      where keys lead: tabs, ways back, the cursor on what was begun
//! program     the program: its prompt, contexts, notices, news, its end
//! runs        runs: cancelled, sent again, run again
//! ```

mod functions;
mod lists;
mod logs;
mod objects;
mod places;
mod program;
mod runs;
