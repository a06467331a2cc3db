//! Options of the verbs for functions and their definitions.

use clap::Args;
use clap::builder::PossibleValuesParser;
use std::path::PathBuf;

#[derive(Clone, Debug, Args)]
pub struct New {
    /// The folder that is made, by default of the example's name; one that holds anything is refused
    #[arg(required_unless_present_any = ["list", "example"])]
    pub folder: Option<PathBuf>,
    /// Which example
    #[arg(long, value_name = "NAME", default_value = "text-statistics", value_parser = PossibleValuesParser::new(crate::verbs::new::names()))]
    pub example: String,
    /// Say which examples there are
    #[arg(long, conflicts_with_all = ["folder", "example"])]
    pub list: bool,
}

#[derive(Debug, Args)]
pub struct Deploy {
    /// The definition (YAML)
    #[arg(value_name = "FILE", required_unless_present_any = ["conf_file", "name"])]
    pub file: Option<PathBuf>,
    /// As SCAR has it
    #[arg(short = 'f', long = "conf-file", hide = true, conflicts_with = "file")]
    pub conf_file: Option<PathBuf>,
    /// Show what would be created and changed, and stop
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub settings: crate::settings::SettingArgs,
}

#[derive(Debug, Args)]
pub struct Upgrade {
    /// Names of functions
    #[arg(required_unless_present = "all")]
    pub names: Vec<String>,
    /// Every function that throng deployed in this context
    #[arg(long, conflicts_with = "names")]
    pub all: bool,
    /// Only say what would be done
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Debug, Args)]
pub struct Check {
    /// The definition (YAML)
    pub file: PathBuf,
    /// Files, folders and globs: warns when a run of them would overwrite results
    #[arg(value_name = "INPUT")]
    pub inputs: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Migrate {
    /// The definition in an older dialect: SCAR v1 to v4, OSCAR
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Write here; standard output when absent
    #[arg(long, value_name = "FILE", conflicts_with = "in_place")]
    pub to: Option<PathBuf>,
    /// Write over FILE, and keep the old one as FILE.bak
    #[arg(long)]
    pub in_place: bool,
    /// Write over a file that is there
    #[arg(long)]
    pub force: bool,
}

#[derive(Debug, Args)]
pub struct Invoke {
    /// The function's name, or the file that defines it
    pub function: String,
    /// The payload: a file, or `-` for standard input
    #[arg(short, long, value_name = "FILE", group = "event")]
    pub payload: Option<PathBuf>,
    /// The payload itself: JSON
    #[arg(short, long, value_name = "TEXT", group = "event")]
    pub data: Option<String>,
    /// As an HTTP request: a file as its body
    #[arg(long, value_name = "FILE", group = "event")]
    pub data_binary: Option<PathBuf>,
    /// As an HTTP request: JSON as its body
    #[arg(long, value_name = "JSON", group = "event")]
    pub json_data: Option<String>,
    /// As an HTTP request: its parameters, which the script sees as variables
    #[arg(long, value_name = "JSON", conflicts_with_all = ["payload", "data", "script", "arguments"])]
    pub parameters: Option<String>,
    /// Run this script in place of the function's own
    #[arg(long, value_name = "FILE", conflicts_with = "event")]
    pub script: Option<PathBuf>,
    /// Do not wait for the answer
    #[arg(short = 'a', long = "async")]
    pub asynchronous: bool,
    /// Write the answer to a file
    #[arg(long, value_name = "FILE")]
    pub to: Option<PathBuf>,
    /// Arguments for the image's entry point, in place of its own; with --script, for the script
    #[arg(last = true, conflicts_with = "event")]
    pub arguments: Vec<String>,
}

#[derive(Debug, Args)]
pub struct Functions {
    /// Show one function: its name, or the file that defines it
    pub name: Option<String>,
}
