//! What to read next, so that every event is read although events become visible late and out of order. No input or
//! output, and no clock: the caller says what time it is.
//!
//! Each group is read in passes. A *fresh* pass reads from a little before the last one to now, soon and often. A
//! *settled* pass reads each slice of time once more when all of its events are visible, [`SweepPace::settle_ms`] after
//! it. Pages are asked for in turns, one of each group, so that a busy group does not hold up the others.

use super::client::Window;
use crate::model::Millis;

/// How often and how far back is read; milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SweepPace {
    /// From the end of a fresh pass to the next.
    pub every_ms: Millis,
    /// A fresh pass begins this long before the beginning of the one before.
    pub near_ms: Millis,
    /// Events are visible after this time at the latest.
    pub settle_ms: Millis,
    /// A settled pass reads at least this long a slice.
    pub slice_ms: Millis,
}

/// The clocks of the cloud may be ahead of ours by so much.
const AHEAD_MS: Millis = 10_000;
/// How often in a row a pass begins anew because its token is not good.
const RESTARTS: u32 = 3;
/// First pause after an error; it doubles.
const PAUSE_MS: Millis = 1_000;
/// Longest pause after an error.
const LONGEST_PAUSE_MS: Millis = 30_000;

/// A page to ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ask {
    /// Index of the group.
    pub group: usize,
    pub window: Window,
    pub token: Option<String>,
    settled: bool,
}

/// What came of asking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SweepAnswer {
    /// A page, and the token of the next one.
    Page(Option<String>),
    /// The token is not good any more, or never was.
    BadToken,
    /// It failed; it is tried again later.
    Failed,
}

/// A pass that has begun.
#[derive(Clone, Debug)]
struct Pass {
    window: Window,
    token: Option<String>,
    began: Millis,
    restarts: u32,
}

#[derive(Clone, Debug)]
struct Group {
    /// The next fresh pass begins here …
    fresh_from: Millis,
    /// … a while after the last one ended and as long as it took.
    fresh_done: Millis,
    fresh_took: Millis,
    fresh: Option<Pass>,
    /// When the newest fresh pass that is complete began.
    fresh_to: Millis,
    /// Everything before was read after it had settled.
    settled_to: Millis,
    settled: Option<Pass>,
    /// Whose turn it is when both passes are open.
    settled_turn: bool,
    failures: u32,
    not_before: Millis,
}

impl Group {
    /// Begins passes that are due.
    fn begin(&mut self, now: Millis, pace: &SweepPace) {
        if self.fresh.is_none() && now >= self.fresh_due(pace) {
            let start_ms = self.fresh_from.max(self.settled_to);
            let window = Window { start_ms, end_ms: Some(now + AHEAD_MS) };
            self.fresh = Some(Pass { window, token: None, began: now, restarts: 0 });
        }
        if self.settled.is_none() && now >= self.settled_due(pace) && !self.fresh_settles() {
            let window =
                Window { start_ms: self.settled_to, end_ms: Some(now.saturating_sub(pace.settle_ms)) };
            self.settled = Some(Pass { window, token: None, began: now, restarts: 0 });
        }
    }

    /// What takes long is done less often: others want to read, too.
    fn fresh_due(&self, pace: &SweepPace) -> Millis {
        if self.fresh_done == 0 { 0 } else { self.fresh_done + pace.every_ms.max(self.fresh_took) }
    }

    const fn settled_due(&self, pace: &SweepPace) -> Millis {
        self.settled_to + pace.settle_ms + pace.slice_ms
    }

    /// Whether the open fresh pass reads what is next to settle, so that no other pass need do it.
    fn fresh_settles(&self) -> bool {
        self.fresh.as_ref().is_some_and(|pass| pass.window.start_ms <= self.settled_to)
    }

    fn due(&self, pace: &SweepPace) -> Millis {
        let open = self.fresh.is_some() || self.settled.is_some();
        let due = if open { 0 } else { self.fresh_due(pace).min(self.settled_due(pace)) };
        due.max(self.not_before)
    }

    fn pass(&mut self, settled: bool) -> &mut Option<Pass> {
        if settled { &mut self.settled } else { &mut self.fresh }
    }

