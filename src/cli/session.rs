//! What every verb needs: folders, configuration, the cloud of the chosen context.

use super::args::{Format, Global};
use super::fail::Fail;
use super::{EmbeddedCloud, OpenScreen, Product, print};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use throng_core::cloud::{Cloud, ConnectOptions};
use throng_core::config::{Config, ContextConfig, Overrides};
use throng_core::dirs::Dirs;
use throng_core::image::Programs;
use throng_core::jobs::{Job, JobContext, JobSettings, permit};
use throng_core::model::Place;
use throng_core::{clean, lines};
use tokio_util::sync::CancellationToken;

/// One use of the command line.
#[derive(Debug)]
pub struct Session {
    pub dirs: Dirs,
    pub config: Config,
    pub format: Format,
    /// Say on standard error what goes on.
    pub verbose: bool,
    /// What this build carries for the inside of functions.
    pub programs: Programs,
    /// Controls the local cloud.
    pub embedded_cloud: &'static dyn EmbeddedCloud,
    /// Opens the screen.
    pub open_screen: OpenScreen,
    /// Cancelled by the first Ctrl-C; a second one ends the process at once.
    pub interrupt: CancellationToken,
}

impl Session {
    pub fn new(global: &Global, product: Product) -> Result<Self, Fail> {
        let dirs = dirs()?;
        let overrides = Overrides { file: global.config.clone(), context: global.context.clone() };
        let mut config = Config::load(&dirs, &overrides).map_err(Fail::usage)?;
        if let Some(profile) = &global.profile {
            config.default_context = context_of(&config, profile)?;
        }
        for warning in &config.warnings {
            print::note(lines!("warning: {warning}"));
        }
        Ok(Self {
            dirs,
            config,
            format: global.output,
            verbose: global.verbose,
            programs: product.programs,
            embedded_cloud: product.embedded_cloud,
            open_screen: product.open_screen,
            interrupt: CancellationToken::new(),
        })
    }

    pub fn context(&self) -> Result<&ContextConfig, Fail> {
        self.config.context(None).map_err(Fail::usage)
    }

    /// Connects for a job, if the context permits it; the local cloud is started when it does not run.
    pub async fn job(&self, job: Job) -> Result<JobContext, Fail> {
        let context = self.context()?;
        permit(context, job)?;
        let tell = || print::note("the local cloud had died; it was started again, and goes on where it was");
        let options = ConnectOptions { revived: Some(tell), ..ConnectOptions::default() };
        let cloud = Cloud::connect_with(context, &self.dirs, &options).await?;
        if let Some(stranger) = cloud.stranger() {
            let now = cloud.endpoint().unwrap_or_default();
            print::note(lines!("{stranger}. The local cloud listens at {now} now"));
        }
        Ok(JobContext::new(cloud, Arc::new(self.settings())))
    }

    fn settings(&self) -> JobSettings {
        JobSettings {
            dirs: self.dirs.clone(),
            upload: self.config.upload.clone(),
            programs: self.programs,
            resend_after: self.config.runs.resend_after(),
        }
    }

    /// Lets Ctrl-C cancel what is under way.
    pub fn watch_interrupt(&self) {
        let token = self.interrupt.clone();
        tokio::spawn(async move {
            if tokio::signal::ctrl_c().await.is_ok() {
                if ASKING.load(Ordering::Relaxed) {
                    // Nothing is under way, and nobody will hear the question's answer.
                    print::note("");
                    std::process::exit(i32::from(super::fail::INTERRUPTED));
                }
                print::note("interrupted: ending what is under way (once more to end at once)");
                token.cancel();
            }
            if tokio::signal::ctrl_c().await.is_ok() {
                std::process::exit(i32::from(super::fail::INTERRUPTED));
            }
        });
    }
}

/// The context that uses an AWS profile: of several the one that is the default, or has the profile's name.
fn context_of(config: &Config, profile: &str) -> Result<String, Fail> {
    let uses = |context: &&ContextConfig| context.profile.as_deref() == Some(profile);
    let all: Vec<_> = config.contexts.values().filter(uses).map(|context| context.name.as_str()).collect();
    let preferred = [config.default_context.as_str(), profile];
    if let Some(name) = all.iter().find(|name| preferred.contains(*name)) {
        return Ok((*name).to_owned());
    }
    match all[..] {
        [one] => Ok(one.to_owned()),
        [] => Err(Fail::usage(format!(
            "no context uses the AWS profile `{profile}`: add it to config.toml\n[contexts.{profile}]\nprofile = \"{profile}\""
        ))),
        _ => Err(Fail::usage(format!(
            "several contexts use `{profile}`: say which with --context: {}",
            all.join(", ")
        ))),
    }
}

