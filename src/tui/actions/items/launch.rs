//! Files, objects or a payload for a function.

use super::here::{function_here, objects_here};
use crate::app::App;
use crate::drop::{Dropped, parse};
use crate::layers::drop::{DropDialog, DropTarget};
use crate::layers::editor::Payload;
use crate::layers::files::Files;
use crate::layers::menu::{Item, Menu};
use crate::views::functions::short_image;
use std::path::PathBuf;
use throng_core::clean;
use throng_core::engine::Command;
use throng_core::jobs::Job;
use throng_core::words::{self, Clean};

/// Chooses files for what is under the cursor.
pub fn upload(app: &mut App, path: &str) {
    if let Dropped::Here(paths) = parse(path) {
        return dropped(app, paths);
    }
    let target = DropTarget::suggested(app);
    let title: Clean = match &target {
        Some(DropTarget::Function(name)) => clean!("Files for {name}"),
        Some(DropTarget::Bucket(bucket, prefix)) => clean!("Files for {bucket}/{prefix}"),
        Some(DropTarget::Deploy(_)) => "Files".into(),
        None if !app.snapshot.functions.items.is_empty() => "Files".into(),
        None => return app.refuse("There is no function and no bucket yet. Press n to launch a function."),
    };
    app.push(DropDialog::new(Vec::new(), target, app));
    app.push(Files::many(title, path));
}

/// Files were dropped on the terminal.
pub fn dropped(app: &mut App, paths: Vec<PathBuf>) {
    if !app.permits(Job::Upload) {
        let name = app.snapshot.context.name.clone();
        return app.refuse(clean!("Context {name} is read-only: files are neither processed nor uploaded."));
    }
    let target = DropTarget::suggested(app);
    app.push(DropDialog::new(paths, target, app));
}

pub fn run_objects(app: &mut App, function: &str) {
    let Some((bucket, objects)) = objects_here(app) else { return };
    let keys: Vec<String> = objects.into_iter().map(|object| object.key).collect();
    if !function.is_empty() {
        return start_over(app, function, bucket, keys);
    }
    let items: Vec<Item> = app
        .snapshot
        .functions
        .items
        .iter()
        .map(|found| {
            let (name, bucket, keys) = (found.name.clone(), bucket.clone(), keys.clone());
            Item::new(&found.name, short_image(&found.image).into_string(), move |app| {
                start_over(app, &name, bucket.clone(), keys.clone());
            })
        })
        .collect();
    if items.is_empty() {
        app.refuse("There is no function yet. Press n to launch one.");
    } else {
        app.push(Menu::new(clean!("Process {} with", words::how_many(keys.len(), "item")), items));
    }
}

fn start_over(app: &mut App, function: &str, bucket: String, keys: Vec<String>) {
    app.page_mut().list.marks.clear();
    app.start_run(function, Command::RunObjects { function: function.to_owned(), bucket, keys });
}

pub fn invoke(app: &mut App, name: &str) {
    let function = if name.is_empty() { function_here(app) } else { Some(name.to_owned()) };
    if let Some(function) = function {
        app.push(Payload::new(&function));
    }
}
