//! A disk that fills in the middle of an upload, of a run, of logging: the daemon lives and says so, and when there is room
//! what was under way goes on.

use crate::support::{Home, between};
use std::process::Command;

/// What all scripts begin with: daemon, database, objects, logs and the daemon's own log are on a small disk.
const SMALL_DISK: &str = r#"
    set -e
    small="$THRONG_HOME/data/local"
    mkdir -p "$small"
    mount -t tmpfs -o size=200m,mode=700 none "$small"
    trap '"$THRONG" local stop >/dev/null 2>&1; umount -l "$small" || true' EXIT
    pid() { sed -n 's/.*"pid": *\([0-9]*\).*/\1/p' "$small/endpoint.json"; }
    kib() { df -Pk "$small" | awk "NR == 2 { print \$$1 }"; }
    used() { kib 3; }
    free() { kib 4; }
    # So much room and no more, in KiB.
    leave() { mount -o "remount,size=$(( $(used) + $1 ))k" "$small"; }
    # Waits for a condition, a minute at the most.
    until_true() {
        end=$(( $(date +%s) + 60 ))
        until eval "$1"; do
            [ "$(date +%s)" -lt "$end" ] || { echo "waited in vain: $1"; return 1; }
            sleep 0.1
        done
    }
"#;

/// Runs a script that may mount, after [`SMALL_DISK`], with `THRONG` and `THRONG_HOME` set. `None`: not on this machine.
fn with_small_disk(home: &Home, script: &str) -> Option<String> {
    let unshare = |script: &str| {
        Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount", "sh", "-c", script])
            .current_dir(home.path())
            .env("THRONG", env!("CARGO_BIN_EXE_throng"))
            .env("THRONG_HOME", home.path().join("home"))
            .env_remove("THRONG_CONTEXT")
            .envs(home.variables().iter().map(|(name, value)| (name, value)))
            .output()
            .ok()
    };
    let may = unshare("mkdir -p try && mount -t tmpfs none try && umount try");
    if !may.is_some_and(|tried| tried.status.success()) {
        eprintln!("left out: this machine does not let a test mount a small tmpfs (user namespaces)");
        return None;
    }
    let output = unshare(&format!("{SMALL_DISK}{script}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}\n{}", text(&output.stdout), text(&output.stderr));
    Some(text(&output.stdout))
}

#[test]
fn a_full_disk_is_named_at_once_the_daemon_lives_and_the_rest_is_sent_when_there_is_room() {
    let home = Home::new();
    for n in 0..24 {
        home.write(&format!("in/{n:02}.bin"), &"x".repeat(1 << 20));
    }
    let script = r#"
        mount -o remount,size=16m "$small"
        "$THRONG" local start >/dev/null
        before=$(pid)
        began=$(date +%s)
        code=0
        "$THRONG" put in pictures 2>err || code=$?
        echo "code=$code took=$(( $(date +%s) - began ))"
        echo "said=$(tr '\n' ' ' <err)"
        # Its log has no room either; it still answers, and what is there can be read.
        head -c 4m /dev/zero >"$small/ballast" 2>/dev/null || true
        "$THRONG" ls pictures/in/ >/dev/null
        echo "same=$([ "$before" = "$(pid)" ] && echo yes)"
        mount -o remount,size=200m "$small"
        "$THRONG" put in pictures >/dev/null
        echo "objects=$("$THRONG" ls pictures/in/ --output json | grep -c '"key"')"
        echo "after=$([ "$before" = "$(pid)" ] && echo yes)"
    "#;
    let Some(told) = with_small_disk(&home, script) else { return };
    assert!(!told.contains("code=0 "), "{told}");
    let took: u64 = told.split("took=").nth(1).unwrap().split_whitespace().next().unwrap().parse().unwrap();
    assert!(took < 20, "{told}");
    let said = told.lines().find(|line| line.starts_with("said=")).unwrap();
    assert!(said.contains("no space left on ") && said.contains("data/local"), "{told}");
    assert!(!said.contains("network"), "{told}");
    for expected in ["same=yes", "objects=24", "after=yes"] {
        assert!(told.contains(expected), "{expected}: {told}");
    }
}

/// The value after `NAME=` in what a script told.
fn told_of<'t>(told: &'t str, name: &str) -> &'t str {
    let line = told.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    line.unwrap_or_else(|| panic!("no {name} in {told}"))
}

