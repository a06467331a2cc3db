//! Why a deployment failed.

use super::undo::Undo;
use crate::cloud::CloudError;
use crate::image::ImageError;

/// Why a deployment failed.
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    /// The cloud refused or did not answer.
    #[error(transparent)]
    Cloud(#[from] CloudError),
    /// The image could not be made or pushed.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The definition does not fit the context.
    #[error("{0}")]
    Unfit(String),
    /// The definition itself must be changed.
    #[error("{0}")]
    Definition(String),
    /// The function is not usable after its creation or change.
    #[error("{0}")]
    NotActive(String),
    /// Somebody else changed the same thing meanwhile, and won.
    #[error("{0}")]
    Rival(String),
    /// A person ended it.
    #[error("interrupted")]
    Cancelled,
    /// A step failed after others were done.
    #[error("{step}: {error}{}", so_far(done))]
    Step {
        /// What was being done.
        step: String,
        /// Why it failed.
        error: Box<Self>,
        /// What was done before, and exists.
        done: Vec<String>,
        /// How to take back what was created.
        undo: Vec<Undo>,
    },
}

fn so_far(done: &[String]) -> String {
    if done.is_empty() {
        return "\nNothing was changed.".into();
    }
    format!("\nDone so far: {}. Deploy again to go on from there.", done.join(", "))
}

impl DeployError {
    /// The cloud's error in it, if it is one.
    #[must_use]
    pub fn cloud(&self) -> Option<&CloudError> {
        match self {
            Self::Cloud(error) => Some(error),
            Self::Step { error, .. } => error.cloud(),
            Self::Image(_)
            | Self::Unfit(_)
            | Self::Definition(_)
            | Self::NotActive(_)
            | Self::Rival(_)
            | Self::Cancelled => None,
        }
    }

    /// Whether a person cancelled it.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        match self {
            Self::Cancelled => true,
            Self::Image(error) => matches!(error, ImageError::Cancelled),
            Self::Step { error, .. } => error.is_cancelled(),
            Self::Cloud(_) | Self::Unfit(_) | Self::Definition(_) | Self::NotActive(_) | Self::Rival(_) => {
                false
            }
        }
    }
}
