//! A cloud that shows events late and out of order, in pages of any size, with a tail that loses and repeats.

#![allow(clippy::unwrap_used)]
use super::*;
use crate::logs::buffer::Bound;
use crate::logs::client::TailUpdate;
use crate::logs::sweep::{Ask, Sweep, SweepAnswer, SweepPace};
use proptest::prelude::*;

const PACE: SweepPace = SweepPace { every_ms: 2_000, near_ms: 3_000, settle_ms: 10_000, slice_ms: 5_000 };
const GROUPS: usize = 3;
const START: Millis = 1_000_000;

#[derive(Clone, Debug)]
struct Event {
    time_ms: Millis,
    group: usize,
    text: u8,
    visible_ms: Millis,
    /// When the tail shows it, each time.
    tail_ms: Vec<Millis>,
}

fn event() -> impl Strategy<Value = Event> {
    let delays = (0u64..PACE.settle_ms, prop::collection::vec(0u64..8_000, 0..3));
    (0u64..60_000, 0..GROUPS, 0u8..3, delays).prop_map(|(at, group, text, (late, tail))| Event {
        time_ms: START + at,
        group,
        text,
        visible_ms: START + at + late,
        tail_ms: tail.into_iter().map(|late| START + at + late).collect(),
    })
}

/// Numbers that look random, from a seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

fn raw(events: &[Event], index: usize, with_id: bool) -> RawEvent {
    let event = &events[index];
    RawEvent {
        time_ms: event.time_ms,
        stream: "s".into(),
        message: format!("text {}", event.text),
        id: with_id.then(|| index.to_string()),
    }
}

/// A page as the cloud gives it: what is visible behind the token's place, maybe nothing although there is more.
fn page(events: &[Event], ask: &Ask, now: Millis, dice: &mut Dice) -> (Vec<usize>, Option<String>) {
    let place = |index: usize| (events[index].time_ms, index);
    let after = ask.token.as_deref().and_then(|token| {
        let mut parts = token.split('/');
        Some((parts.next()?.parse::<Millis>().ok()?, parts.next()?.parse::<usize>().ok()?))
    });
    let mut found: Vec<usize> = (0..events.len())
        .filter(|index| {
            let event = &events[*index];
            let inside = event.time_ms >= ask.window.start_ms
                && ask.window.end_ms.is_none_or(|end| event.time_ms <= end);
            inside
                && event.group == ask.group
                && event.visible_ms <= now
                && after.is_none_or(|after| place(*index) > after)
        })
        .collect();
    found.sort_by_key(|index| place(*index));
    let size = usize::try_from(dice.roll(4)).unwrap();
    let more = found.len() > size || dice.roll(5) == 0;
    found.truncate(size);
    let at = found.last().map(|last| place(*last)).or(after).unwrap_or((0, 0));
    // Tokens of one place differ, as the cloud's do.
    let at =
        if found.is_empty() && after.is_none() { "-/-".to_owned() } else { format!("{}/{}", at.0, at.1) };
    (found, more.then(|| format!("{at}/{}", dice.roll(u64::MAX))))
}