    /// A pass has read its last page.
    fn complete(&mut self, pass: &Pass, settled: bool, now: Millis, pace: &SweepPace) {
        if pass.window.start_ms <= self.settled_to {
            let visible = pass.began.saturating_sub(pace.settle_ms);
            let end = pass.window.end_ms.unwrap_or(Millis::MAX).min(visible);
            self.settled_to = self.settled_to.max(end);
        }
        if !settled {
            self.fresh_to = pass.began;
            self.fresh_from = self.fresh_from.max(pass.began.saturating_sub(pace.near_ms));
            self.fresh_done = now;
            self.fresh_took = now.saturating_sub(pass.began);
        }
    }
}

/// Plans the reading of some groups.
#[derive(Clone, Debug)]
pub(super) struct Sweep {
    groups: Vec<Group>,
    /// The group that was asked last.
    turn: usize,
}

impl Sweep {
    /// Reads so many groups from `start_ms` on.
    pub fn new(groups: usize, start_ms: Millis) -> Self {
        let group = Group {
            fresh_from: start_ms,
            fresh_done: 0,
            fresh_took: 0,
            fresh: None,
            fresh_to: 0,
            settled_to: start_ms,
            settled: None,
            settled_turn: false,
            failures: 0,
            not_before: 0,
        };
        Self { groups: vec![group; groups], turn: 0 }
    }

    /// The page to ask for now, if any.
    pub fn next(&mut self, now: Millis, pace: &SweepPace) -> Option<Ask> {
        let count = self.groups.len();
        for step in 1..=count {
            let index = (self.turn + step) % count;
            let group = self.groups.get_mut(index)?;
            if now < group.not_before {
                continue;
            }
            group.begin(now, pace);
            let settled = match (&group.fresh, &group.settled) {
                (None, None) => continue,
                (Some(_), Some(_)) => group.settled_turn,
                (_, settled) => settled.is_some(),
            };
            group.settled_turn = !settled;
            let Some(pass) = group.pass(settled) else { continue };
            let (window, token) = (pass.window, pass.token.clone());
            self.turn = index;
            return Some(Ask { group: index, window, token, settled });
        }
        None
    }

    /// When there will be something to ask, if nothing is answered before.
    pub fn due(&self, pace: &SweepPace) -> Millis {
        self.groups.iter().map(|group| group.due(pace)).min().unwrap_or(Millis::MAX)
    }

    /// What came of asking for a page.
    pub fn answer(&mut self, ask: &Ask, answer: SweepAnswer, now: Millis, pace: &SweepPace) {
        let Some(group) = self.groups.get_mut(ask.group) else { return };
        let Some(mut pass) = group.pass(ask.settled).take() else { return };
        match answer {
            SweepAnswer::Page(token) => {
                group.failures = 0;
                // The same token again is the end (as `GetLogEvents` has it), not an endless loop.
                if token.is_none() || token == pass.token {
                    return group.complete(&pass, ask.settled, now, pace);
                }
                pass.token = token;
            }
            SweepAnswer::BadToken if pass.restarts < RESTARTS => {
                pass.token = None;
                pass.restarts += 1;
            }
            SweepAnswer::BadToken | SweepAnswer::Failed => {
                group.not_before = now + (PAUSE_MS << group.failures.min(5)).min(LONGEST_PAUSE_MS);
                group.failures += 1;
                if answer == SweepAnswer::BadToken {
                    pass.token = None;
                }
            }
        }
        *group.pass(ask.settled) = Some(pass);
    }

    /// Everything before this time was read after it had settled; nothing from before will come again, not from a
    /// pass that is open either.
    pub fn settled_to(&self) -> Millis {
        let settled = |group: &Group| {
            let open = group.fresh.iter().chain(&group.settled).map(|pass| pass.window.start_ms).min();
            group.settled_to.min(open.unwrap_or(Millis::MAX))
        };
        self.groups.iter().map(settled).min().unwrap_or(0)
    }

