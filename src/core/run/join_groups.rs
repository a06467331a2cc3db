//! Groups of launched tasks, for joins that start once for each (`by`): slices of the manifest, which is sorted by them.

use super::{RunContext, RunError, RunHeader};
use crate::dataset::objects::{Put, read};
use crate::dataset::pace::Pace;
use crate::model::JoinGroups;
use serde::{Deserialize, Serialize};
use throng_contract::barrier::{GROUPS_PART, NamedGroup, groups_key};

/// What run.json says of a run's groups.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinGroupsHeader {
    /// The template that names a task's group.
    pub by: String,
    /// How many there are.
    pub count: u64,
}

impl JoinGroups {
    /// Stores them where tasks and followers find them.
    pub(super) async fn store(&self, context: &RunContext, run: &str) -> Result<(), RunError> {
        let part = usize::try_from(GROUPS_PART).unwrap_or(usize::MAX);
        for (number, groups) in (0..).zip(self.list.chunks(part)) {
            let body = serde_json::to_vec(groups).map_err(|error| RunError::Io(error.to_string()))?;
            let key = groups_key(run, number);
            let put = Put { bucket: context.home.clone(), key, body: body.into(), ..Put::default() };
            Pace::new(1).insist(|| context.store.put(put.clone())).await?;
        }
        Ok(())
    }

    /// Those of a run; none when its joins have none.
    ///
    /// # Errors
    /// They cannot be read.
    pub async fn read(context: &RunContext, header: &RunHeader) -> Result<Self, RunError> {
        let mut groups = Self::default();
        let Some(said) = &header.join_groups else { return Ok(groups) };
        let damaged =
            || RunError::Damaged { run: header.id.clone(), what: "its groups cannot be read".to_owned() };
        // Anybody may write into a bucket: a group has a task at least.
        if said.count > header.tasks {
            return Err(damaged());
        }
        for part in 0..said.count.div_ceil(GROUPS_PART) {
            let body = read(context.store.as_ref(), &context.home, &groups_key(&header.id, part)).await?;
            let list: Option<Vec<NamedGroup>> = body.and_then(|body| serde_json::from_slice(&body).ok());
            groups.list.extend(list.ok_or_else(damaged)?);
        }
        let mut next = 0;
        let follow = groups.list.iter().all(|group| {
            let fits = group.first == next && group.count > 0;
            next = group.first.saturating_add(group.count);
            fits
        });
        let whole = follow && next == header.tasks && groups.list.len() as u64 == said.count;
        whole.then_some(groups).ok_or_else(damaged)
    }
}
