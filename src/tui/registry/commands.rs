//! The list of all commands, in the order of the help and the footer.

use super::{Action, Argument};
use crate::actions::{items, logs, navigate, program};
use crate::place::RouteKind::{
    self, Buckets, Function, Functions, Logs, Objects, Run, Running, Runs, Task, Transfers,
};
use throng_core::jobs::Job;

/// Places with a table.
const TABLES: &[RouteKind] = &[Functions, Function, Buckets, Objects, Runs, Run, Task, Running, Transfers];

/// Places whose lines lead somewhere.
const DOORS: &[RouteKind] = &[Functions, Function, Buckets, Objects, Runs, Run, Task, Running];

/// All commands, in the order of the help and the footer.
pub static ACTIONS: &[Action] = &[
    // what the open place is for
    Action::new("open", &["enter"], "here", items::enter, "Open what is under the cursor")
        .does(Job::Look)
        .on(DOORS)
        .hint("open"),
    Action::new(
        "launch",
        &["n"],
        "here",
        program::launch,
        "Launch a function: fill in a form or pick a YAML file",
    )
    .on(&[Functions, Function, Buckets, Objects, Runs, Run, Task, Running, Transfers])
    .hint("new function")
    .does(Job::Deploy),
    Action::new(
        "upload",
        &["u"],
        "here",
        items::upload,
        "Choose files to process with this function, or to upload here",
    )
    .on(&[Functions, Function, Buckets, Objects])
    .hint("upload")
    .does(Job::Upload)
    .takes(Argument::Path),
    Action::new("run", &["R"], "here", items::run_objects, "Process the marked objects with a function")
        .on(&[Objects])
        .hint("run with")
        .does(Job::Launch)
        .takes(Argument::Function),
    Action::new("result", &["o"], "here", items::open_result, "Show an object: text, JSON or image")
        .does(Job::Look)
        .on(&[Objects, Run, Task])
        .hint("show"),
    Action::new(
        "download",
        &["w"],
        "here",
        items::download,
        "Fetch the marked objects, or the results of a run, to a local folder",
    )
    .does(Job::Look)
    .on(&[Objects, Task, Run])
    .hint("download")
    .takes(Argument::Path),
    Action::new("invoke", &["i"], "here", items::invoke, "Invoke the function once with a payload")
        .on(&[Functions, Function])
        .hint("invoke")
        .does(Job::Invoke)
        .takes(Argument::Function),
    Action::new("new-bucket", &["b"], "here", items::new_bucket, "Make a bucket")
        .on(&[Buckets])
        .hint("new bucket")
        .does(Job::CreateBucket)
        .takes(Argument::Text),
    Action::new(
        "states",
        &["f"],
        "here",
        items::states,
        "Show all tasks, then unsuccessful, running, pending, succeeded ones",
    )
    .does(Job::Look)
    .on(&[Run])
    .hint("states")
    .takes(Argument::Text),
    Action::new("newer-attempt", &["]"], "here", items::newer_attempt, "Show the next attempt")
        .does(Job::Look)
        .on(&[Task]),
    Action::new("older-attempt", &["["], "here", items::older_attempt, "Show the attempt before")
        .does(Job::Look)
        .on(&[Task]),
    Action::new("next-stage", &["}"], "here", items::next_stage, "Show the tasks of the run's next stage")
        .does(Job::Look)
        .on(&[Run]),
    Action::new(
        "previous-stage",
        &["{"],
        "here",
        items::previous_stage,
        "Show the tasks of the stage before",
    )
    .does(Job::Look)
    .on(&[Run]),
    Action::new("show-log", &["l"], "here", items::log_of, "Follow the log of what is under the cursor")
        .does(Job::Look)
        .on(&[Functions, Function, Runs, Run, Task, Running])
        .hint("log"),
    Action::new("cancel", &["x"], "here", items::cancel, "Cancel the run or transfer under the cursor")
        .on(&[Function, Runs, Run, Transfers])
        .hint("cancel")
        .does(Job::Cancel)
        .asks(),
    Action::new(
        "resume",
        &["R"],
        "here",
        items::resume,
        "Run again what did not succeed; of an open run, send again what has not begun",
    )
    .on(&[Function, Runs, Run])
    .hint("again")
    .does(Job::Resume)
    .asks(),
    Action::new("delete", &["d", "ctrl-d", "delete"], "here", items::delete, "Delete the marked things")
        .on(&[Functions, Function, Buckets, Objects])
        .hint("delete")
        .does(Job::Delete)
        .asks(),
    // logs
    Action::new("pause", &["space", "p"], "log", logs::pause, "Stop following, or follow again")
        .does(Job::Look)
        .on(&[Logs])
        .hint("pause"),
    Action::new("search", &["/"], "log", logs::search, "Search; small letters match both cases")
        .does(Job::Look)
        .on(&[Logs])
        .hint("search"),
    Action::new("next-match", &["n"], "log", logs::next_match, "Go to the next match")
        .does(Job::Look)
        .on(&[Logs])
        .hint("next"),
    Action::new("previous-match", &["N"], "log", logs::previous_match, "Go to the match before")
        .does(Job::Look)
        .on(&[Logs]),
    Action::new(
        "filter-log",
        &["&"],
        "log",
        logs::filter,
        "Show matching lines only; ! in front turns it round",
    )
    .does(Job::Look)
    .on(&[Logs])
    .hint("filter"),
    Action::new("next-error", &["e"], "log", logs::next_error, "Go to the next error")
        .does(Job::Look)
        .on(&[Logs])
        .hint("error"),
    Action::new("previous-error", &["E"], "log", logs::previous_error, "Go to the error before")
        .does(Job::Look)
        .on(&[Logs]),
    Action::new("wrap", &["w"], "log", logs::wrap, "Wrap long lines, or cut them")
        .does(Job::Look)
        .on(&[Logs])
        .hint("wrap"),
    Action::new("times", &["t"], "log", logs::times, "Show or hide the times")
        .does(Job::Look)
        .on(&[Logs])
        .hint("times"),
    Action::new("zoom", &["enter"], "log", logs::zoom, "Show the whole line, JSON set out")
        .does(Job::Look)
        .on(&[Logs])
        .hint("zoom"),
    Action::new("pan-left", &["left", "h"], "log", logs::pan_left, "Scroll to the left")
        .does(Job::Look)
        .on(&[Logs]),
    Action::new("pan-right", &["right", "L"], "log", logs::pan_right, "Scroll to the right")
        .does(Job::Look)
        .on(&[Logs]),
    Action::new("follow-all", &["a"], "log", logs::follow_all, "Follow the logs of all functions")
        .does(Job::Look)
        .on(&[Logs])
        .hint("all"),
    // lists
    Action::new(
        "filter",
        &["/"],
        "list",
        navigate::filter,
        "Show matching lines only; ! in front turns it round",
    )
    .does(Job::Look)
    .on(TABLES)
    .hint("filter")
    .takes(Argument::Text),
    Action::new("sort", &["s"], "list", navigate::sort, "Sort by the next column")
        .does(Job::Look)
        .on(TABLES)
        .hint("sort"),
    Action::new("reverse", &["S"], "list", navigate::reverse, "Turn the order round")
        .does(Job::Look)
        .on(TABLES),
    Action::new("mark", &["space"], "list", navigate::mark, "Mark or unmark a line")
        .does(Job::Look)
        .on(&[Objects, Task, Transfers, Runs]),
    Action::new("mark-all", &["A"], "list", navigate::mark_all, "Mark all lines, or none")
        .does(Job::Look)
        .on(&[Objects, Task, Transfers, Runs]),
    Action::new("down", &["down", "j"], "list", navigate::down, "Next line").does(Job::Look),
    Action::new("up", &["up", "k"], "list", navigate::up, "Line before").does(Job::Look),
    Action::new("page-down", &["pagedown", "ctrl-f"], "list", navigate::page_down, "Next page")
        .does(Job::Look),
    Action::new("page-up", &["pageup", "ctrl-b"], "list", navigate::page_up, "Page before").does(Job::Look),
    Action::new("first", &["home", "g"], "list", navigate::first, "First line").does(Job::Look),
    Action::new("last", &["end", "G"], "list", navigate::last, "Last line; in a log, follow").does(Job::Look),
    Action::new(
        "back",
        &["esc", "backspace"],
        "list",
        navigate::back,
        "Clear the filter or the marks, else go back",
    )
    .does(Job::Look),
    // everywhere
    Action::new("functions", &["1"], "everywhere", navigate::functions, "Functions")
        .does(Job::Look)
        .takes(Argument::Function),
    Action::new("buckets", &["2"], "everywhere", navigate::buckets, "Buckets")
        .does(Job::Look)
        .takes(Argument::Bucket),
    Action::new("runs", &["3"], "everywhere", navigate::runs, "Runs").does(Job::Look).takes(Argument::Run),
    Action::new("running", &["4"], "everywhere", navigate::running, "Running invocations").does(Job::Look),
    Action::new("logs", &["5"], "everywhere", navigate::logs, "Logs")
        .does(Job::Look)
        .takes(Argument::Function),
    Action::new("transfers", &["6"], "everywhere", navigate::transfers, "Transfers and deployments")
        .does(Job::Look),
    Action::new("next-tab", &["tab"], "everywhere", navigate::next_tab, "Next tab").does(Job::Look),
    Action::new("previous-tab", &["shift-tab"], "everywhere", navigate::previous_tab, "Tab before")
        .does(Job::Look),
    Action::new("refresh", &["r"], "everywhere", program::refresh, "Read again what is shown")
        .does(Job::Look),
    Action::new(
        "copy",
        &["y"],
        "everywhere",
        program::copy,
        "Copy name, key, ARN … of what is under the cursor",
    )
    .does(Job::Look),
    Action::new("deploy", &[], "everywhere", program::deploy, "Deploy a definition file")
        .does(Job::Deploy)
        .takes(Argument::Path),
    Action::new("notices", &["!"], "everywhere", program::notices, "Read errors and warnings")
        .does(Job::Look),
    Action::new("dismiss", &["X"], "everywhere", program::dismiss, "Dismiss the error that is shown")
        .does(Job::Look),
    Action::new("context", &["c"], "everywhere", program::context, "Switch to another cloud")
        .does(Job::Look)
        .takes(Argument::Context),
    Action::new("command", &[":"], "everywhere", program::command, "Type a command").does(Job::Look),
    Action::new("palette", &["ctrl-p"], "everywhere", program::palette, "Find a command by what it does")
        .does(Job::Look),
    Action::new("theme", &[], "everywhere", program::theme, "Change the colours")
        .does(Job::Look)
        .takes(Argument::Theme),
    Action::new(
        "mouse",
        &["m"],
        "everywhere",
        program::mouse,
        "Use the mouse here, or leave it to the terminal",
    )
    .does(Job::Look),
    Action::new("redraw", &["ctrl-l"], "everywhere", program::redraw, "Draw everything again")
        .does(Job::Look),
    Action::new("suspend", &["ctrl-z"], "everywhere", program::suspend, "Go to the shell; fg comes back")
        .does(Job::Look),
    Action::new("help", &["?", "f1"], "everywhere", program::help, "Show the keys that hold here")
        .does(Job::Look)
        .hint("help"),
    Action::new("quit", &["q", "ctrl-c"], "everywhere", program::quit, "Leave; runs go on")
        .does(Job::Look)
        .hint("quit"),
];
