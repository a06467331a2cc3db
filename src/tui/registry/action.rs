//! What a command is: its names, where it holds, what it is permitted by.

use crate::app::App;
use crate::place::RouteKind;
use throng_core::engine::ContextInfo;
use throng_core::jobs::{Job, permit};

/// What a command's argument at the `:` prompt is, for completion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Argument {
    /// Takes none.
    None,
    /// A context's name.
    Context,
    /// A function's name.
    Function,
    /// A bucket's name.
    Bucket,
    /// A run's id.
    Run,
    /// A theme's name.
    Theme,
    /// A local path.
    Path,
    /// Free text.
    Text,
}

/// A command.
#[derive(Debug)]
pub struct Action {
    /// Its name at the `:` prompt.
    pub name: &'static str,
    /// Its keys.
    pub keys: &'static [&'static str],
    /// What it does, for the help.
    pub help: &'static str,
    /// The part of the help it stands in.
    pub group: &'static str,
    /// Where it holds; everywhere when empty.
    pub on: &'static [RouteKind],
    /// What it is for; what is for no job known here is refused in a read-only context.
    pub job: Option<Job>,
    /// Whether it asks first.
    pub asks: bool,
    /// Its word in the footer; empty for none.
    pub hint: &'static str,
    /// What its argument is.
    pub argument: Argument,
    /// Does it.
    pub run: fn(&mut App, &str),
}

impl Action {
    pub(super) const fn new(
        name: &'static str,
        keys: &'static [&'static str],
        group: &'static str,
        run: fn(&mut App, &str),
        help: &'static str,
    ) -> Self {
        Self {
            name,
            keys,
            help,
            group,
            on: &[],
            job: None,
            asks: false,
            hint: "",
            argument: Argument::None,
            run,
        }
    }

    pub(super) const fn on(mut self, kinds: &'static [RouteKind]) -> Self {
        self.on = kinds;
        self
    }

    pub(super) const fn hint(mut self, word: &'static str) -> Self {
        self.hint = word;
        self
    }

    pub(super) const fn does(mut self, job: Job) -> Self {
        self.job = Some(job);
        self
    }

    pub(super) const fn asks(mut self) -> Self {
        self.asks = true;
        self
    }

    pub(super) const fn takes(mut self, argument: Argument) -> Self {
        self.argument = argument;
        self
    }

    /// Whether it holds in a place.
    #[must_use]
    pub fn holds(&self, kind: RouteKind) -> bool {
        self.on.is_empty() || self.on.contains(&kind)
    }

    /// Whether it can change something in the cloud.
    #[must_use]
    pub fn changes(&self) -> bool {
        self.job.is_none_or(Job::changes)
    }

    /// Whether a context permits it.
    #[must_use]
    pub fn is_permitted(&self, context: &ContextInfo) -> bool {
        self.job.map_or(!context.read_only, |job| permit(context, job).is_ok())
    }
}
