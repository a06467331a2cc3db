//! Which inputs become tasks: rules of the function, sizes, what cannot be read.

use super::*;
use throng_contract::Selection;

/// A function with a trigger at `in/x/` that takes `.txt` of at least two bytes.
fn world() -> World {
    let rules = Selection {
        bucket: "in".into(),
        path: "x".into(),
        suffix: vec![".txt".into()],
        exclude: vec!["0003*".into()],
        min_size: 2,
        ..Selection::default()
    };
    let facts = FunctionFacts {
        state: "Active".into(),
        triggers: vec![trigger("in", "x/", ".txt")],
        selections: vec![rules],
        contract: Some(versions::CONTRACT),
        tmp_mb: 512,
        ..FunctionFacts::default()
    };
    World::with(MemoryStore::default(), FakeFunctions { facts, ..FakeFunctions::default() })
}

async fn launch(world: &World, inputs: Inputs, options: LaunchOptions) -> Result<Launch, RunError> {
    let request = LaunchRequest { options, ..LaunchRequest::new("f", inputs) };
    prepare(&world.context, request, &CancellationToken::new()).await
}

fn keys(launch: &Launch) -> Vec<String> {
    launch.manifest().into_iter().map(|entry| entry.key).collect()
}

#[tokio::test]
async fn rules_of_the_function_select_files_as_triggers_do() {
    let world = world();
    let files = world.files(12);
    std::fs::write(world.dir.path().join("data/notes.md"), "long enough").unwrap();
    let run = launch(&world, files.clone(), LaunchOptions::default()).await.unwrap();
    assert_eq!(keys(&run), ["x/0010.txt", "x/0011.txt"], "the others have one byte");
    assert_eq!((run.header().started_by, run.header().unselected), (StartedBy::Trigger, 11));
    let told = run.notes().join("\n");
    assert!(told.contains("11 inputs, such as `0000.txt` (it is smaller than 2 bytes)"), "{told}");

    let options = LaunchOptions { everything: true, ..LaunchOptions::default() };
    let all = launch(&world, files, options).await.unwrap();
    assert_eq!((all.header().tasks, all.header().started_by), (13, StartedBy::Invoke));
    assert!(keys(&all)[0].starts_with(&inputs_folder(&all.header().id)), "where no trigger is");
    send(all).await.unwrap();
    assert_eq!(world.functions.invoked.lock().unwrap().len(), 13);
}

#[tokio::test]
async fn rules_of_the_function_select_objects_wherever_they_are() {
    let world = world();
    for key in ["x/a.txt", "x/a.md", "x/0003.txt", "x/old/", "x/1.txt"] {
        world.store.insert("in", key, if key == "x/1.txt" { "1" } else { "data" });
        world.store.insert("other", key, "data");
    }
    let at = |bucket: &str, key: &str| Inputs::Objects {
        provider: None,
        bucket: bucket.into(),
        keys: vec![key.into()],
    };
    let run = launch(&world, at("in", "x/"), LaunchOptions::default()).await.unwrap();
    assert_eq!((keys(&run), run.header().unselected), (vec!["x/a.txt".to_owned()], 3));
    let run = launch(&world, at("other", "x/"), LaunchOptions::default()).await.unwrap();
    assert_eq!(keys(&run), ["x/1.txt", "x/a.txt"], "another place, the same kind of inputs");
    let refused = launch(&world, at("in", "x/a.md"), LaunchOptions::default()).await.unwrap_err().to_string();
    assert!(refused.contains("nothing to run") && refused.contains("--no-select"), "{refused}");
    assert!(world.store.keys("home").iter().filter(|key| key.ends_with("run.json")).count() == 2);
}

#[tokio::test]
async fn a_file_without_room_is_refused_before_the_first_byte() {
    let world = world();
    let files = world.files(12);
    let big = std::fs::File::create(world.dir.path().join("data/big.txt")).unwrap();
    big.set_len(600 << 20).unwrap();
    let refused = launch(&world, files.clone(), LaunchOptions::default()).await.unwrap_err().to_string();
    assert!(refused.contains("`big.txt` (600 MiB) is too large") && refused.contains("512 MiB"), "{refused}");
    assert!(world.store.keys("home").is_empty() && world.store.keys("in").is_empty());
    let options = LaunchOptions { skip_too_large: true, ..LaunchOptions::default() };
    let run = launch(&world, files, options).await.unwrap();
    assert_eq!(keys(&run), ["x/0010.txt", "x/0011.txt"]);
    assert_eq!(run.header().tasks, 2, "as many as there are inputs");
    let skipped = run.header().skipped.clone().unwrap();
    assert_eq!((skipped.count, skipped.first[0].name.as_str()), (1, "big.txt"));
}

#[cfg(unix)]
#[tokio::test]
async fn the_rest_of_a_dataset_with_gaps_runs_when_a_person_says_so() {
    use std::os::unix::ffi::OsStrExt;
    let world = world();
    let files = world.files(12);
    let data = world.dir.path().join("data");
    std::os::unix::fs::symlink("/no/such/annex/object", data.join("missing.txt")).unwrap();
    std::fs::write(data.join(std::ffi::OsStr::from_bytes(b"odd\xff.txt")), "data").unwrap();
    let refused = launch(&world, files.clone(), LaunchOptions::default()).await.unwrap_err().to_string();
    assert!(refused.contains("2 files cannot be run") && refused.contains("--skip-unreadable"), "{refused}");
    let options = LaunchOptions { skip_unreadable: true, ..LaunchOptions::default() };
    let run = launch(&world, files, options).await.unwrap();
    assert_eq!(run.header().tasks, 2);
    let stored = world.store.get("home", &run_key(&run.header().id)).unwrap();
    let header: RunHeader = serde_json::from_slice(&stored.body).unwrap();
    let skipped = header.skipped.unwrap();
    let named: Vec<_> = skipped.first.iter().map(|input| (&*input.name, &*input.reason)).collect();
    assert_eq!(skipped.count, 2);
    assert!(
        named.iter().any(|(name, why)| name.ends_with("missing.txt") && why.contains("not there")),
        "{named:?}"
    );
    assert!(named.iter().any(|(_, why)| why.contains("not UTF-8")), "{named:?}");
}
