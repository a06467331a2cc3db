//! How many tasks share an invocation.

use std::fmt;
use std::str::FromStr;

/// How many tasks of a run are done by one invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PackSize {
    /// As many as make sense, by how long tasks of the function's last runs took.
    Auto,
    /// So many, 1 to [`PackSize::MOST`]. 1: each has its own.
    Tasks(u32),
}

impl PackSize {
    /// Most tasks of a pack.
    pub const MOST: u32 = 1_000;
}

impl fmt::Display for PackSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.pad("auto"),
            Self::Tasks(tasks) => write!(f, "{tasks}"),
        }
    }
}

/// A text that is no size of packs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoPackSize;

impl fmt::Display for NoPackSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a whole number from 1 to {}, or `auto`", PackSize::MOST)
    }
}

impl std::error::Error for NoPackSize {}

impl FromStr for PackSize {
    type Err = NoPackSize;

    fn from_str(text: &str) -> Result<Self, NoPackSize> {
        match text.trim() {
            "auto" => Ok(Self::Auto),
            text => match text.parse() {
                Ok(tasks) if (1..=Self::MOST).contains(&tasks) => Ok(Self::Tasks(tasks)),
                _ => Err(NoPackSize),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_they_are_written() {
        for text in ["auto", "1", "1000"] {
            assert_eq!(text.parse::<PackSize>().map(|size| size.to_string()), Ok(text.to_owned()));
        }
        for bad in ["", "0", "1001", "-1", "1.5", "many"] {
            assert_eq!(bad.parse::<PackSize>(), Err(NoPackSize), "{bad}");
        }
    }
}
