//! Deployment: plan, show, apply. Applying what is deployed already changes nothing.
//!
//! ```text
//! plan      reads what there is, says what would be done, and the cost of a thousand invocations
//! desired   what a definition asks of the cloud
//! diff      two settings of a function -> words
//! apply     does it, in order; says what exists when it fails
//! make      makes what a function lives among, and what starts it
//! settling  what is refused for a while, and tried again
//! undo      takes back what was made
//! variant   a function with other limits, for one run
//! wait      until a function is active
//! reasons   why it cannot be used, and what to do
//! conflict  somebody else who changes the same function meanwhile
//! request   what a definition asks of an image
//! remove    takes a function away with what was made for it; buckets and objects stay
//! encryption  keys of AWS KMS that its buckets are encrypted with
//! joins     what a join may read: what the functions before it have stored
//! rights    whether its role may read objects elsewhere
//! role      the role it runs as: named, or made for it
//! secrets   the keys of its storage providers
//! step      a step of a plan, and what applying it does
//! keys      the object that holds the keys of storage providers
//! tags      by which throng knows what it made
//! target    which registry an image goes to
//! upgrade   a function of an older throng gets today's runtime, and nothing else
//! network   VPC and file systems: what a person should know of them
//! error     why a deployment failed
//! ```

mod apply;
mod conflict;
mod desired;
mod diff;
mod encryption;
mod error;
mod joins;
mod keys;
mod make;
mod network;
mod plan;
mod reasons;
mod remove;
mod request;
mod rights;
mod role;
mod secrets;
mod settling;
mod step;
mod tags;
mod target;
mod undo;
mod upgrade;
mod variant;
mod wait;

pub use apply::{Applied, DeployProgress, apply};
pub use error::DeployError;
pub use plan::{Plan, plan};
pub use remove::{BucketsOf, RemoveOptions, Removed, buckets_of, empty_bucket, remove};
pub use request::compose_request;
pub use rights::{Unreadable, unreadable};
pub use step::{Action, Step};
pub use tags::{
    Packs, contract_of, fingerprint_of, grouping_of, is_ours, join_of, keeps_apart, keeps_runs_apart,
    outputs_of, overwrites, packs_of, selections_of, sweep_of, triggers_apply_from_ms,
};
pub use target::{Ecr, ImageDestination, images, place_of, remove_image};
pub use undo::{Undo, undo};
pub use upgrade::upgrade;
pub(crate) use variant::make as make_variant;

use crate::image::{Cache, ProgramOf};
use crate::model::Place;
use std::collections::BTreeMap;

/// What a deployment needs beside the cloud.
#[derive(Clone, Debug)]
pub struct DeployOptions {
    /// Where layers are kept.
    pub cache: Cache,
    /// The runtime to put into images.
    pub runtime: ProgramOf,
    /// Where functions that are deployed together store their outputs, by name: joins among them read there.
    pub together: BTreeMap<String, Vec<Place>>,
}

impl DeployOptions {
    /// With the person's cache.
    #[must_use]
    pub fn new(dirs: &crate::dirs::Dirs, runtime: ProgramOf) -> Self {
        Self { cache: Cache::of(dirs), runtime, together: BTreeMap::new() }
    }
}
