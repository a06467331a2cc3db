//! A round in which the processes of a run are killed: the client that sends it or waits for it, the daemon, what starts
//! it, environments.

use super::checks::{self, Expected};
use super::client::{Client, Ended};
use super::dice::Dice;
use super::reader::Reader;
use super::site::{FUNCTION, Site, Victim};
use std::collections::{BTreeMap, BTreeSet};

/// Kills of a round.
const KILLS: u64 = 30;

/// What the next client is for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Aim {
    Launch,
    Send(String),
    Follow(String),
    Ended(String),
}

/// A run, its clients, and what is known of it.
struct Runner<'r> {
    site: &'r mut Site,
    known: BTreeSet<String>,
    folder: String,
    aim: Aim,
    waits: bool,
    client: Option<Client>,
    reader: Reader,
}

/// Inputs of a round: name → lines of the output.
fn inputs(site: &Site, dice: &mut Dice) -> BTreeMap<String, u64> {
    let tasks = dice.between(80, 260);
    let round = site.round;
    let one = |number: u64| {
        let name = format!("r{round}-{number:04}");
        // Some outputs are files of the local cloud, most are in its database; some tasks take long enough for a marker.
        let lines = if dice.chance(8) { dice.between(15_000, 40_000) } else { dice.between(1, 400) };
        let pause = if dice.chance(3) { "1.3" } else { "0" };
        site.home.write(&format!("in{round}/{name}"), &format!("{lines} {pause}\n"));
        (name, lines)
    };
    (0..tasks).map(one).collect()
}

pub fn round(site: &mut Site, dice: &mut Dice) {
    let plan = dice.faults();
    site.faults(&plan);
    let inputs = inputs(site, dice);
    let tasks = inputs.len() as u64;
    // The next daemon has the faults.
    site.kill(Victim::Daemon, None, dice);
    let folder = format!("in{}", site.round);
    let (known, reader) = (runs(site).into_iter().collect(), Reader::start(&site.home, tasks));
    let mut runner = Runner { site, known, folder, aim: Aim::Launch, waits: false, client: None, reader };
    let (mut kills, mut tries) = (0, 0);
    while kills < KILLS && tries < 20 * KILLS && !matches!(runner.aim, Aim::Ended(_)) {
        runner.go_on(dice);
        dice.moment(if kills % 8 == 0 { 1_000 } else { 300 });
        tries += 1;
        kills += u64::from(runner.kill(dice));
    }
    while !matches!(runner.aim, Aim::Ended(_)) {
        runner.go_on(dice);
        runner.wait();
    }
    let Runner { site, aim, reader, .. } = runner;
    let Aim::Ended(run) = aim else { return };
    let succeeded = reader.end(site);
    checks::of_run(site, dice, &Expected { run, inputs, succeeded });
}

/// The ids of all runs.
fn runs(site: &Site) -> Vec<String> {
    let listed = site.json(&["runs", "-n", "1000"]);
    let runs = listed.as_array().expect("a list").iter();
    runs.map(|run| run["id"].as_str().expect("an id").to_owned()).collect()
}

impl Runner<'_> {
    /// Starts the next client when there is none.
    fn go_on(&mut self, dice: &mut Dice) {
        if self.client.as_mut().is_some_and(Client::has_ended) {
            self.wait();
        }
        if self.client.is_some() {
            return;
        }
        self.waits = dice.chance(50);
        let wait: &[&str] = if self.waits { &["--wait"] } else { &[] };
        let verb = match &self.aim {
            Aim::Launch => [&["run", FUNCTION, self.folder.as_str()], wait].concat(),
            Aim::Send(run) => [&["run", "--resume", run.as_str()], wait].concat(),
            Aim::Follow(run) => vec!["runs", run.as_str(), "--wait"],
            Aim::Ended(_) => return,
        };
        self.client = Some(Client::start(self.site, &verb));
    }

    /// Kills somebody; tells whether there was such a one.
    fn kill(&mut self, dice: &mut Dice) -> bool {
        let victim = match dice.between(0, 100) {
            0..48 => Victim::Environment,
            48..68 => Victim::Daemon,
            68..74 => Victim::Starter,
            74..80 => Victim::Helper,
            _ => Victim::Client,
        };
        self.site.kill(victim, self.client.as_mut(), dice)
    }

    /// Waits for the client's end, and decides what comes next.
    fn wait(&mut self) {
        let Some(client) = self.client.take() else { return };
        let Ended { code, said } = client.end(self.site);
        let launched = self.launched();
        if let Some(run) = &launched {
            self.reader.tell(run);
        }
        let ends = self.waits || matches!(self.aim, Aim::Follow(_));
        self.aim = match (code, launched) {
            // Without a run.json there is no run.
            (None | Some(3 | 4), None) => Aim::Launch,
            (Some(0 | 1), Some(run)) if ends => Aim::Ended(run),
            (Some(0), Some(run)) => Aim::Follow(run),
            (None | Some(3 | 4), Some(run)) if matches!(self.aim, Aim::Follow(_)) => Aim::Follow(run),
            (None | Some(3 | 4), Some(run)) => Aim::Send(run),
            (Some(2), Some(run)) if said.contains("every task has begun") => Aim::Follow(run),
            (code, launched) => {
                self.site
                    .check(false, || format!("{:?} of {launched:?} ended with {code:?}: {said}", self.aim));
                return;
            }
        };
    }

    /// The run of this round, if there is one.
    fn launched(&self) -> Option<String> {
        match &self.aim {
            Aim::Launch => {
                let new: Vec<_> =
                    runs(self.site).into_iter().filter(|run| !self.known.contains(run)).collect();
                self.site.check(new.len() < 2, || format!("one launch made {new:?}"));
                new.into_iter().next()
            }
            Aim::Send(run) | Aim::Follow(run) | Aim::Ended(run) => Some(run.clone()),
        }
    }
}
