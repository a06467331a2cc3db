//! After its record, a task of a run with joins looks whether everything that a join waits for is final, and starts it then.
//! What cannot be said here is left to whoever follows the run.

use crate::s3::{S3, S3Error, S3ErrorKind};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use throng_contract::barrier::{
    Answer, Ask, BarrierPlan, Climb, Finished, GROUPS_PART, Group, NamedGroup, barrier_key, groups_key,
};
use throng_contract::{AttemptRecord, keys};

/// Objects that never change are kept for so many runs or tasks.
const KEPT: usize = 64;
/// Requests of one way at most: a way has as many as there are stages, and a page for each thousand names.
const LONGEST: usize = 10_000;
const JSON: &str = "application/json";

/// The barrier as one environment knows it.
pub struct Barrier<'a> {
    s3: &'a S3,
    home: Option<&'a str>,
    function: &'a str,
    plans: Mutex<HashMap<String, Arc<BarrierPlan>>>,
    /// What tasks have started, by the key that says so.
    children: Mutex<HashMap<String, Vec<u8>>>,
}

impl<'a> Barrier<'a> {
    /// For a function. Nothing is asked yet.
    pub fn new(s3: &'a S3, home: Option<&'a str>, function: &'a str) -> Self {
        Self { s3, home, function, plans: Mutex::default(), children: Mutex::default() }
    }

    /// A task's record is there. The error is a sentence.
    pub fn finished(&self, record: &AttemptRecord, until: Instant) -> Result<(), String> {
        let (Some(home), Some(task)) = (self.home, &record.task) else { return Ok(()) };
        if record.group.is_none() || task.version < 2 || keys::is_day(&task.run) {
            return Ok(());
        }
        let said = |error: S3Error| {
            format!(
                "not known whether joins of the run may begin: {error}; whoever follows the run starts them"
            )
        };
        let Some(plan) = self.plan(&task.run, until).map_err(said)? else { return Ok(()) };
        let Some(stage) = plan.stage_of(self.function) else { return Ok(()) };
        let finished = Finished {
            run: &task.run,
            stage,
            task: &task.task,
            group: record.group.as_deref().and_then(|group| group.parse().ok()),
            state: record.state,
            outputs: &record.outputs,
        };
        for mut climb in Climb::all(&plan, finished) {
            for _ in 0..LONGEST {
                let Some(ask) = climb.next() else { break };
                climb.answer(self.ask(home, ask, until).map_err(said)?);
            }
        }
        Ok(())
    }

    /// What joins of a run wait for; `None` when it has none.
    pub fn plan(&self, run: &str, until: Instant) -> Result<Option<Arc<BarrierPlan>>, S3Error> {
        let Some(home) = self.home else { return Ok(None) };
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(plan) = plans.get(run) {
            return Ok(Some(plan.clone()));
        }
        let body = match self.s3.get_bytes(home, &barrier_key(run), until) {
            Err(error) if error.kind == S3ErrorKind::Missing => return Ok(None),
            body => body?,
        };
        let plan: BarrierPlan = serde_json::from_slice(&body)
            .map_err(|error| S3Error::permanent(format!("{} cannot be read: {error}", barrier_key(run))))?;
        if plan.version > BarrierPlan::VERSION {
            return Err(S3Error::permanent(
                "the run was launched by a newer throng: deploy the function again",
            ));
        }
        if plans.len() >= KEPT {
            plans.clear();
        }
        let plan = Arc::new(plan);
        plans.insert(run.to_owned(), plan.clone());
        Ok(Some(plan))
    }

    /// A group of a run's tasks, with its name.
    pub fn group(&self, run: &str, number: u64, until: Instant) -> Result<(Group, String), S3Error> {
        let key = groups_key(run, number / GROUPS_PART);
        let body = self.s3.get_bytes(self.home.unwrap_or_default(), &key, until)?;
        let part: Vec<NamedGroup> = serde_json::from_slice(&body)
            .map_err(|error| S3Error::permanent(format!("{key} cannot be read: {error}")))?;
        let at = usize::try_from(number % GROUPS_PART).unwrap_or(usize::MAX);
        let named = part.into_iter().nth(at);
        let NamedGroup { first, count, name } =
            named.ok_or_else(|| S3Error::permanent(format!("{key} does not know group {number}")))?;
        Ok((Group { number, first, count }, name))
    }

    fn ask(&self, home: &str, ask: Ask, until: Instant) -> Result<Answer, S3Error> {
        match ask {
            Ask::List { prefix, after } => {
                let page = self.s3.list(home, &prefix, after.as_deref(), until)?;
                Ok(Answer::Page { keys: page.keys, more: page.more })
            }
            Ask::Get { key } => self.children_at(home, key, until).map(Answer::Body),
            Ask::Put { key, body } => {
                self.s3.put_new(home, &key, JSON, body.as_bytes(), until).map(|_| Answer::Stored)
            }
        }
    }

    fn children_at(&self, home: &str, key: String, until: Instant) -> Result<Option<Vec<u8>>, S3Error> {
        let mut known = self.children.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(body) = known.get(&key) {
            return Ok(Some(body.clone()));
        }
        let body = match self.s3.get_bytes(home, &key, until) {
            Err(error) if error.kind == S3ErrorKind::Missing => return Ok(None),
            body => body?,
        };
        if known.len() >= KEPT {
            known.clear();
        }
        known.insert(key, body.clone());
        Ok(Some(body))
    }
}