pub fn dirs() -> Result<Dirs, Fail> {
    let dirs = Dirs::find()
        .ok_or_else(|| Fail::usage("there is no home folder: set HOME, or THRONG_HOME to a folder"))?;
    dirs.close().map_err(|error| Fail::usage(format!("{error}: set THRONG_HOME to a folder of your own")))?;
    Ok(dirs)
}

/// Reads `bucket[/key]`, with or without `s3://`.
pub fn place(text: &str) -> Result<Place, Fail> {
    if let Some(Ok((Some(provider), _))) = remote_place(text) {
        return Err(Fail::usage(format!(
            "`{text}` is at the storage provider {provider}, whose keys belong to a function: `throng run FUNCTION \
             {provider}://BUCKET/FOLDER/ --wait --to FOLDER` fetches what a run makes, and a task's page on the screen \
             (`throng`) shows and fetches it; for everything else use the server's own tools"
        )));
    }
    let text = text.strip_prefix("s3://").unwrap_or(text);
    if let Some((scheme, _)) = text.split_once("://") {
        return Err(Fail::usage(format!(
            "`{text}` is not a place: nothing here knows `{scheme}://`; s3://bucket/folder is one"
        )));
    }
    let (bucket, prefix) = text.split_once('/').unwrap_or((text, ""));
    if bucket.is_empty() {
        let hint = if text.starts_with('/') { "; take the first `/` away" } else { "" };
        return Err(Fail::usage(format!("`{text}` is not a place: bucket or bucket/folder expected{hint}")));
    }
    Ok(Place { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
}

/// Reads `s3://bucket[/key]`, or the same at a storage provider of the function: `minio.ID://…`, `s3.ID://…`, `webdav.ID://…`. `None` when
/// it is neither, and so a path.
pub fn remote_place(text: &str) -> Option<Result<(Option<String>, Place), Fail>> {
    let (scheme, rest) = text.split_once("://")?;
    let (kind, id) = scheme.split_once('.').unwrap_or((scheme, "default"));
    let named = !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
    if !matches!(kind, "s3" | "minio" | "webdav") || !named {
        return None;
    }
    let provider = (scheme != "s3").then(|| format!("{kind}.{id}"));
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    if bucket.is_empty() {
        return Some(Err(Fail::usage(format!(
            "`{text}` names no bucket: {scheme}://bucket/folder/ is a place"
        ))));
    }
    Some(Ok((provider, Place { bucket: bucket.to_owned(), prefix: prefix.to_owned() })))
}

/// Asks on the terminal; without one the answer is no.
pub fn confirm(question: &str) -> Result<bool, Fail> {
    use std::io::{BufRead, IsTerminal};
    if !std::io::stdin().is_terminal() {
        return Err(Fail::usage(format!("{question} Say --yes to do it without being asked.")));
    }
    ASKING.store(true, Ordering::Relaxed);
    print::ask(clean!("{question} [y/N] "))?;
    forget_type_ahead();
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    ASKING.store(false, Ordering::Relaxed);
    read?;
    let yes = matches!(answer.trim(), "y" | "Y" | "yes");
    if !yes {
        print::note("nothing was changed");
    }
    Ok(yes)
}

/// What was typed before the question was there is no answer to it.
fn forget_type_ahead() {
    #[cfg(unix)]
    {
        use nix::sys::termios::{FlushArg, tcflush};
        // A terminal that cannot do so has nothing to forget, or is none.
        let _ = tcflush(std::io::stdin(), FlushArg::TCIFLUSH);
    }
}

/// Whether a question waits for its answer.
static ASKING: AtomicBool = AtomicBool::new(false);

/// How often a status line is written.
pub const STATUS: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn places_name_their_storage() {
        let read = |text: &str| {
            remote_place(text)
                .map(|place| place.map(|(provider, place)| (provider, place.to_string())).unwrap())
        };
        let of = |provider: Option<&str>, place: &str| Some((provider.map(str::to_owned), place.to_owned()));
        assert_eq!(read("s3://b/k"), of(None, "b/k"));
        assert_eq!(read("minio.lab://b/in/"), of(Some("minio.lab"), "b/in/"));
        assert_eq!(read("minio://b"), of(Some("minio.default"), "b"));
        assert_eq!(read("s3.far://b"), of(Some("s3.far"), "b"));
        assert_eq!((read("a/b.txt"), read("ftp://x"), read("minio.://b")), (None, None, None));
        assert!(remote_place("minio.lab://").is_some_and(|place| place.is_err()));
    }
}
