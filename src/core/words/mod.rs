//! One voice for screen and command line: text that is safe to show, and numbers, amounts and times for people.
//!
//! ```text
//! clean    one line that a terminal obeys nothing of; whatever prints or draws demands it
//! lines    the same for text of several lines and for JSON
//! fit      widths, cutting, breaking into lines
//! counts   1,234; 12 files
//! units    1.4 MiB, 18.4/s, reading of amounts
//! time     2m05s, dates, reading of durations
//! ```

mod clean;
mod counts;
mod fit;
mod lines;
mod time;
mod units;

pub use clean::{Clean, is_hostile};
pub use counts::{are, count, generation, how_many, plural};
pub use fit::{clip, clip_start, width, wrap, wrap_words};
pub use lines::Lines;
pub use time::{ago, clock, date_time, day_time, duration, local_time, read_duration, seconds, waiting};
pub use units::{bytes, bytes_per_second, per_second, read_bytes};