/// Follows the events to the end. Returns the lines as they are shown.
fn follow(events: &[Event], seed: u64) -> LogView {
    let groups: Vec<_> =
        (0..GROUPS).map(|index| LogGroup::named(&format!("f{index}"), &format!("g{index}"))).collect();
    let mut merge = Merge::new(groups, LogQuery::default(), LogBuffer::new(Bound::default()));
    let mut plan = Sweep::new(GROUPS, START);
    let mut dice = Dice(seed);
    let mut tail: Vec<(Millis, usize)> = events
        .iter()
        .enumerate()
        .flat_map(|(index, event)| event.tail_ms.iter().map(move |at| (*at, index)))
        .collect();
    tail.sort_unstable_by(|a, b| b.cmp(a));
    merge.take(LogUpdate::State(0, TailState::Live(START)), START);
    let mut now = START;
    while now < START + 60_000 + PACE.settle_ms + 60_000 {
        while let Some((_, index)) = tail.pop_if(|(at, _)| *at <= now) {
            let name = format!("g{}", events[index].group);
            let update = TailUpdate { events: vec![(name, raw(events, index, false))], sampled: false };
            merge.take(LogUpdate::Tail(update), now);
        }
        let Some(ask) = plan.next(now, &PACE) else {
            let next = tail.last().map_or(Millis::MAX, |(at, _)| *at);
            now = plan.due(&PACE).min(next).max(now + 1);
            continue;
        };
        now += dice.roll(200);
        let answer = match dice.roll(12) {
            0 if ask.token.is_some() => SweepAnswer::BadToken,
            1 => SweepAnswer::Failed,
            _ => {
                let (found, token) = page(events, &ask, now, &mut dice);
                let found = found.into_iter().map(|index| raw(events, index, true)).collect();
                merge.take(LogUpdate::Page(ask.group, found), now);
                SweepAnswer::Page(token)
            }
        };
        plan.answer(&ask, answer, now, &PACE);
        merge.take(LogUpdate::Swept { settled: plan.settled_to(), fresh: plan.fresh_to() }, now);
    }
    merge.view()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_event_is_there_once_in_the_order_of_time(
        events in prop::collection::vec(event(), 0..40),
        seed in any::<u64>(),
    ) {
        let view = follow(&events, seed);
        let shown: Vec<(Millis, String, String)> = (0..view.len())
            .map(|index| view.get(index).unwrap())
            .map(|entry| (entry.time_ms, entry.function.to_string(), entry.message.to_string()))
            .collect();
        prop_assert!(shown.is_sorted_by_key(|(time, ..)| *time));
        let mut expected: Vec<_> = events
            .iter()
            .map(|event| (event.time_ms, format!("f{}", event.group), format!("text {}", event.text)))
            .collect();
        expected.sort();
        let mut shown = shown;
        shown.sort();
        prop_assert_eq!(shown, expected);
        prop_assert!(events.is_empty() || view.is_settled());
    }
}

#[test]
fn what_the_tail_lost_is_counted_until_it_comes() {
    let lost =
        Event { time_ms: START + 5_000, group: 0, text: 0, visible_ms: START + 9_000, tail_ms: vec![] };
    let shown = Event { tail_ms: vec![START + 5_100], text: 1, ..lost.clone() };
    assert_eq!(follow(&[lost.clone(), shown], 3).len(), 2);
    let mut merge =
        Merge::new(vec![LogGroup::named("f", "g")], LogQuery::default(), LogBuffer::new(Bound::default()));
    merge.take(LogUpdate::State(0, TailState::Live(START)), START);
    let events = [lost];
    merge.take(LogUpdate::Page(0, vec![raw(&events, 0, true)]), START + 20_000);
    assert_eq!(merge.view().missed, 1);
    merge.take(
        LogUpdate::Tail(TailUpdate { events: vec![("g".into(), raw(&events, 0, false))], sampled: false }),
        START + 21_000,
    );
    assert_eq!((merge.view().missed, merge.view().len()), (0, 1));
}

#[test]
fn a_sample_is_said_until_the_sweep_has_filled_it() {
    let mut merge =
        Merge::new(vec![LogGroup::named("f", "g")], LogQuery::default(), LogBuffer::new(Bound::default()));
    assert_eq!(merge.view().mode.to_string(), "polling");
    merge.take(LogUpdate::State(0, TailState::Live(START)), START);
    merge.take(LogUpdate::Tail(TailUpdate { events: vec![], sampled: true }), START + 1_000);
    merge.take(LogUpdate::Swept { settled: 0, fresh: START + 500 }, START + 1_500);
    assert!(merge.view().sampled && merge.is_live());
    merge.take(LogUpdate::Swept { settled: 0, fresh: START + 1_600 }, START + 2_000);
    assert!(!merge.view().sampled);
    assert_eq!(merge.view().mode.to_string(), "live");
    merge.take(LogUpdate::State(0, TailState::Polling("live tail refused: x".into())), START);
    assert_eq!(merge.view().mode.to_string(), "polling (live tail refused: x)");
}
