//! A round in which deployments are killed: deploying again comes to the same end, and the function works.

use super::checks::until_it_succeeds;
use super::client::Client;
use super::dice::Dice;
use super::site::{FUNCTION, MEMORY, Site, Victim};

/// Kills of a round.
const KILLS: u64 = 8;

pub fn round(site: &mut Site, dice: &mut Dice) {
    site.faults("");
    let mut memory = MEMORY[0];
    for _ in 0..KILLS {
        memory = dice.pick(&MEMORY).unwrap_or(memory);
        let definition = site.definition(memory);
        let mut client = Client::start(site, &["deploy", &definition]);
        dice.moment(600);
        let victim = match dice.between(0, 10) {
            0..7 => Victim::Client,
            7..9 => Victim::Daemon,
            _ => Victim::Starter,
        };
        site.kill(victim, Some(&mut client), dice);
        client.end(site);
    }
    let definition = site.definition(memory);
    until_it_succeeds(site, &["deploy", &definition]);
    let plan = site.json(&["deploy", "--dry-run", &definition]);
    let steps = plan[0]["steps"].as_array().cloned().unwrap_or_default();
    let done = !steps.is_empty() && steps.iter().all(|step| step["action"] == "keep");
    site.check(done, || format!("deployed, and there is more to do: {plan}"));
    let function = site.json(&["functions", FUNCTION]);
    site.check(function["memory_mb"] == memory, || format!("{memory} MiB were deployed: {function}"));
    site.home.write("one/x-1", "3 0\n");
    until_it_succeeds(site, &["run", FUNCTION, "one", "--wait"]);
}