#[test]
fn a_disk_that_fills_in_the_middle_of_a_run_loses_no_task() {
    let mut home = Home::new();
    // Lambda repeats after less than a second, and gives up soon.
    home.set("THRONG_LOCAL_TIME_SCALE", "100");
    let script =
        "#!/bin/sh\nsleep 0.3\nhead -c 1048576 /dev/zero > \"$TMP_OUTPUT_DIR/${INPUT_FILE_PATH##*/}\"\n";
    let more = format!(
        "      memory: 128\n      timeout: 30\n      retries: 1\n{}",
        between("fill-data/in", "fill-data/out")
    );
    home.function("fill", script, &more);
    for n in 0..40 {
        home.write(&format!("in/{n:02}"), "x");
    }
    let script = r#"
        "$THRONG" deploy fill.yaml >/dev/null
        leave 12000
        before=$(pid)
        run=$("$THRONG" run fill in --output json | sed -n 's/.*"id": *"\([^"]*\)".*/\1/p')
        status() { "$THRONG" local status --output json | tr -d ' \n'; }
        until_true '[ "$(free)" -lt 1024 ]'
        # Nothing runs any more: what has failed is not forgotten while that cannot be written.
        until_true 'status | grep -q "\"running\":\[\]" && sleep 2 && status | grep -q "\"running\":\[\]"'
        echo "full=$(free)"
        echo "same=$([ "$before" = "$(pid)" ] && echo yes)"
        "$THRONG" ls fill-data/out/ >/dev/null
        "$THRONG" runs "$run" --output json | tr -d ' \n' | sed 's/^/then=/'; echo
        mount -o remount,size=300m "$small"
        "$THRONG" runs "$run" --wait --output json 2>err | tr -d ' \n' | sed 's/^/run=/'; echo
        echo "said=$(tr '\n' ' ' <err)"
        echo "outputs=$("$THRONG" ls fill-data/out/ --output json | tr -d ' \n')"
        "$THRONG" run --again "$run" --wait --output json 2>/dev/null | tr -d ' \n' | sed 's/^/again=/'; echo
        echo "after=$([ "$before" = "$(pid)" ] && echo yes)"
    "#;
    let Some(told) = with_small_disk(&home, script) else { return };
    let json =
        |name: &str| -> serde_json::Value { serde_json::from_str(told_of(&told, name)).expect("JSON") };
    assert_eq!((told_of(&told, "same"), told_of(&told, "after")), ("yes", "yes"), "{told}");
    let of = |run: &serde_json::Value, state: &str| run["counts"][state].as_u64().expect("a count");
    // It was in the middle, and something failed or waited for want of room.
    let (then, run) = (json("then"), json("run"));
    assert!(of(&then, "succeeded") < 40 && then["settled"] == false, "{told}");
    // What Lambda can note is tried again, and fails for good when there is still no room; what it cannot note waits.
    let (succeeded, failed) = (of(&run, "succeeded"), of(&run, "failed"));
    assert!(run["settled"] == true && of(&run, "total") == 40, "{told}");
    assert!(succeeded + failed == 40 && succeeded > 0, "{told}");
    let outputs = json("outputs");
    let whole = outputs.as_array().expect("a list").iter().filter(|object| object["size"] == 1 << 20).count();
    assert!(whole as u64 >= succeeded, "{told}");
    if failed > 0 {
        let said = told_of(&told, "said");
        assert!(said.contains("no space left on ") && said.contains("data/local"), "{told}");
        let again = json("again");
        assert_eq!((of(&again, "succeeded"), of(&again, "total")), (failed, failed), "{told}");
    }
}

