//! The command line of SCAR, brought into ours before it is parsed.
//!
//! SCAR has options of two and three letters behind one dash (`-ib`, `-api`), which no parser of today reads, and names
//! functions by `-n` and `-f`. Those forms cannot be ours, so they are translated; what could be ours is ours:
//! `throng ls` lists buckets, `throng log -f NAME` follows. Of options that have no counterpart those without which the
//! result would be another end with a sentence; the others are named in a warning.
//!
//! | SCAR | throng |
//! |---|---|
//! | `init -f FILE`, `init -n NAME -i IMAGE …` | `deploy FILE`, `deploy --name NAME --image IMAGE …` |
//! | `run -f FILE` | `run FILE`: the objects at its inputs, or once when it has none |
//! | `run -n NAME -ib BUCKET` | `run NAME s3://BUCKET/` |
//! | `run -n NAME [-s SCRIPT] [ARGUMENTS]` | `invoke NAME [--script SCRIPT] [-- ARGUMENTS]` |
//! | `invoke -n NAME -db FILE` … | `invoke NAME --data-binary FILE` … |
//! | `rm -n NAME`, `rm -f FILE`, `rm -a` | `rm function NAME`, `--definition FILE`, `--all` |
//! | `log -n NAME -ri ID` | `logs NAME --request ID` |
//! | `ls -b PLACE`, `put -b PLACE -p PATH`, `get -b PLACE -p PATH` | `ls -r PLACE`, `put PATH PLACE`, `get PLACE PATH` |
//! | `-pf PROFILE`, `-j` | `--profile PROFILE`, `--output json` |
//!
//! ```text
//! table   SCAR's options and what stands for them
//! ```

mod table;

use std::ffi::{OsStr, OsString};
use table::{Old, Replacement};

/// How far back SCAR's `log` looks: as long as logs are kept unless a definition says otherwise.
const LOG_SINCE: &str = "30d";

/// Our options that take a value, and can stand among SCAR's.
const WITH_VALUE: [&str; 7] = ["-c", "--context", "--config", "--output", "--since", "--run", "--task"];

/// Arguments in our words.
#[derive(Default)]
pub struct Translated {
    /// The words after the program's name.
    pub arguments: Vec<OsString>,
    /// Which of SCAR's options are not needed, and why; a line.
    pub warning: Option<String>,
}

impl From<Vec<OsString>> for Translated {
    fn from(arguments: Vec<OsString>) -> Self {
        Self { arguments, warning: None }
    }
}

/// Translates the arguments after the program's name. The error is a sentence.
pub fn translate(arguments: Vec<OsString>) -> Result<Translated, String> {
    let Some(at) = verb_at(&arguments) else { return Ok(arguments.into()) };
    let (before, rest) = arguments.split_at(at);
    let (Some(verb), after) =
        (rest.first().and_then(|verb| verb.to_str()), rest.get(1..).unwrap_or_default())
    else {
        return Ok(arguments.into());
    };
    let mut needless = Vec::new();
    let translated = match verb {
        "init" | "deploy" => deploy(verb, after, &mut needless)?,
        "update" => update(after, &mut needless)?,
        "run" if names_function(after) => run(after)?,
        "invoke" if names_function(after) => invoke(after)?,
        "rm" if names_function(after) || begins(after, &["-a", "--all"]) => remove(after)?,
        "log" | "logs" if is_log(after) => logs(after)?,
        "ls" if has(after, &["-b", "--bucket"]) => places(after, table::LS, &["ls", "--recursive"], &[1])?,
        "put" if has(after, &["-b", "--bucket"]) => places(after, table::PLACES, &["put"], &[0, 1])?,
        "get" if has(after, &["-b", "--bucket"]) => places(after, table::PLACES, &["get"], &[1, 0])?,
        // Ours alone, but `-o` reads like SCAR's there.
        "migrate" => assemble(&["migrate"], [], parse(after, table::MIGRATE, false)?),
        // `-p` is ours here.
        "invoke" => return Ok(arguments.into()),
        _ => {
            let parsed = parse(after, &[], false)?;
            [vec![verb.into()], parsed.options].concat()
        }
    };
    let warning = (!needless.is_empty()).then(|| format!("not used: {}", needless.join(", ")));
    Ok(Translated { arguments: [before.to_vec(), translated].concat(), warning })
}

/// Where the verb stands: behind options of every verb.
fn verb_at(arguments: &[OsString]) -> Option<usize> {
    let mut at = 0;
    loop {
        let text = arguments.get(at)?.to_str()?;
        if text == "--" {
            return None;
        }
        at += match text {
            "-c" | "--context" | "--config" | "--profile" | "-o" | "--output"
                if arguments.get(at + 1).is_some_and(|next| next != "--") =>
            {
                2
            }
            _ if text.starts_with('-') => 1,
            _ => return Some(at),
        };
    }
}

