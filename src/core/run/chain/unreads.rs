//! Successes of a stage whose outputs are to be read, in the order in which they were told. How many each block has is known
//! without looking at them: of a million tasks that have just ended, a million wait here.

use std::collections::{HashMap, VecDeque};

/// A depth and a block in it.
pub type Place = (u32, u64);

/// Indexes of tasks.
#[derive(Clone, Debug, Default)]
pub struct Unreads {
    queue: VecDeque<(u64, Place)>,
    blocks: HashMap<Place, u32>,
}

impl Unreads {
    /// A task whose records lie at a place is to be read, after all others.
    pub fn push(&mut self, index: u64, place: Place) {
        self.queue.push_back((index, place));
        *self.blocks.entry(place).or_default() += 1;
    }

    /// The one that waits longest, taken out.
    pub fn pop(&mut self) -> Option<u64> {
        let (index, place) = self.queue.pop_front()?;
        if let Some(count) = self.blocks.get_mut(&place) {
            *count -= 1;
            if *count == 0 {
                self.blocks.remove(&place);
            }
        }
        if self.queue.is_empty() {
            *self = Self::default();
        }
        Some(index)
    }

    /// Whether none is to be read.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Whether any of a place is to be read.
    pub fn are_in(&self, place: Place) -> bool {
        self.blocks.contains_key(&place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_has_some_until_the_last_was_taken() {
        let mut unreads = Unreads::default();
        for (index, place) in [(7, (0, 1)), (3, (0, 0)), (7, (0, 1)), (9, (2, 1))] {
            unreads.push(index, place);
        }
        assert!(unreads.are_in((0, 1)) && unreads.are_in((2, 1)) && !unreads.are_in((1, 1)));
        assert_eq!((unreads.pop(), unreads.pop()), (Some(7), Some(3)), "the oldest first");
        assert!(unreads.are_in((0, 1)) && !unreads.are_in((0, 0)));
        assert_eq!((unreads.pop(), unreads.pop(), unreads.pop()), (Some(7), Some(9), None));
        assert!(unreads.is_empty() && !unreads.are_in((2, 1)));
    }
}
