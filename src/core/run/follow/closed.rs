//! A standing run whose day is over, as one object: who reads it first after its end writes that, for those who come later.
//! They need no listing of its shards, and nothing that is deployed today: its stages are as they were.

use super::summary::GivenUp;
use super::{Follower, Reader};
use crate::dataset::objects::{Put, read};
use crate::model::{OutputObject, TaskName};
use crate::run::chain::Chain;
use crate::run::header::RunEnd;
use crate::run::{LaterStage, RunContext, RunError};
use serde::{Deserialize, Serialize};
use throng_contract::keys::{RecordName, day_of, day_summary_key};
use throng_contract::versions;

/// `days/<function>/<yyyymmdd>.summary.json`
#[derive(Debug, Default, Serialize, Deserialize)]
pub(in crate::run) struct Closed {
    /// Version of the ledger's layout.
    version: u32,
    /// The function's image when it was closed.
    #[serde(default)]
    pub image: String,
    /// How often Lambda tries a failed task again.
    #[serde(default)]
    pub retries: u32,
    /// Whether its tasks may store over what others have stored.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub overwrites: bool,
    /// The stages behind the function.
    #[serde(default)]
    pub stages: Vec<LaterStage>,
    /// How it ended.
    end: RunEnd,
    /// What happened at each depth.
    depths: Vec<Depth>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Depth {
    /// Keys of records.
    keys: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    given_up: Vec<GivenUp>,
    /// What the succeeded tasks have stored, as far as it was read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    outputs: Vec<(TaskName, Vec<OutputObject>)>,
    /// Bucket, key and size of the inputs that nobody has declared, as far as they were read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    inputs: Vec<(TaskName, String, String, u64)>,
}

/// Reads it; `None` when it is not there, or cannot be read.
pub(in crate::run) async fn closed(
    context: &RunContext,
    function: &str,
    day: &str,
) -> Result<Option<Closed>, RunError> {
    let body = read(context.store.as_ref(), &context.home, &day_summary_key(function, day)).await?;
    let closed = body.and_then(|body| serde_json::from_slice::<Closed>(&body).ok());
    Ok(closed.filter(|closed| closed.version <= versions::LEDGER))
}

impl Follower {
    /// Reads a standing run from what was written when it was closed. Returns whether it was: then nothing else is read.
    pub(super) async fn read_closed(&mut self) -> Result<bool, RunError> {
        let Reader::Days(reader) = &self.reader else { return Ok(false) };
        let header = self.chain.header();
        let Some(day) = day_of(&header.id).filter(|_| self.chain.is_over() && !reader.has_read_all()) else {
            return Ok(false);
        };
        let Some(closed) = closed(&self.context, &header.function, day).await? else { return Ok(false) };
        for depth in closed.depths {
            for key in &depth.keys {
                self.chain.see(key, None);
            }
            for (task, bucket, key, size) in depth.inputs {
                self.chain.tell_input(&task, &bucket, &key, size);
            }
            depth.given_up.into_iter().for_each(|event| event.tell(&mut self.chain));
            for (task, outputs) in depth.outputs {
                self.outputs.told(&mut self.chain, &task, outputs);
            }
        }
        (self.end, self.has_end) = (Some(closed.end), true);
        if let Reader::Days(reader) = &mut self.reader {
            reader.was_told();
        }
        Ok(true)
    }

    /// Writes how a standing run stands whose day is over and of which everything is final. A convenience: when it cannot be
    /// written, the shards are read.
    pub(super) async fn write_closed(&self) {
        let Reader::Days(reader) = &self.reader else { return };
        let header = self.chain.header();
        let (Some(day), Some(end)) = (day_of(&header.id), &self.end) else { return };
        if reader.is_told() {
            return;
        }
        let closed = Closed {
            version: versions::LEDGER,
            image: header.image.clone(),
            retries: header.retries.unwrap_or(0),
            overwrites: header.overwrites,
            stages: header.stages.clone(),
            end: end.clone(),
            depths: (0..self.chain.deepest()).map(|depth| self.depth(depth)).collect(),
        };
        let put = Put {
            bucket: self.context.home.clone(),
            key: day_summary_key(&header.function, day),
            body: serde_json::to_vec(&closed).unwrap_or_default().into(),
            only_new: true,
            ..Put::default()
        };
        if let Err(error) = self.context.store.put(put).await {
            tracing::debug!(%error, "a day was not summarised");
        }
    }

    fn depth(&self, depth: u32) -> Depth {
        let mut all = Depth::default();
        let chain: &Chain = &self.chain;
        for (at, stage) in chain.stages().enumerate() {
            for (index, row) in (0..).zip(stage.rows()) {
                if row.task.id().is_none_or(|id| chain.depth_of(&id) != depth) {
                    continue;
                }
                let keys = stage.attempt_keys(index).into_iter();
                all.keys
                    .extend(keys.filter(|key| RecordName::parse(key).is_some()).map(|key| key.to_string()));
                all.given_up.extend(GivenUp::of(stage, index));
                if let Some(outputs) = self.outputs.of(at, index) {
                    all.outputs.push((row.task.clone(), outputs.to_vec()));
                }
                if at == 0 && !row.key.is_empty() {
                    let (bucket, key) = (row.bucket.to_string(), row.key.to_string());
                    all.inputs.push((row.task.clone(), bucket, key, row.size));
                }
            }
        }
        all
    }
}
