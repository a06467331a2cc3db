//! What the state is made of.

use crate::list::ListState;
use crate::place::Route;
use crate::widgets::table::Places;
use ratatui::layout::Rect;
use throng_core::words::Clean;

/// A place that was gone to, and where its list stands.
#[derive(Debug)]
pub struct Page {
    /// Which place it shows.
    pub place: Route,
    /// Its list
    pub list: ListState,
    /// Which attempt of a task; 0 is the newest.
    pub attempt: usize,
    /// Which stage of a run; 0 is the launched one.
    pub stage: usize,
}

impl Page {
    /// At the beginning of a place's list.
    #[must_use]
    pub fn new(place: Route) -> Self {
        Self { place, list: ListState::default(), attempt: 0, stage: 0 }
    }
}

/// What is done with a task's outputs as soon as its record has been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputAction {
    /// The first picture, or else the first output, is shown.
    Show,
    /// All are fetched.
    Download,
}

/// What stands in the last line until the next key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// What is said.
    pub text: Clean,
    /// What it is about.
    pub kind: MessageKind,
}

/// What a [`Message`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageKind {
    /// Something was done.
    Done,
    /// Something was begun; the message goes when the engine tells what came of it.
    UnderWay,
    /// Something is not done.
    Refused,
}

/// What only the terminal can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Ask the terminal to put a text on the person's clipboard.
    Copy(String),
    /// Go to the shell until `fg`.
    Suspend,
    /// Draw everything again.
    Redraw,
    /// Report the mouse, or do not.
    Mouse(bool),
}

/// Where things were drawn last, for the mouse.
#[derive(Clone, Debug, Default)]
pub struct Hits {
    /// Where each tab's name was drawn, and its number.
    pub tabs: Vec<(Rect, usize)>,
    /// The table with its columns.
    pub table: Option<(Rect, Places)>,
    /// The log.
    pub log: Option<(Rect, Vec<usize>)>,
}

/// What is done with a run as soon as it is known, unless a key is pressed before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NextStop {
    /// The cursor goes to the run that was started.
    Started,
    /// The newest run is opened.
    Newest,
}
