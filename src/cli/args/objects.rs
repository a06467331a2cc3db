//! Options of the verbs for objects and buckets, and of `rm`.

use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct Ls {
    /// `bucket[/prefix]`; all buckets when absent
    pub place: Option<String>,
    /// Go into folders
    #[arg(short, long)]
    pub recursive: bool,
}

#[derive(Debug, Args)]
pub struct Put {
    /// Files, folders, globs
    #[arg(required = true)]
    pub paths: Vec<PathBuf>,
    /// `bucket[/folder]`; the bucket is created when it is not there
    #[arg(last = false)]
    pub place: String,
}

#[derive(Debug, Args)]
pub struct Get {
    /// `bucket/key`, or `bucket/folder/` for everything below
    pub place: String,
    /// A local folder. Files that are there already with another content are kept
    #[arg(default_value = ".")]
    pub to: PathBuf,
    /// Replace files that are there already
    #[arg(long)]
    pub force: bool,
}

#[derive(Debug, Args)]
pub struct Rm {
    #[command(subcommand)]
    pub what: RmWhat,
    /// Do not ask
    #[arg(short, long, global = true)]
    pub yes: bool,
}

#[derive(Debug, Subcommand)]
pub enum RmWhat {
    /// Functions with what was made for them: triggers, log groups, images, roles; buckets and objects stay
    #[command(alias = "fn")]
    Function {
        /// Names of functions to remove
        #[arg(required_unless_present_any = ["definition", "all"])]
        names: Vec<String>,
        /// Every function that this file defines
        #[arg(long, value_name = "FILE")]
        definition: Option<PathBuf>,
        /// Every function that throng made in this context
        #[arg(long, conflicts_with_all = ["names", "definition"])]
        all: bool,
        /// Keep the log groups
        #[arg(long)]
        keep_logs: bool,
        /// Also remove the buckets of inputs and outputs that throng made and that are empty
        #[arg(long)]
        buckets: bool,
        /// Also remove such buckets that hold objects, with the objects
        #[arg(long)]
        with_data: bool,
        /// Also functions that throng did not make
        #[arg(long)]
        foreign: bool,
    },
    /// Objects: `bucket/key`, or `bucket/folder/` for everything below
    Object {
        /// Objects, or folders ending with /
        #[arg(required = true)]
        places: Vec<String>,
    },
    /// A bucket
    Bucket {
        /// The bucket's name
        name: String,
        /// Also when it is not empty, with every object and version
        #[arg(long)]
        with_objects: bool,
    },
}
