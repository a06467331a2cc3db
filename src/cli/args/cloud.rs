//! Options of the verbs for clouds: the examination of one, its images, the local one.

use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub enum Image {
    /// List images
    Ls,
    /// Show an image's manifest and configuration
    Inspect {
        /// `repository[:tag|@digest]`
        image: String,
    },
    /// Remove an image
    Rm {
        /// `repository[:tag|@digest]`
        image: String,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
}

#[derive(Debug, Subcommand)]
pub enum Local {
    /// Start it, unless it runs
    Start,
    /// Stop it; what is stored stays
    Stop,
    /// Say whether it runs, where, and what it does; with keys for other programs
    Status {
        /// Print shell commands that point aws, boto3 and others at it
        #[arg(long)]
        env: bool,
    },
    /// Free space: image layers that nothing needs, broken uploads, and what transfers left on this machine
    Gc {
        /// How many days ago something must have been touched last
        #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u32).range(0..=36_500))]
        days: u32,
    },
    /// Delete everything that is stored in it
    Reset {
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
    /// Run it in this process
    #[command(hide = true)]
    Serve {
        /// Port; the one of the last time, or any
        #[arg(long)]
        port: Option<u16>,
        /// How many times faster retries, event ages and idle times pass
        #[arg(long, env = "THRONG_LOCAL_TIME_SCALE", default_value_t = 1.0)]
        time_scale: f64,
        /// End after this many minutes without work; 0 never
        #[arg(long)]
        idle_minutes: Option<u64>,
        /// Leave the terminal's session
        #[arg(long)]
        detach: bool,
        /// A plan of what is to go wrong on purpose (for tests; TOML)
        #[arg(long, value_name = "FILE", env = "THRONG_LOCAL_FAULTS")]
        faults: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
pub struct Doctor {
    /// Buckets that you want to work with, for permissions and policies
    #[arg(long = "bucket", value_name = "NAME")]
    pub buckets: Vec<String>,
    /// Print a least-privilege policy and nothing else
    #[arg(long, value_enum)]
    pub policy: Option<Policy>,
}

/// Whose policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Policy {
    /// A person who deploys functions, runs and follows them
    Person,
    /// The role of a function
    Function,
}
