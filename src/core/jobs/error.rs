//! Why a job ended badly. The kind decides what a front end does: exit codes of the command line, notices of the screen.

use crate::cloud::{CloudError, ErrorKind, sentence};
use crate::dataset::ScanError;
use crate::dataset::download::DownloadError;
use crate::dataset::upload::UploadError;
use crate::definition::DefinitionErrors;
use crate::deploy::DeployError;
use crate::image::ImageError;
use crate::run::RunError;
use std::fmt;

/// What kind of failure it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JobErrorKind {
    /// What was asked for is wrong, or makes no sense as things are.
    Usage,
    /// The context is read-only.
    ReadOnly,
    /// What was named does not exist.
    NotFound,
    /// Something on this machine failed, or what is stored cannot be read.
    Failed,
    /// A part was not done; the rest was.
    SomeFailed,
    /// The cloud does not answer.
    Unreachable,
    /// The cloud, or a registry, refused.
    Refused,
    /// A person ended it.
    Interrupted,
}

/// Why a job ended badly.
#[derive(Clone, Debug)]
pub struct JobError {
    kind: JobErrorKind,
    message: String,
    /// What the context's cloud said, when it was that.
    cloud: Option<Box<CloudError>>,
}

impl JobError {
    /// An error that no cloud has told.
    #[must_use]
    pub fn new(kind: JobErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), cloud: None }
    }

    /// Wrong usage.
    #[must_use]
    pub fn usage(message: impl fmt::Display) -> Self {
        Self::new(JobErrorKind::Usage, message.to_string())
    }

    /// A person ended it.
    #[must_use]
    pub fn interrupted() -> Self {
        Self::new(JobErrorKind::Interrupted, "interrupted")
    }

    /// There is no such function.
    #[must_use]
    pub fn no_function(name: &str) -> Self {
        RunError::NoFunction(name.to_owned()).into()
    }

    /// What kind it is.
    #[must_use]
    pub const fn kind(&self) -> JobErrorKind {
        self.kind
    }

    /// What the context's cloud said, when it was that.
    #[must_use]
    pub fn cloud(&self) -> Option<&CloudError> {
        self.cloud.as_deref()
    }

    /// Whether what was named does not exist.
    #[must_use]
    pub const fn is_not_found(&self) -> bool {
        matches!(self.kind, JobErrorKind::NotFound)
    }

    /// Whether a person ended it.
    #[must_use]
    pub const fn is_interrupted(&self) -> bool {
        matches!(self.kind, JobErrorKind::Interrupted)
    }

    /// The error, with what to do about it on a line of its own.
    #[must_use]
    pub fn with_advice(&self) -> String {
        match self.advice() {
            advice if advice.is_empty() => self.message.clone(),
            advice => format!("{}\n{advice}", self.message),
        }
    }

    /// The error with what to do about it, in one line.
    #[must_use]
    pub fn sentence(&self) -> String {
        sentence(&self.message, &self.advice())
    }

    fn advice(&self) -> String {
        self.cloud.as_ref().map(|cloud| cloud.advice()).unwrap_or_default()
    }

    /// The same, with what it is about in front.
    #[must_use]
    pub(super) fn about(self, what: &str) -> Self {
        Self { message: format!("{what}: {}", self.message), ..self }
    }

    /// Of a cloud's error with other words around it.
    fn of_cloud(cloud: &CloudError, message: String) -> Self {
        Self { kind: kind_of(cloud), message, cloud: Some(Box::new(cloud.clone())) }
    }
}

impl fmt::Display for JobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for JobError {}

fn kind_of(error: &CloudError) -> JobErrorKind {
    match error.kind {
        ErrorKind::Unreachable => JobErrorKind::Unreachable,
        ErrorKind::NotFound => JobErrorKind::NotFound,
        ErrorKind::Unset => JobErrorKind::Usage,
        ErrorKind::Auth
        | ErrorKind::Denied
        | ErrorKind::Throttled
        | ErrorKind::Conflict
        | ErrorKind::Invalid
        | ErrorKind::Other => JobErrorKind::Refused,
    }
}

impl From<CloudError> for JobError {
    fn from(error: CloudError) -> Self {
        Self::of_cloud(&error, error.to_string())
    }
}

