//! The runtime as a process, against a Runtime API and an S3 of our own.
//!
//! ```text
//! answers       what a plain invocation answers: files, archives, HTTP
//! credentials   credentials of scripts
//! ends          how a task ends: timeouts, cancelled runs, processes and files that would stay
//! groups        tasks of several files
//! joins         who starts a join, and what it gets
//! names         what outputs are called, which are left out, and what is expected of them
//! outputs       what becomes of outputs: of files, and of what is printed
//! packs         several tasks in one invocation, environments that die among them
//! provider      storage providers: a second S3 with keys of its own
//! records       what an event becomes: tasks, records, lineage
//! rig           the runtime as a process, and what it talks to
//! room          room of a task's own: where scripts start, and what they can write into
//! secrets       secrets of scripts
//! scripts       what is run: scripts, entry points, and what they find
//! selection     what arrives by itself and is no input
//! webdav        storage providers that speak `WebDAV`
//! ```
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod answers;
mod credentials;
mod ends;
mod groups;
mod joins;
mod names;
mod outputs;
mod packs;
mod provider;
mod records;
mod rig;
mod room;
mod scripts;
mod secrets;
mod selection;
mod webdav;

use base64::Engine as _;

fn body(answer: &rig::Answer) -> Vec<u8> {
    base64::engine::general_purpose::STANDARD.decode(answer.body["body"].as_str().unwrap()).unwrap()
}