/// An option's name with dashes, and its value when that is attached.
fn split(argument: &OsStr) -> Option<(String, Option<OsString>)> {
    let text = argument.to_str().filter(|text| text.starts_with('-') && text.len() > 1)?;
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name, Some(OsString::from(value))),
        None => (text, None),
    };
    let name = if name.starts_with("--") { name.replace('_', "-") } else { name.to_owned() };
    Some((name, value))
}

/// Whether an option is there, before `--`.
fn has(arguments: &[OsString], names: &[&str]) -> bool {
    let ours = arguments.iter().take_while(|argument| *argument != "--");
    ours.filter_map(|argument| split(argument)).any(|(name, _)| names.contains(&name.as_str()))
}

/// Whether the first argument is one of these.
fn begins(arguments: &[OsString], names: &[&str]) -> bool {
    has(arguments.get(..1).unwrap_or_default(), names)
}

fn names_function(arguments: &[OsString]) -> bool {
    has(arguments, &["-n", "--name", "-f", "--conf-file"])
}

/// `-f` is ours before anything but a definition file, whose name no function can have.
fn is_log(arguments: &[OsString]) -> bool {
    let file = arguments.windows(2).any(|pair| pair[0] == "-f" && is_definition(&pair[1]));
    file || has(arguments, &["-n", "--name", "--conf-file", "-ls", "--log-stream-name", "-ri"])
}

fn is_definition(text: &OsStr) -> bool {
    std::path::Path::new(text).extension().is_some_and(|end| end == "yaml" || end == "yml")
}

/// SCAR's arguments, read.
#[derive(Default)]
struct Parsed {
    /// Options in our words.
    options: Vec<OsString>,
    /// Values that are positional with us: a function or path, and a bucket.
    slots: [Option<OsString>; 2],
    /// Options without a counterpart that nobody misses, with the reasons.
    needless: Vec<String>,
    /// What stands behind: SCAR's arguments of the container, or ours.
    rest: Vec<OsString>,
}

impl Parsed {
    fn has(&self, option: &str) -> bool {
        self.options.iter().any(|known| known == option)
    }

    /// Whether something stands among the options that is neither an option nor the value of one.
    fn has_positional(&self) -> bool {
        let before = std::iter::once(None).chain(self.options.iter().map(Some));
        let is_value = |before: Option<&OsString>| {
            before.and_then(|before| before.to_str()).is_some_and(|before| WITH_VALUE.contains(&before))
        };
        let mut pairs = self.options.iter().zip(before);
        pairs.any(|(word, before)| !word.to_string_lossy().starts_with('-') && !is_value(before))
    }

    /// Adds options: before `--`, behind which nothing is one.
    fn add<const N: usize>(&mut self, options: [OsString; N]) {
        let end = self.options.iter().position(|word| word == "--").unwrap_or(self.options.len());
        self.options.splice(end..end, options);
    }

    fn without(mut self, option: &str) -> Self {
        self.options.retain(|known| known != option);
        self
    }
}

/// Reads arguments by a table. With `remainder` the first argument that is not an option begins the rest.
fn parse(arguments: &[OsString], table: &[Old], remainder: bool) -> Result<Parsed, String> {
    let mut parsed = Parsed::default();
    // Which option filled a slot.
    let mut filled = [None::<&Old>; 2];
    let mut arguments = arguments.iter().peekable();
    while let Some(argument) = arguments.next() {
        if argument == "--" {
            if !remainder {
                parsed.options.push(argument.clone());
            }
            parsed.rest_or_options(remainder).extend(arguments.cloned());
            break;
        }
        let Some((name, attached)) = split(argument) else {
            parsed.rest_or_options(remainder).push(argument.clone());
            if remainder {
                parsed.rest.extend(arguments.cloned());
                break;
            }
            continue;
        };
        let known = table.iter().chain(table::EVERY).find(|old| old.short == name || old.long == name);
        let Some(old) = known else {
            parsed.options.push(argument.clone());
            if attached.is_none() && WITH_VALUE.contains(&name.as_str()) {
                parsed.options.extend(arguments.next_if(|next| **next != "--").cloned());
            }
            continue;
        };
        let mut value = || {
            let next = || arguments.next_if(|next| **next != "--").cloned();
            let next = attached.clone().or_else(next);
            next.ok_or_else(|| format!("`{name}` needs a value"))
        };
        match old.means {
            // `-o json` is ours, as everywhere.
            Replacement::Option("--to") if name == "-o" => {
                let value = value()?;
                let ours = if value == "json" || value == "table" { "--output" } else { "--to" };
                parsed.options.extend([ours.into(), value]);
            }
            Replacement::Option(ours) => {
                // Attached, so that a value may begin with a dash.
                let mut whole = OsString::from(format!("{ours}="));
                whole.push(value()?);
                parsed.options.push(whole);
            }
            Replacement::Flag(ours) => parsed.options.extend(ours.iter().map(OsString::from)),
            Replacement::Slot(slot) => {
                // The same option again: the last counts, in SCAR too.
                if let Some(other) = filled[slot].replace(old).filter(|other| other.long != old.long) {
                    let (one, other) = (old.long, other.long);
                    return Err(format!("`{one}` and `{other}` name the same thing: give one of them"));
                }
                parsed.slots[slot] = Some(value()?);
            }
            Replacement::Needless { value: has_value, why } => {
                if has_value {
                    value()?;
                }
                parsed.needless.push(format!("`{name}` ({why})"));
            }
            Replacement::Gone(why) => return Err(format!("`{name}` of SCAR has no counterpart: {why}")),
        }
    }
    Ok(parsed)
}

