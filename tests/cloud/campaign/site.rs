//! The home of a campaign: its function, its faults, and what has been killed.

use super::client::Client;
use super::dice::Dice;
use crate::support::processes::{Process, Seen, kill, send, serving, starting};
use crate::support::{Home, between, wait_for};
use nix::sys::signal::Signal;
use serde_json::Value;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The function of all runs.
pub const FUNCTION: &str = "count";
/// Lambda's own repetitions of a failed event.
pub const RETRIES: u64 = 2;
/// Memory of the function in MiB, in turns.
pub const MEMORY: [u32; 2] = [128, 160];

/// The input says how many lines the output has, and how long it takes.
const SCRIPT: &str = r#"#!/bin/sh
read lines pause < "$INPUT_FILE_PATH"
name=${INPUT_FILE_PATH##*/}
mkdir -p "$TMP_OUTPUT_DIR/${name%%-*}"
sleep "$pause"
seq 1 "$lines" > "$TMP_OUTPUT_DIR/${name%%-*}/$name"
"#;

/// Who is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Victim {
    /// The daemon, listening.
    Daemon,
    /// A daemon that does not listen yet, or what starts it, after another daemon was killed.
    Starter,
    /// A process of an environment: its init, the runtime, the script, what that runs.
    Environment,
    /// The process that makes sandboxes.
    Helper,
    /// The client that the round is about.
    Client,
}

pub struct Site {
    pub home: Arc<Home>,
    pub round: u64,
    seed: u64,
    seen: Seen,
    kills: u64,
    /// Of the round.
    pub environments_killed: u64,
    pub faulty: bool,
    /// Daemons that were killed in all.
    daemons_killed: u64,
    story: Vec<String>,
    /// Everything is told at once.
    tells: bool,
    began: Instant,
}

impl Site {
    pub fn new(seed: u64) -> Self {
        let mut home = Home::new();
        let faults = home.write("faults.toml", "");
        home.set("THRONG_LOCAL_FAULTS", &faults.display().to_string());
        home.set("THRONG_LOCAL_TIME_SCALE", "100");
        home.write("home/config/config.toml", "[upload]\nmultipart_mb = 5\npart_mb = 5\n");
        let site = Self {
            home: Arc::new(home),
            round: 0,
            seed,
            seen: Seen::default(),
            kills: 0,
            environments_killed: 0,
            faulty: false,
            daemons_killed: 0,
            story: Vec::new(),
            tells: std::env::var_os("THRONG_CAMPAIGN_STORY").is_some(),
            began: Instant::now(),
        };
        eprintln!("campaign: THRONG_CAMPAIGN_SEED={seed}");
        site.home.ok(&["deploy", &site.definition(MEMORY[0])]);
        site
    }

    /// Writes the function's definition; gives its name.
    pub fn definition(&self, memory: u32) -> String {
        let places = between("count-data/in", "count-data/out");
        let more = format!("      memory: {memory}\n      timeout: 60\n      retries: {RETRIES}\n{places}");
        self.home.function(FUNCTION, SCRIPT, &more)
    }

    pub fn begin(&mut self, round: u64) {
        (self.round, self.environments_killed) = (round, 0);
        self.story.clear();
        self.began = Instant::now();
    }

    pub fn end(&mut self, all: Duration) {
        let (round, took) = (self.round, self.began.elapsed());
        eprintln!("round {round}: {took:.1?}; {} kills in {all:.0?}", self.kills);
    }

    pub const fn kills(&self) -> u64 {
        self.kills
    }

    pub const fn daemons_killed(&self) -> u64 {
        self.daemons_killed
    }

    /// Notes what happens, for whoever reads why a check failed.
    pub fn tell(&mut self, what: impl std::fmt::Display) {
        let line = format!("{:>8.3}  {what}", self.began.elapsed().as_secs_f64());
        if self.tells {
            eprintln!("{line}");
        }
        self.story.push(line);
    }

    /// A check.
    #[track_caller]
    pub fn check(&self, holds: bool, otherwise: impl FnOnce() -> String) {
        assert!(holds, "seed {}, round {}: {}", self.seed, self.round, otherwise());
    }

    /// The daemon that is started next has these faults.
    pub fn faults(&mut self, plan: &str) {
        self.home.write("faults.toml", plan);
        self.faulty = plan.contains("fault");
        self.tell(plan.replace('\n', " "));
    }