    /// Everything that was visible at this time was read.
    pub fn fresh_to(&self) -> Millis {
        self.groups.iter().map(|group| group.fresh_to).min().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const PACE: SweepPace =
        SweepPace { every_ms: 20_000, near_ms: 30_000, settle_ms: 120_000, slice_ms: 60_000 };

    #[test]
    fn a_busy_group_does_not_hold_up_the_others() {
        let mut sweep = Sweep::new(3, 0);
        let mut asked = Vec::new();
        for page in 0..9 {
            let ask = sweep.next(1_000_000, &PACE).unwrap();
            asked.push(ask.group);
            // Group 1 has pages without end.
            let token = (ask.group == 1).then(|| page.to_string());
            sweep.answer(&ask, SweepAnswer::Page(token), 1_000_000, &PACE);
        }
        assert_eq!(asked, [1, 2, 0, 1, 1, 1, 1, 1, 1], "each group had its turn");
    }

    #[test]
    fn slices_are_read_once_more_when_they_have_settled() {
        let mut sweep = Sweep::new(1, 1_000_000);
        let mut windows = Vec::new();
        let mut now = 1_000_000;
        while now < 1_400_000 {
            while let Some(ask) = sweep.next(now, &PACE) {
                windows.push((ask.settled, ask.window.start_ms, ask.window.end_ms.unwrap()));
                sweep.answer(&ask, SweepAnswer::Page(None), now, &PACE);
            }
            now = sweep.due(&PACE).max(now + 1);
        }
        let settled: Vec<_> = windows.iter().filter(|(settled, ..)| *settled).collect();
        assert_eq!(settled[0], &(true, 1_000_000, 1_060_000));
        assert!(settled.windows(2).all(|pair| pair[0].2 == pair[1].1), "without a gap: {settled:?}");
        assert!(sweep.settled_to() >= 1_200_000);
        assert_eq!(windows.len() - settled.len(), 20, "a fresh pass every twenty seconds");
    }

    /// A fresh pass may settle what a slow settled pass is still reading: its pages are yet to come.
    #[test]
    fn what_a_pass_is_still_reading_has_not_settled() {
        let mut sweep = Sweep::new(1, 0);
        let first = sweep.next(1000, &PACE).unwrap();
        sweep.answer(&first, SweepAnswer::Page(None), 200_000, &PACE);
        let slow = sweep.next(200_000, &PACE).unwrap();
        sweep.answer(&slow, SweepAnswer::Page(Some("1".into())), 200_000, &PACE);
        let fresh = sweep.next(400_000, &PACE).unwrap();
        assert_eq!((slow.settled, fresh.settled, fresh.window.start_ms), (true, false, 0));
        sweep.answer(&fresh, SweepAnswer::Page(None), 400_000, &PACE);
        assert_eq!(sweep.settled_to(), 0);
        let rest = sweep.next(400_000, &PACE).unwrap();
        assert_eq!(rest.token.as_deref(), Some("1"));
        sweep.answer(&rest, SweepAnswer::Page(None), 400_000, &PACE);
        assert_eq!(sweep.settled_to(), 280_000);
    }

    #[test]
    fn a_bad_token_begins_the_window_anew_and_errors_wait_longer_each_time() {
        let mut sweep = Sweep::new(1, 0);
        let ask = sweep.next(1000, &PACE).unwrap();
        sweep.answer(&ask, SweepAnswer::Page(Some("t".into())), 1000, &PACE);
        let ask = sweep.next(1000, &PACE).unwrap();
        assert_eq!(ask.token.as_deref(), Some("t"));
        sweep.answer(&ask, SweepAnswer::BadToken, 1000, &PACE);
        let again = sweep.next(1000, &PACE).unwrap();
        assert_eq!((again.token.as_deref(), again.window), (None, ask.window));
        let mut now = 1000;
        let mut pauses = Vec::new();
        for _ in 0..7 {
            let ask = sweep.next(now, &PACE).unwrap();
            sweep.answer(&ask, SweepAnswer::Failed, now, &PACE);
            pauses.push(sweep.due(&PACE) - now);
            now = sweep.due(&PACE);
        }
        assert_eq!(pauses, [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
    }
}
