//! The runtime: the entry point of every throng function.
//!
//! It asks the Lambda Runtime API for an event, fetches the input that the event names, runs the function's script
//! on it, stores what the script left in its output folder, writes a record of the attempt, answers, empties
//! /tmp, and asks again. One thread, blocking calls: an environment does one thing at a time, and a start that is
//! paid ten thousand times should load nothing it does not need.
//!
//! ```text
//! api          the Lambda Runtime API
//! barrier      joins are started by whoever finishes the last task before them
//! clean        nothing of one task is visible to the next
//! clock        dates as text, in UTC
//! config       what the runtime knows when it starts: the function's configuration and Lambda's environment
//! credentials  scripts get narrowed ones
//! dns          name lookup without libc
//! event        what an invocation asks for
//! execute      runs a program: its output into the log, its time limited, nothing of it left
//! group        tasks of several files: which they are, and how they come into the input folder
//! http         the HTTP client: blocking, keep-alive
//! join         what a join gets: the list of everything before it, and the files
//! ledger       what goes into the home bucket: records, markers, headers of standing runs
//! logs         every line as one JSON object
//! memory       evidence for what ended a script: memory, storage, or another limit of Lambda
//! outcome      what became of a task: an outcome, or why it failed
//! output       stage out: what the script left in its output folder becomes objects
//! pack         several tasks of a run in one invocation
//! processes    ending processes: a task's process group, and whatever left it
//! program      what is executed for a task: a script, or the image's own program
//! response     the answer to an invocation, in SCAR's envelope
//! results      what a task's results are called, and whether they are what is expected
//! room         a folder to work in, a home, caches: room of a task's own
//! s3           objects to files, files to objects
//! selected     which objects of a notification are inputs at all
//! serve        the loop: init, then event after event
//! several      several files at once into the input folder of one task
//! sigv4        AWS Signature Version 4 for S3
//! stage        stage in: the folders of a task, and its input in a file
//! stores       where objects are: the function's own storage, or a storage provider
//! task         one task from begin to end: stage in, execute, stage out, record
//! variables    the environment of scripts
//! webdav       files on a server of `WebDAV`
//! ```

#[cfg(target_os = "linux")]
mod api;
#[cfg(target_os = "linux")]
mod barrier;
#[cfg(target_os = "linux")]
mod clean;
#[cfg(target_os = "linux")]
mod clock;
#[cfg(target_os = "linux")]
mod config;
#[cfg(target_os = "linux")]
mod credentials;
#[cfg(target_os = "linux")]
mod dns;
#[cfg(target_os = "linux")]
mod event;
#[cfg(target_os = "linux")]
mod execute;
#[cfg(target_os = "linux")]
mod group;
#[cfg(target_os = "linux")]
mod http;
#[cfg(target_os = "linux")]
mod join;
#[cfg(target_os = "linux")]
mod ledger;
#[cfg(target_os = "linux")]
mod logs;
#[cfg(target_os = "linux")]
mod memory;
#[cfg(target_os = "linux")]
mod outcome;
#[cfg(target_os = "linux")]
mod output;
#[cfg(target_os = "linux")]
mod pack;
#[cfg(target_os = "linux")]
mod processes;
#[cfg(target_os = "linux")]
mod program;
#[cfg(target_os = "linux")]
mod response;
#[cfg(target_os = "linux")]
mod results;
mod room;
#[cfg(target_os = "linux")]
mod s3;
#[cfg(target_os = "linux")]
mod selected;
#[cfg(target_os = "linux")]
mod serve;
#[cfg(target_os = "linux")]
mod several;
#[cfg(target_os = "linux")]
mod sigv4;
#[cfg(target_os = "linux")]
mod stage;
#[cfg(target_os = "linux")]
mod stores;
#[cfg(target_os = "linux")]
mod task;
#[cfg(target_os = "linux")]
mod variables;
#[cfg(target_os = "linux")]
mod webdav;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    serve::main()
}

#[cfg(not(target_os = "linux"))]
fn main() -> std::process::ExitCode {
    eprintln!("throng-runtime runs inside Linux containers only");
    std::process::ExitCode::FAILURE
}