    /// Asks until there is an answer: daemons are killed meanwhile, and requests go wrong on purpose.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let mut all = arguments.to_vec();
        all.extend(["--output", "json"]);
        let mut answer = None;
        wait_for(&format!("an answer of throng {all:?}"), || {
            let output = self.home.run(&all);
            answer = output.status.success().then(|| serde_json::from_slice(&output.stdout).ok()).flatten();
            answer.is_some()
        });
        answer.expect("an answer")
    }

    /// Kills one, if there is such a one; tells whether there was.
    pub fn kill(&mut self, victim: Victim, client: Option<&mut Client>, dice: &mut Dice) -> bool {
        let killed = match victim {
            Victim::Daemon => self.kill_daemon(),
            Victim::Starter => self.kill_starter(dice),
            Victim::Environment => self.kill_in_environment(dice),
            Victim::Helper => self.kill_helper(),
            Victim::Client => client.and_then(Client::kill),
        };
        if let Some(what) = &killed {
            self.kills += 1;
            self.tell(format!("killed {victim:?} {what}"));
        }
        killed.is_some()
    }

    /// What was below it must end with it.
    fn kill_daemon(&mut self) -> Option<String> {
        let daemon = self.home.daemon().filter(|pid| serving(self.home.path()).contains(pid))?;
        self.seen.look(self.home.path());
        kill(daemon);
        self.daemons_killed += 1;
        let orphans: Vec<Process> = self.seen.living().filter(|process| self.is_inside(*process)).collect();
        let begin = Instant::now();
        while let Some(left) = orphans.iter().find(|process| process.lives()) {
            self.check(begin.elapsed() < Duration::from_secs(30), || {
                format!("{left:?} ({}) outlives its daemon {daemon}", command_of(left.pid))
            });
            std::thread::sleep(Duration::from_millis(2));
        }
        Some(format!("{daemon} with {} processes", orphans.len()))
    }

    /// Kills the daemon, then those that somebody starts in its place, before they listen.
    fn kill_starter(&mut self, dice: &mut Dice) -> Option<String> {
        self.kill_daemon()?;
        self.kills += 1;
        let until = Instant::now() + Duration::from_secs(2);
        while Instant::now() < until {
            let folder = self.home.path();
            let mut all: Vec<u32> = [serving(folder), starting(folder)].concat();
            all.retain(|pid| Process::now(*pid).is_some());
            if let Some(pid) = dice.pick(&all) {
                let what = command_of(pid);
                kill(pid);
                return Some(format!("{pid} ({what})"));
            }
        }
        self.kills -= 1;
        self.tell("nobody started a daemon");
        None
    }

    fn kill_in_environment(&mut self, dice: &mut Dice) -> Option<String> {
        self.seen.look(self.home.path());
        let inside: Vec<_> = self.seen.living().filter(|process| self.is_inside(*process)).collect();
        let victim = dice.pick(&inside)?;
        let what = command_of(victim.pid);
        kill(victim.pid);
        self.environments_killed += 1;
        Some(format!("{} ({what})", victim.pid))
    }

    /// Stopped first, so that nothing is below it that was not seen.
    fn kill_helper(&mut self) -> Option<String> {
        self.seen.look(self.home.path());
        let helper = self.seen.living().find(|process| self.is_helper(*process))?;
        send(helper.pid, Signal::SIGSTOP);
        self.seen.look(self.home.path());
        kill(helper.pid);
        Some(helper.pid.to_string())
    }

    fn is_helper(&self, process: Process) -> bool {
        let daemons = serving(self.home.path());
        command_of(process.pid).contains("__sandbox") && daemons.contains(&parent_of(process.pid))
    }

    fn is_inside(&self, process: Process) -> bool {
        !serving(self.home.path()).contains(&process.pid) && !self.is_helper(process)
    }

    /// Processes of daemons and sandboxes that live.
    pub fn left(&mut self) -> Vec<String> {
        self.seen.look(self.home.path());
        self.seen.living().map(|process| format!("{process:?} {}", command_of(process.pid))).collect()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("seed {}, round {}:\n{}", self.seed, self.round, self.story.join("\n"));
            let log = self.home.path().join("home/data/local/daemon.log");
            let log = std::fs::read_to_string(log).unwrap_or_default();
            let lines: Vec<_> = log.lines().collect();
            eprintln!("the daemon's log:\n{}", lines[lines.len().saturating_sub(40)..].join("\n"));
        }
    }
}

fn command_of(pid: u32) -> String {
    let command = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&command).replace('\0', " ").trim().to_owned()
}

fn parent_of(pid: u32) -> u32 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let parent = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1)?.parse().ok());
    parent.unwrap_or_default()
}
