//! A campaign of `kill -9`: a seed chooses the moments and the victims, and after each round it is counted whether anything
//! was lost, came twice, or was left behind.
//!
//! ```text
//! checks     what must hold of a run when it has ended, and of the home at the end
//! client     verbs as processes that are killed, and how they may end
//! deploying  a round in which deployments are killed
//! dice       what the seed decides
//! reader     counts that are read all the time
//! running    a round in which the processes of a run are killed
//! site       the home of a campaign: its function, its faults, what has been killed
//! transfers  a round in which uploads and downloads are killed
//! ```
//!
//! `THRONG_CAMPAIGN_KILLS` says how many (200), `THRONG_CAMPAIGN_SEED` which. A check that fails says seed and round, and what
//! was killed in it; each round has dice of its own, so that one does not depend on how quick those before it were.

mod checks;
mod client;
mod deploying;
mod dice;
mod reader;
mod running;
mod site;
mod transfers;

use dice::Dice;
use site::Site;
use std::time::Instant;

/// A number from the environment.
fn number(name: &str, otherwise: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|error| panic!("{name}={text}: {error}")),
        Err(_) => otherwise,
    }
}

#[test]
fn kills_at_any_moment_lose_nothing_and_leave_nothing_behind() {
    let (seed, wanted) = (number("THRONG_CAMPAIGN_SEED", 8), number("THRONG_CAMPAIGN_KILLS", 200));
    let began = Instant::now();
    let mut site = Site::new(seed);
    for round in 0.. {
        site.begin(round);
        let mut dice = Dice::of(seed, round);
        match round % 4 {
            1 => transfers::round(&mut site, &mut dice),
            3 => deploying::round(&mut site, &mut dice),
            _ => running::round(&mut site, &mut dice),
        }
        site.end(began.elapsed());
        if site.kills() >= wanted {
            break;
        }
    }
    checks::at_the_end(&mut site);
    eprintln!("campaign: seed {seed}, {} kills in {:.0?}", site.kills(), began.elapsed());
}