impl From<RunError> for JobError {
    fn from(error: RunError) -> Self {
        let kind = match error {
            RunError::Cloud(error) => return error.into(),
            RunError::Upload(error) => return error.into(),
            // Of another cloud than the context's.
            RunError::Provider { error: ref said, .. } => kind_of(said),
            RunError::Scan(_) | RunError::Refused(_) | RunError::AllSent(_) | RunError::Unchanged(_) => {
                JobErrorKind::Usage
            }
            RunError::NoFunction(_) | RunError::NoRun(_) => JobErrorKind::NotFound,
            RunError::Io(_) | RunError::Damaged { .. } => JobErrorKind::Failed,
            RunError::Cancelled => JobErrorKind::Interrupted,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<UploadError> for JobError {
    fn from(error: UploadError) -> Self {
        let kind = match error {
            UploadError::Cloud(error) => return error.into(),
            UploadError::Cancelled => JobErrorKind::Interrupted,
            UploadError::LongKey(_) => JobErrorKind::Usage,
            UploadError::Journal(_) => JobErrorKind::Failed,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<DownloadError> for JobError {
    fn from(error: DownloadError) -> Self {
        let kind = match error {
            DownloadError::Cloud(error) => return error.into(),
            DownloadError::Cancelled => JobErrorKind::Interrupted,
            DownloadError::Nothing(_) => JobErrorKind::NotFound,
            DownloadError::Collision(..) | DownloadError::Io(_) => JobErrorKind::Failed,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<ScanError> for JobError {
    fn from(error: ScanError) -> Self {
        Self::usage(error)
    }
}

impl From<DefinitionErrors> for JobError {
    fn from(errors: DefinitionErrors) -> Self {
        Self::usage(errors)
    }
}

impl From<DeployError> for JobError {
    fn from(error: DeployError) -> Self {
        if let Some(cloud) = error.cloud() {
            return Self::of_cloud(cloud, error.to_string());
        }
        let kind = match &error {
            error if error.is_cancelled() => JobErrorKind::Interrupted,
            // What a person must mend in the definition.
            DeployError::Definition(_)
            | DeployError::Image(ImageError::Spec(_) | ImageError::File { .. }) => JobErrorKind::Usage,
            _ => JobErrorKind::Refused,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<ImageError> for JobError {
    fn from(error: ImageError) -> Self {
        let kind = match error {
            ImageError::NotFound(_) => JobErrorKind::NotFound,
            ImageError::Cancelled => JobErrorKind::Interrupted,
            _ => JobErrorKind::Refused,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<std::io::Error> for JobError {
    fn from(error: std::io::Error) -> Self {
        Self::new(JobErrorKind::Failed, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cloud(kind: ErrorKind) -> CloudError {
        CloudError::new(kind, "s3:PutObject", "b/k", "no")
    }

    #[test]
    fn the_kind_comes_from_what_failed_and_not_from_its_words() {
        for (error, kind) in [
            (cloud(ErrorKind::Unreachable).into(), JobErrorKind::Unreachable),
            (RunError::from(cloud(ErrorKind::NotFound)).into(), JobErrorKind::NotFound),
            (UploadError::from(cloud(ErrorKind::Denied)).into(), JobErrorKind::Refused),
            (cloud(ErrorKind::Unset).into(), JobErrorKind::Usage),
            (RunError::NoRun("r".into()).into(), JobErrorKind::NotFound),
            (RunError::AllSent("r".into()).into(), JobErrorKind::Usage),
            (RunError::Io("disk".into()).into(), JobErrorKind::Failed),
            (RunError::Upload(UploadError::LongKey("k".into())).into(), JobErrorKind::Usage),
            (DownloadError::Cancelled.into(), JobErrorKind::Interrupted),
            (DeployError::Cancelled.into(), JobErrorKind::Interrupted),
            (DeployError::Unfit("no".into()).into(), JobErrorKind::Refused),
            (DeployError::Image(ImageError::Spec("no".into())).into(), JobErrorKind::Usage),
        ] {
            let error: JobError = error;
            assert_eq!(error.kind(), kind, "{error}");
        }
    }

    #[test]
    fn only_the_contexts_own_cloud_is_told_as_such() {
        let step = DeployError::Step {
            step: "create bucket b".into(),
            error: Box::new(cloud(ErrorKind::Denied).into()),
            done: Vec::new(),
            undo: Vec::new(),
        };
        let error = JobError::from(step);
        assert_eq!(
            (error.kind(), error.cloud().map(|said| said.kind)),
            (JobErrorKind::Refused, Some(ErrorKind::Denied))
        );
        let told = error.with_advice();
        assert!(
            told.contains("Nothing was changed.") && told.ends_with("permission s3:PutObject on b/k."),
            "{told}"
        );
        let provider = RunError::Provider {
            name: "minio.lab".into(),
            address: "http://h".into(),
            error: Box::new(cloud(ErrorKind::Unreachable)),
        };
        let error = JobError::from(provider);
        assert_eq!((error.kind(), error.cloud()), (JobErrorKind::Unreachable, None));
    }
}
