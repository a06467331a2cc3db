//! Logs under Live Tails that lose lines and reads that are throttled: in the end every line is there, once.

use crate::world::{World, rule};
use std::collections::BTreeMap;
use std::time::Duration;
use throng::core::engine::{LogQuery, LogView};
use throng::core::logs::{Bound, Follow, LogClient, LogGroup};

const LINES: usize = 200;

/// How often each of the lines is shown.
fn shown(view: &LogView) -> BTreeMap<String, usize> {
    let mut shown = BTreeMap::new();
    for entry in view.chunks.iter().flat_map(|chunk| chunk.iter()) {
        if entry.message.starts_with("line ") {
            *shown.entry(entry.message.trim().to_owned()).or_default() += 1;
        }
    }
    shown
}

/// Follows the logs of a function that writes lines, under these rules. Gives whether `sampled` was ever shown.
async fn every_line_once(rules: &str) -> bool {
    let world = World::new(rules);
    let script = format!("#!/bin/sh\nseq -f 'line %g' 1 {LINES}\n");
    world.home.ok(&["deploy", &world.function("talk", &script, "")]);
    let client = LogClient::new(world.cloud().await);
    let query = LogQuery { functions: vec!["talk".into()], since_s: 60, ..LogQuery::default() };
    let follow = Follow::start(client, vec![LogGroup::of_function("talk")], query, Bound::default());
    let mut views = follow.views();
    let live = views.wait_for(|view| view.mode == "live" || !rules.contains("tail-event"));
    tokio::time::timeout(Duration::from_mins(1), live).await.expect("a live tail").unwrap();
    tokio::task::block_in_place(|| world.home.ok(&["invoke", "talk", "--data", "{}"]));
    let (mut sampled, mut last) = (false, BTreeMap::new());
    let all = views.wait_for(|view| {
        sampled |= view.sampled;
        last = shown(view);
        last.len() == LINES && !view.sampled && view.mode.len() < 10
    });
    let all = tokio::time::timeout(Duration::from_mins(1), all).await.is_ok();
    assert!(all, "{} of {LINES} lines under\n{rules}", last.len());
    assert!(last.values().all(|times| *times == 1), "{last:?}");
    assert!(world.injected() > 0, "{:?}", world.faults());
    sampled
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_that_a_live_tail_leaves_out_are_found_by_the_sweep() {
    assert!(!every_line_once(&rule("logs:tail-event", "lost, share = 0.4")).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sampled_live_tail_says_so_until_the_sweep_has_been() {
    assert!(every_line_once(&rule("logs:tail-event", "lost, share = 0.4, sampled = true")).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn throttled_reads_are_repeated() {
    every_line_once(
        &[rule("logs:FilterLogEvents", "throttled, every = 2"), rule("logs:StartLiveTail", "throttled")]
            .concat(),
    )
    .await;
    every_line_once(&rule("logs:FilterLogEvents", "truncate, bytes = 20, first = 2")).await;
}