#[test]
fn a_function_that_logs_without_end_fills_no_disk_and_its_space_is_given_back() {
    let home = Home::new();
    home.write("home/config/config.toml", "[local]\nlog_mb_per_function = 6\nlog_mb = 12\n");
    // Until its time is over.
    let script = "#!/bin/sh\nwhile :; do echo 'a line of a function that talks, and talks, and never comes to an end'; done\n";
    home.function("talk", script, "      memory: 128\n      timeout: 6\n");
    let script = r#"
        "$THRONG" deploy talk.yaml >/dev/null
        "$THRONG" logs talk >/dev/null 2>&1 || true
        empty=$(used)
        leave 40000
        before=$(pid)
        "$THRONG" invoke talk --data '{}' >answer 2>err || echo "ended=$(head -c 300 err | tr '\n' ' ')"
        echo "used=$(( $(used) - empty ))"
        echo "same=$([ "$before" = "$(pid)" ] && echo yes)"
        "$THRONG" ls >/dev/null
        echo "last=$("$THRONG" logs talk | grep -c "talks, and talks")"
        # Now with no room at all.
        head -c 300m /dev/zero >"$small/ballast" 2>/dev/null || true
        "$THRONG" invoke talk --data '{}' >answer 2>err || true
        echo "full=$(free)"
        echo "lives=$([ "$before" = "$(pid)" ] && echo yes)"
        rm "$small/ballast"
        "$THRONG" rm function talk --yes >/dev/null
        until_true '[ "$(used)" -lt $(( empty + 8192 )) ]' || ls -l "$small/data/logs"
        echo "after=$(( $(used) - empty ))"
        echo "still=$([ "$before" = "$(pid)" ] && echo yes)"
    "#;
    let Some(told) = with_small_disk(&home, script) else { return };
    assert_eq!(["same", "lives", "still"].map(|name| told_of(&told, name)), ["yes"; 3], "{told}");
    assert!(told_of(&told, "ended").contains("time budget"), "{told}");
    assert!(told_of(&told, "used").parse::<u64>().expect("a number") < 32_000, "{told}");
    assert_ne!(told_of(&told, "last"), "0", "{told}");
}

#[test]
fn a_disk_without_any_room_can_be_emptied() {
    let home = Home::new();
    for n in 0..12 {
        home.write(&format!("in/{n:02}.bin"), &"x".repeat(1 << 20));
    }
    home.function("small", "#!/bin/sh\necho here\n", "      memory: 128\n");
    let script = r#"
        "$THRONG" deploy small.yaml >/dev/null
        "$THRONG" put in store >/dev/null
        before=$(pid)
        head -c 300m /dev/zero >"$small/ballast" 2>/dev/null || true
        "$THRONG" put small.yaml store >/dev/null 2>&1 && echo "room=yes" || echo "room=no"
        # What pushes an image takes nothing of what is held in reserve.
        sed -i 's/name: small/name: other/' small.yaml
        head -c 3000000 /dev/urandom | od -An -tx1 | sed 's/^/#/' >>small.sh
        "$THRONG" deploy small.yaml >/dev/null 2>err && echo "deploy=done" || echo "deploy=$(tr '\n' ' ' <err)"
        "$THRONG" local stop >/dev/null
        "$THRONG" local start >/dev/null
        before=$(pid)
        "$THRONG" rm object store/in/ --yes 2>err || true
        echo "objects=$(tr '\n' ' ' <err)"
        # What is held in reserve again, or not yet, is free as well.
        freed() { held=$(du -k "$small/data/reserve" 2>/dev/null | cut -f1); echo $(( $(free) + ${held:-0} )); }
        until_true '[ "$(freed)" -gt 11264 ]' || true
        echo "freed=$(freed)"
        # The space is held again at the next removal that finds room.
        "$THRONG" put small.sh store >/dev/null && "$THRONG" rm object store/small.sh --yes 2>/dev/null
        echo "full=$(free)"
        "$THRONG" rm function small --yes >out 2>err && echo "function=gone" || echo "function=$(tr '\n' ' ' <err)"
        echo "same=$([ "$before" = "$(pid)" ] && echo yes)"
    "#;
    let Some(told) = with_small_disk(&home, script) else { return };
    assert_eq!(told_of(&told, "room"), "no", "{told}");
    assert!(told_of(&told, "deploy").contains("no space left on "), "{told}");
    assert!(told_of(&told, "objects").contains("deleted 12 objects"), "{told}");
    assert!(told_of(&told, "freed").parse::<u64>().expect("KiB") > 11 << 10, "{told}");
    assert_eq!(told_of(&told, "function"), "gone", "{told}");
    assert_eq!(told_of(&told, "same"), "yes", "{told}");
}
