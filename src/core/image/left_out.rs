//! What is left out of an image, told once.

use super::names::safe;
use crate::words::plural;
use serde::{Deserialize, Serialize};

/// Names that a message has.
const SHOWN: usize = 3;

/// Devices, sockets and named pipes that functions cannot have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LeftOut {
    count: u64,
    first: Vec<String>,
}

impl LeftOut {
    pub fn add(&mut self, name: &str) {
        self.count += 1;
        if self.first.len() < SHOWN {
            self.first.push(safe(name));
        }
    }

    pub fn merge(&mut self, other: &Self) {
        self.count += other.count;
        let room = SHOWN.saturating_sub(self.first.len());
        self.first.extend(other.first.iter().take(room).cloned());
    }

    /// One sentence; none when nothing was left out.
    pub fn told(&self, origin: &str) -> Option<String> {
        let names: Vec<String> = self.first.iter().map(|name| format!("`{name}`")).collect();
        let more = if self.count > names.len() as u64 { ", …" } else { "" };
        let what = plural(self.count, "device or pipe");
        let what = what.replace("device or pipes", "devices and pipes");
        (self.count > 0).then(|| {
            format!(
                "{origin}: left out {what} ({}{more}): functions have a /dev of their own",
                names.join(", ")
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::LeftOut;

    #[test]
    fn many_are_one_sentence() {
        let mut all = LeftOut::default();
        assert_eq!(all.told("x"), None);
        all.add("var/control");
        assert_eq!(
            all.told("x").as_deref(),
            Some("x: left out 1 device or pipe (`var/control`): functions have a /dev of their own")
        );
        let mut more = LeftOut::default();
        for name in ["dev/null", "dev/zero", "dev/tty"] {
            more.add(name);
        }
        all.merge(&more);
        assert_eq!(
            all.told("x").as_deref(),
            Some(
                "x: left out 4 devices and pipes (`var/control`, `dev/null`, `dev/zero`, …): functions have a /dev of \
                 their own"
            )
        );
    }
}
