//! What is asked of an image.

use super::{Credentials, SharedFile, Source};
use crate::model::Architecture;
use bytes::Bytes;
use std::collections::BTreeSet;
use throng_contract::FunctionConfig;

/// What an image is made of.
#[derive(Clone, Debug)]
pub struct ComposeRequest {
    /// The user's image.
    pub source: Source,
    /// For the registry of the user's image; those of the Docker configuration when `None`.
    pub credentials: Option<Credentials>,
    /// What the function runs on; the image must be for it.
    pub architecture: Architecture,
    /// The static runtime for that architecture.
    pub runtime: Bytes,
    /// The user's script, if there is one.
    pub script: Option<Bytes>,
    /// Files and folders that the script finds at [`FILES`](throng_contract::layout::FILES).
    pub files: Vec<SharedFile>,
    /// The function's configuration. What it says of the user's image is filled in by [`compose`](super::compose()); its variables win
    /// over the image's.
    pub config: FunctionConfig,
    /// Names of the variables that are set on the Lambda function: these win over the image's too.
    pub function_variables: BTreeSet<String>,
}
