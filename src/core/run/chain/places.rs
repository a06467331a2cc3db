//! What is remembered of a million tasks to tell places and records apart, in as few bytes as that takes.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher as _};

/// A task: its stage and index.
pub type Owner = (usize, u64);

/// Tells places apart in the memory of this process: a number in place of their names.
pub fn digest(place: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    place.hash(&mut hasher);
    hasher.finish()
}

/// Who was first at a place, by the place's digest. Fourteen bytes each: most lie in order, the newest in a map until they
/// are enough to be put in order, too.
#[derive(Clone, Debug, Default)]
pub struct Places {
    digests: Vec<u64>,
    owners: Vec<[u8; 6]>,
    new: HashMap<u64, [u8; 6]>,
}

/// So many new ones at least are put in order at once.
const FEWEST: usize = 1024;

impl Places {
    /// Who was first at a place; `owner`, when nobody was.
    pub fn first(&mut self, place: u64, owner: Owner) -> Owner {
        if let Ok(at) = self.digests.binary_search(&place) {
            return unpacked(self.owners[at]);
        }
        let first = *self.new.entry(place).or_insert_with(|| packed(owner));
        // An eighth of all is moved at once, so that each is moved some eight times as their number grows eightfold.
        if self.new.len() >= FEWEST.max(self.digests.len() / 8) {
            self.put_in_order();
        }
        unpacked(first)
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    fn put_in_order(&mut self) {
        let mut new: Vec<_> = std::mem::take(&mut self.new).into_iter().collect();
        new.sort_unstable_by_key(|(digest, _)| *digest);
        let total = self.digests.len() + new.len();
        let (mut digests, mut owners) = (Vec::with_capacity(total), Vec::with_capacity(total));
        let old = std::mem::take(&mut self.digests).into_iter().zip(std::mem::take(&mut self.owners));
        let (mut old, mut new) = (old.peekable(), new.into_iter().peekable());
        loop {
            let next = match (old.peek(), new.peek()) {
                (Some((a, _)), Some((b, _))) if a < b => old.next(),
                (_, Some(_)) => new.next(),
                (_, None) => old.next(),
            };
            let Some((digest, owner)) = next else { break };
            digests.push(digest);
            owners.push(owner);
        }
        (self.digests, self.owners) = (digests, owners);
    }
}

/// A stage in one byte (no run has more than 64), an index in five.
fn packed((stage, index): Owner) -> [u8; 6] {
    let mut packed = [u8::try_from(stage).unwrap_or(u8::MAX); 6];
    packed[1..].copy_from_slice(&index.to_be_bytes()[3..]);
    packed
}

fn unpacked([stage, index @ ..]: [u8; 6]) -> Owner {
    (stage.into(), index.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
}

/// Which record of a task was read, by a digest of its key.
#[derive(Clone, Debug, Default)]
pub struct Marks {
    marks: Vec<u32>,
    count: usize,
}

impl Marks {
    /// How many tasks have one.
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether a record of a task was read.
    pub fn has(&self, index: u64) -> bool {
        self.of(index) != 0
    }

    /// Whether this record of a task was read.
    pub fn is(&self, index: u64, key: &str) -> bool {
        self.of(index) == mark(key)
    }

    /// The tasks that have one.
    pub fn indexes(&self) -> impl Iterator<Item = u64> + '_ {
        (0..).zip(&self.marks).filter(|(_, mark)| **mark != 0).map(|(index, _)| index)
    }

    /// A record of a task was read.
    pub fn set(&mut self, index: u64, key: &str) {
        let Ok(at) = usize::try_from(index) else { return };
        if at >= self.marks.len() {
            self.marks.resize(at + 1, 0);
        }
        self.count += usize::from(std::mem::replace(&mut self.marks[at], mark(key)) == 0);
    }

    fn of(&self, index: u64) -> u32 {
        usize::try_from(index).ok().and_then(|at| self.marks.get(at)).copied().unwrap_or(0)
    }
}

/// Never 0, which says that there is none.
fn mark(key: &str) -> u32 {
    u32::try_from(digest(key) >> 32).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_at_a_place_stays_it() {
        let mut places = Places::default();
        let owner = |number: u64| (usize::try_from(number % 64).unwrap_or(0), number * 7);
        // Every place twice, in two orders, over many times of putting in order.
        for number in (0..20_000).chain((0..20_000).rev()) {
            let place = digest(number);
            assert_eq!(places.first(place, owner(number)), owner(number), "{number}");
            assert_eq!(places.first(place, (1, 1)), owner(number), "{number}");
        }
        assert!(places.digests.is_sorted() && places.digests.len() + places.new.len() == 20_000);
    }

    #[test]
    fn marks_tell_records_of_a_task_apart() {
        let mut marks = Marks::default();
        marks.set(5, "a");
        marks.set(5, "b");
        assert!(marks.is(5, "b") && !marks.is(5, "a") && marks.has(5) && !marks.has(4) && !marks.has(99));
        assert_eq!(marks.len(), 1);
    }
}
