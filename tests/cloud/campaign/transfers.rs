//! A round in which uploads and downloads are killed: the same verb again goes on, all arrives whole, and nothing half stays.

use super::checks::{get_through_kills, until_it_succeeds, walk};
use super::client::Client;
use super::dice::Dice;
use super::site::{Site, Victim};
use crate::support::s3::{bytes, client};
use crate::support::wait_for;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Kills of the upload, and of the download.
const KILLS: u64 = 8;
const MIB: usize = 1 << 20;
/// Older than the uploads that a bucket's lifecycle keeps.
const EIGHT_DAYS_MS: i64 = 8 * 86_400_000;

pub fn round(site: &mut Site, dice: &mut Dice) {
    let plan = dice.faults();
    site.faults(&plan);
    site.kill(Victim::Daemon, None, dice);
    let folder = format!("set{}", site.round);
    let originals = files(site, dice, &folder);
    for _ in 0..KILLS {
        let mut client = Client::start(site, &["put", &folder, "store"]);
        dice.moment(700);
        let victim = if dice.chance(70) { Victim::Client } else { Victim::Daemon };
        site.kill(victim, Some(&mut client), dice);
        client.end(site);
    }
    until_it_succeeds(site, &["put", &folder, "store"]);
    let to = format!("back{}", site.round);
    get_through_kills(site, dice, &format!("store/{folder}/"), &to, KILLS / 2);
    let back = walk(&site.home.path().join(&to));
    let names = |files: &BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    site.check(back == originals, || {
        let differ: Vec<_> = originals.iter().filter(|(name, body)| back.get(*name) != Some(body)).collect();
        let differ: Vec<_> = differ.into_iter().map(|(name, _)| name).collect();
        format!("sent {:?}, came back {:?}; these differ: {differ:?}", names(&originals), names(&back))
    });
    clean_up(site);
}

/// Small files, and two that are sent in parts.
fn files(site: &Site, dice: &mut Dice, folder: &str) -> BTreeMap<String, Vec<u8>> {
    let mut made = BTreeMap::new();
    for number in 0..60_u8 {
        let least = if number < 2 { 11 * MIB } else { 0 };
        let length = least + usize::try_from(dice.between(0, 100_000)).unwrap_or(0);
        made.insert(format!("f{number:02}"), bytes(length, number));
    }
    std::fs::create_dir_all(site.home.path().join(folder)).expect("a folder");
    for (name, body) in &made {
        std::fs::write(site.home.path().join(folder).join(name), body).expect("a file");
    }
    made
}

/// Parts of an upload whose client was killed before it noted that it had begun one stay until the bucket's lifecycle gives
/// them up, seven days later. Here these days pass at once.
fn clean_up(site: &mut Site) {
    let before = uploads(site);
    site.home.ok(&["local", "stop"]);
    let path = site.home.path().join("home/data/local/data/cloud.db");
    let database = rusqlite::Connection::open(path).expect("the database opens");
    database
        .execute("UPDATE s3_upload SET created_ms = created_ms - ?1", [EIGHT_DAYS_MS])
        .expect("ages them");
    drop(database);
    site.faults("");
    site.home.ok(&["local", "start"]);
    wait_for("uploads that were broken off are given up", || uploads(site).is_empty());
    wait_for("their parts are gone", || blobs_without_a_name(site).is_empty());
    site.tell(format!("{} uploads were open, now none is", before.len()));
}

/// Uploads in parts that have not ended.
fn uploads(site: &Site) -> Vec<String> {
    site.json(&["ls"]);
    let client = client(&site.home.path().join("home/data/local"));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let listed = runtime.block_on(client.list_multipart_uploads().bucket("store").send()).expect("a list");
    listed.uploads().iter().filter_map(|upload| upload.key().map(str::to_owned)).collect()
}

/// Files of bodies that no object and no part is made of.
fn blobs_without_a_name(site: &Site) -> Vec<PathBuf> {
    let data = site.home.path().join("home/data/local/data");
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let database = rusqlite::Connection::open_with_flags(data.join("cloud.db"), flags).expect("opens");
    let named = "SELECT group_concat(layout, ' ') FROM s3_body UNION ALL SELECT group_concat(pieces, ' ') FROM s3_part";
    let mut statement = database.prepare(named).expect("a query");
    let texts = statement.query_map([], |row| row.get::<_, Option<String>>(0)).expect("rows");
    let named: String = texts.flatten().flatten().collect();
    let files = walkdir::WalkDir::new(data.join("s3/blobs")).into_iter().flatten();
    let files = files.filter(|entry| entry.file_type().is_file());
    let unnamed = files.filter(|entry| !named.contains(&*entry.file_name().to_string_lossy()));
    unnamed.map(|entry| entry.path().to_owned()).collect()
}