impl Parsed {
    const fn rest_or_options(&mut self, remainder: bool) -> &mut Vec<OsString> {
        if remainder { &mut self.rest } else { &mut self.options }
    }
}

/// A verb, positional arguments, options, and the rest behind `--`.
fn assemble(verb: &[&str], places: impl IntoIterator<Item = OsString>, parsed: Parsed) -> Vec<OsString> {
    let mut out: Vec<OsString> = verb.iter().map(OsString::from).collect();
    out.extend(places);
    out.extend(parsed.options);
    if !parsed.rest.is_empty() {
        out.push("--".into());
        out.extend(parsed.rest);
    }
    out
}

fn deploy(verb: &str, arguments: &[OsString], needless: &mut Vec<String>) -> Result<Vec<OsString>, String> {
    let mut parsed = parse(arguments, table::INIT, false)?;
    let given = |option: &str| {
        parsed.options.iter().any(|known| {
            known.to_string_lossy().strip_prefix(option).is_some_and(|rest| rest.starts_with('='))
        })
    };
    let named = given("--name") || given("--conf-file") || parsed.has_positional();
    if let Some(option) = ["--image", "--image-file"].into_iter().find(|option| !named && given(option)) {
        return Err(format!("a function of {option} needs a name: add `-n NAME`"));
    }
    needless.append(&mut parsed.needless);
    Ok(assemble(&[verb], [], parsed))
}

fn update(arguments: &[OsString], needless: &mut Vec<String>) -> Result<Vec<OsString>, String> {
    if has(arguments, &["-f", "--conf-file"]) {
        return deploy("deploy", arguments, needless);
    }
    Err("`update` of SCAR is `throng deploy FILE`: change the definition, deploy it again, and what differs is \
         changed"
        .into())
}

fn run(arguments: &[OsString]) -> Result<Vec<OsString>, String> {
    let named = has(arguments, &["-n", "--name"]);
    let mut parsed = parse(arguments, table::RUN, true)?;
    let [function, bucket] = std::mem::take(&mut parsed.slots);
    let once = parsed.has("--to")
        || parsed.options.iter().any(|option| option.to_string_lossy().starts_with("--script="));
    if let Some(bucket) = bucket {
        if once || !parsed.rest.is_empty() {
            return Err(
                "a run over a bucket takes no script, output file or arguments: `throng run FUNCTION \
                        s3://BUCKET/FOLDER/` runs the function's own, `throng get` fetches what it stored"
                    .into(),
            );
        }
        let mut place = OsString::from("s3://");
        place.push(bucket);
        // A bucket or folder, as SCAR has it: everything below.
        if !place.to_string_lossy().ends_with('/') {
            place.push("/");
        }
        return Ok(assemble(&["run"], function.into_iter().chain([place]), parsed.without("--async")));
    }
    if named || once || !parsed.rest.is_empty() {
        return Ok(assemble(&["invoke"], function, parsed));
    }
    Ok(assemble(&["run"], function, parsed))
}

fn invoke(arguments: &[OsString]) -> Result<Vec<OsString>, String> {
    let mut parsed = parse(arguments, table::INVOKE, false)?;
    let [function, _] = std::mem::take(&mut parsed.slots);
    Ok(assemble(&["invoke"], function, parsed))
}

/// SCAR asks nothing before it removes what was named; before it removes everything, we do.
fn remove(arguments: &[OsString]) -> Result<Vec<OsString>, String> {
    let mut parsed = parse(arguments, table::RM, false)?;
    let [name, _] = std::mem::take(&mut parsed.slots);
    if !parsed.has("--all") && !parsed.has("--with-data") {
        parsed.add(["--yes".into()]);
    }
    Ok(assemble(&["rm", "function"], name, parsed))
}

fn logs(arguments: &[OsString]) -> Result<Vec<OsString>, String> {
    let since = has(arguments, &["--since"]);
    let mut parsed = parse(arguments, table::LOG, false)?;
    let [name, _] = std::mem::take(&mut parsed.slots);
    if !since {
        parsed.add(["--since".into(), LOG_SINCE.into()]);
    }
    Ok(assemble(&["logs"], name, parsed))
}

/// Verbs on places: the slots in the order in which they stand with us.
fn places(
    arguments: &[OsString],
    table: &[Old],
    verb: &[&str],
    order: &[usize],
) -> Result<Vec<OsString>, String> {
    let mut parsed = parse(arguments, table, false)?;
    let slots = std::mem::take(&mut parsed.slots);
    let given: Vec<_> = order.iter().filter_map(|slot| slots[*slot].clone()).collect();
    Ok(assemble(verb, given, parsed))
}

#[cfg(test)]
mod tests;
