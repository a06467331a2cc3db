//! `logs`.

use crate::args::{self, Format};
use crate::fail::{CliResult, Fail};
use crate::print;
use crate::session::Session;
use serde::Serialize;
use std::collections::HashSet;
use throng_core::cloud::{Cloud, now_ms};
use throng_core::jobs::Job;
use throng_core::logs::{Bound, Follow, LogClient, LogGroup, Reader, Window};
use throng_core::model::{LineId, LogEntry, LogQuery, LogView, TaskName};
use throng_core::run::Follower;
use throng_core::words::{self, Clean};
use throng_core::{clean, lines};

/// While following, lines are remembered this far back, so that late ones find their place.
const KEPT_LINES: usize = 5_000;

/// A line as `--output json` prints it, one document per line.
#[derive(Serialize)]
struct Shown<'l> {
    time_ms: u64,
    level: &'l str,
    function: &'l str,
    stream: &'l str,
    request_id: Option<&'l str>,
    run: Option<&'l str>,
    task: Option<&'l TaskName>,
    platform: bool,
    message: &'l str,
}

pub async fn print(session: &Session, args: args::Logs) -> CliResult {
    let job = session.job(Job::Look).await?;
    let mut names = Vec::new();
    for text in &args.functions {
        names.extend(super::deploy::names(text)?);
    }
    let run = match args.run.as_deref() {
        Some(run) => {
            let context = job.runs()?;
            let run = super::resolve::resolve(&context, run).await?;
            let follower = Follower::open(&context, &run).await?;
            if names.is_empty() {
                names.extend(follower.chain().stages().map(|stage| stage.header().function.clone()));
            }
            Some(run)
        }
        None => None,
    };
    let cloud = job.cloud().clone();
    let groups = groups(&cloud, &names).await?;
    let query = LogQuery {
        functions: names,
        run,
        task: args.task,
        request_id: args.request,
        since_s: args.since.as_secs(),
    };
    let client = LogClient::new(cloud);
    if args.follow {
        return follow(session, client, groups, query, args.stream.as_deref()).await;
    }
    let start_ms = now_ms().saturating_sub(query.since_s * 1000);
    let comes_late = !client.is_local();
    let mut reader = Reader::new(client, groups, &query, Window { start_ms, end_ms: None });
    let mut any = false;
    loop {
        tokio::select! {
            entry = reader.next() => match entry? {
                Some(entry) if !is_of(args.stream.as_deref(), &entry) => {}
                Some(entry) => {
                    any = true;
                    line(session.format, &entry);
                }
                None => break,
            },
            () = session.interrupt.cancelled() => return Ok(()),
        }
    }
    if !any {
        print::note("no lines; --since looks further back");
    }
    if comes_late {
        print::note("lines of the last two minutes may still arrive; --follow waits for them");
    }
    Ok(())
}

async fn groups(cloud: &Cloud, names: &[String]) -> Result<Vec<LogGroup>, Fail> {
    let known = cloud.lambda().list().await?;
    if let Some(missing) = names.iter().find(|name| !known.iter().any(|function| function.name == **name)) {
        return Err(Fail::no_function(missing));
    }
    let wanted = known.iter().filter(|function| names.is_empty() || names.contains(&function.name));
    Ok(wanted.map(LogGroup::of).collect())
}

/// Whether a line is of the stream that was asked for, if any was.
fn is_of(stream: Option<&str>, entry: &LogEntry) -> bool {
    stream.is_none_or(|stream| *entry.stream == *stream)
}

async fn follow(
    session: &Session,
    client: LogClient,
    groups: Vec<LogGroup>,
    query: LogQuery,
    stream: Option<&str>,
) -> CliResult {
    let verbose = session.verbose.then(|| client.clone());
    let follow = Follow::start(client, groups, query, Bound { lines: KEPT_LINES, ..Bound::default() });
    let mut views = follow.views();
    let mut status = Status::default();
    // Lines that come late, between lines that were printed already, are printed when they come.
    let mut printed: HashSet<LineId> = HashSet::new();
    loop {
        tokio::select! {
            changed = views.changed() => if changed.is_err() { return Ok(()) },
            () = session.interrupt.cancelled() => return Ok(()),
        }
        let view = views.borrow_and_update().clone();
        let mut current = HashSet::with_capacity(view.len());
        for entry in (0..view.len()).filter_map(|index| view.get(index)) {
            if !printed.contains(&entry.id) && is_of(stream, entry) {
                line(session.format, entry);
            }
            current.insert(entry.id);
        }
        if let Some(client) = &verbose {
            status.tell(&view, client);
        }
        printed = current;
    }
}

/// How lines come, told on standard error whenever it changes (`--verbose`).
#[derive(Default)]
struct Status(String);

impl Status {
    fn tell(&mut self, view: &LogView, client: &LogClient) {
        let mut words = vec![view.mode.to_string()];
        words.extend(client.slowed().iter().map(|slowed| {
            let times = slowed.throttled;
            format!("{slowed}, {times} {}", if times == 1 { "time" } else { "times" })
        }));
        if view.sampled {
            words.push("SAMPLED".to_owned());
        }
        if view.missed > 0 {
            words.push(format!("{} came late", words::plural(view.missed, "line")));
        }
        if view.is_settled() {
            words.push("settled".to_owned());
        }
        let now = words.join("; ");
        if now != self.0 {
            print::note(lines!("logs: {now}"));
            self.0 = now;
        }
    }
}

/// A line as people see it, without the time of day.
pub fn words(entry: &LogEntry) -> Clean {
    let who = match (&entry.task, entry.request_id.as_deref()) {
        (Some(task), _) => format!("#{task}"),
        (None, Some(id)) => id.chars().take(8).collect(),
        (None, None) => "-".to_owned(),
    };
    clean!("{} {:<8} {:<5} {}", entry.function, Clean::new(&who), Clean::new(&entry.level), entry.message)
}

fn line(format: Format, entry: &LogEntry) {
    match format {
        Format::Json => {
            let shown = Shown {
                time_ms: entry.time_ms,
                level: &entry.level,
                function: &entry.function,
                stream: &entry.stream,
                request_id: entry.request_id.as_deref(),
                run: entry.run.as_deref(),
                task: entry.task.as_ref(),
                platform: entry.platform,
                message: &entry.message,
            };
            print::document(&shown);
        }
        Format::Table => {
            let time = throng_core::words::clock(entry.time_ms, &jiff::tz::TimeZone::system());
            print::out(lines!("{time} {}\n", words(entry)));
        }
    }
}
