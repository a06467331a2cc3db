//! Logs under Live Tails that lose lines and reads that are throttled: in the end every line is there, once.

use super::world::{World, rule};
use std::collections::BTreeMap;
use std::time::Duration;
use throng_core::logs::{Bound, Follow, LogClient, LogGroup};
use throng_core::model::{LogQuery, LogView};
use tokio::sync::watch;

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

/// A world with a function that writes lines.
fn talking(rules: &str) -> World {
    let world = World::new(rules);
    let script = format!("#!/bin/sh\nseq -f 'line %g' 1 {LINES}\n");
    world.home.ok(&["deploy", &world.function("talk", &script, "")]);
    world
}

async fn follow(world: &World) -> Follow {
    let query = LogQuery { functions: vec!["talk".into()], since_s: 60, ..LogQuery::default() };
    let client = LogClient::new(world.cloud().await);
    Follow::start(client, vec![LogGroup::of_function("talk")], query, Bound::default())
}

async fn until(views: &mut watch::Receiver<LogView>, what: &str, test: impl FnMut(&LogView) -> bool) {
    let found = tokio::time::timeout(Duration::from_mins(1), views.wait_for(test)).await.is_ok();
    assert!(found, "{what} did not come; {} lines", shown(&views.borrow()).len());
}

fn is_whole(view: &LogView) -> bool {
    let shown = shown(view);
    assert!(shown.values().all(|times| *times == 1), "{shown:?}");
    shown.len() == LINES
}

/// Under these rules every line is there at last, once.
async fn every_line_once(rules: &str) {
    let world = talking(rules);
    let following = follow(&world).await;
    let mut views = following.views();
    if rules.contains("tail-event") {
        until(&mut views, "a live tail", |view| view.mode.to_string() == "live").await;
    }
    tokio::task::block_in_place(|| world.home.ok(&["invoke", "talk", "--data", "{}"]));
    until(&mut views, "every line", is_whole).await;
    assert!(world.injected() > 0, "{:?}", world.faults());
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_that_a_live_tail_leaves_out_are_found_by_the_sweep() {
    every_line_once(&rule("logs:tail-event", "lost, share = 0.4")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sampled_live_tail_says_so_until_the_sweep_has_been() {
    // The sweep after the first one waits until the test lists buckets.
    let rules = [
        rule("logs:tail-event", "lost, share = 0.4, sampled = true"),
        rule("logs:FilterLogEvents", "hold, after = 1, first = 1, until = \"s3:ListBuckets\""),
    ];
    let world = talking(&rules.concat());
    let following = follow(&world).await;
    let mut views = following.views();
    until(&mut views, "a live tail", |view| view.mode.to_string() == "live").await;
    tokio::task::block_in_place(|| world.home.ok(&["invoke", "talk", "--data", "{}"]));
    until(&mut views, "a sample", |view| view.sampled && !shown(view).is_empty()).await;
    assert!(!is_whole(&views.borrow()));
    tokio::task::block_in_place(|| world.home.ok(&["ls"]));
    until(&mut views, "every line", |view| is_whole(view) && !view.sampled).await;
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
