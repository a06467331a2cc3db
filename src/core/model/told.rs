//! How a task ended or stands, in little memory: a run may have a million tasks, and nearly all of them ended with one record,
//! whose name says everything.

use super::{FailureClass, Millis, TaskName, TaskState, Waiting};
use std::borrow::Cow;
use std::sync::Arc;
use throng_contract::AttemptId;
use throng_contract::keys::{RecordName, block_of, block_prefix, is_day};
use throng_contract::{TaskId, TaskRef, versions};

/// What is known of a task's end, or of what it does now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Told(Form);

#[derive(Clone, Debug, Default, PartialEq)]
enum Form {
    #[default]
    Nothing,
    /// It ended with a record of today's layout.
    Packed(Packed),
    /// Anything else.
    Other(Box<Facts>),
}

/// What a [`Told`] says, item by item.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// Of the deciding attempt: begin to end, in milliseconds.
    pub duration_ms: Option<u64>,
    /// Of the deciding attempt: peak memory in bytes.
    pub peak_memory: Option<u64>,
    /// Of the deciding attempt: when it ended.
    pub ended_ms: Option<Millis>,
    /// Of the deciding attempt, or of one that has begun: its request id.
    pub request_id: Option<Arc<str>>,
    /// Key of the deciding record in the home bucket.
    pub record_key: Option<Arc<str>>,
    /// It failed, and Lambda will try it again: until then it counts as pending.
    pub waiting: Option<Waiting>,
}

/// Which of a name's digests are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Digests {
    Neither,
    Event,
    Failure,
    Both,
}

/// The name of a record, without its task, state and class, which are those of the row.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Packed {
    /// The request id, a UUID.
    request: [u8; 16],
    duration_ms: u32,
    peak_kib: u32,
    event: u32,
    failure: u32,
    /// When it began, in milliseconds since 1970: the lowest 48 bits.
    started: [u8; 6],
    /// The stage in its key.
    depth: u8,
    digests: Digests,
}

impl From<Facts> for Told {
    fn from(facts: Facts) -> Self {
        if facts == Facts::default() {
            return Self::default();
        }
        Self(Form::Other(Box::new(facts)))
    }
}

impl Told {
    /// Of a record in the ledger of a run; `None` when its key is not just what a runtime of today would write.
    #[must_use]
    pub fn of_record(run: &str, key: &str) -> Option<Self> {
        let name = RecordName::parse(key)?;
        let depth = key.split('/').nth(3)?.parse().ok()?;
        let packed = Packed::of(&name, depth)?;
        let same = packed.key(run, name.task.as_ref()?, name.state, name.class) == key;
        same.then_some(Self(Form::Packed(packed)))
    }

    /// Item by item, where it is not told by a record's name alone.
    const fn facts(&self) -> Option<&Facts> {
        match &self.0 {
            Form::Other(facts) => Some(facts),
            Form::Nothing | Form::Packed(_) => None,
        }
    }

    const fn packed(&self) -> Option<&Packed> {
        match &self.0 {
            Form::Packed(packed) => Some(packed),
            Form::Nothing | Form::Other(_) => None,
        }
    }

    /// Of the deciding attempt: begin to end, in milliseconds.
    #[must_use]
    pub fn duration_ms(&self) -> Option<u64> {
        self.packed().map(|packed| packed.duration_ms.into()).or_else(|| self.facts()?.duration_ms)
    }

    /// Of the deciding attempt: peak memory in bytes.
    #[must_use]
    pub fn peak_memory(&self) -> Option<u64> {
        let packed = self.packed().map(|packed| u64::from(packed.peak_kib) * 1024);
        packed.filter(|peak| *peak > 0).or_else(|| self.facts()?.peak_memory)
    }

    /// Of the deciding attempt: when it ended.
    #[must_use]
    pub fn ended_ms(&self) -> Option<Millis> {
        let packed = self.packed().map(|packed| packed.started_ms() + u64::from(packed.duration_ms));
        packed.or_else(|| self.facts()?.ended_ms)
    }

    /// Of the deciding attempt, or of one that has begun: its request id.
    #[must_use]
    pub fn request_id(&self) -> Option<Cow<'_, str>> {
        match &self.0 {
            Form::Nothing => None,
            Form::Packed(packed) => Some(packed.request_id().into()),
            Form::Other(facts) => facts.request_id.as_deref().map(Cow::Borrowed),
        }
    }

    /// Whether a record in the home bucket decides.
    #[must_use]
    pub fn has_record(&self) -> bool {
        self.packed().is_some() || self.facts().is_some_and(|facts| facts.record_key.is_some())
    }

    /// Whether the deciding record is that of a success that stored nothing.
    #[must_use]
    pub fn stored_nothing(&self) -> bool {
        match &self.0 {
            Form::Nothing => false,
            Form::Packed(packed) => {
                matches!(packed.digests, Digests::Failure | Digests::Both) && packed.failure == 0
            }
            Form::Other(facts) => {
                let name = facts.record_key.as_deref().and_then(RecordName::parse);
                name.is_some_and(|name| name.stored_nothing())
            }
        }
    }

    /// The attempt that is due, when the last one failed.
    #[must_use]
    pub fn waiting(&self) -> Option<Waiting> {
        self.facts()?.waiting
    }

    /// Key of the deciding record of a task of a run, whose state and class are these.
    #[must_use]
    pub fn record_key(
        &self,
        run: &str,
        task: &TaskName,
        state: TaskState,
        class: Option<FailureClass>,
    ) -> Option<Arc<str>> {
        match &self.0 {
            Form::Nothing => None,
            Form::Packed(packed) => Some(packed.key(run, &task.id()?, state, class).into()),
            Form::Other(facts) => facts.record_key.clone(),
        }
    }

    /// Whether a record with this name and key decides a task that is in this state.
    #[must_use]
    pub fn is_of(&self, name: &RecordName, key: &str, state: TaskState) -> bool {
        match &self.0 {
            Form::Nothing => false,
            Form::Packed(packed) => {
                name.state == state && Packed::of(name, packed.depth).as_ref() == Some(packed)
            }
            Form::Other(facts) => facts.record_key.as_deref() == Some(key),
        }
    }
}

impl Packed {
    /// Of a name, when it fits.
    fn of(name: &RecordName, depth: u8) -> Option<Self> {
        let digest = |digest: &Option<String>| digest.as_ref().map(|text| u32::from_str_radix(text, 16));
        let (event, failure) =
            (digest(&name.event).transpose().ok()?, digest(&name.failure).transpose().ok()?);
        let [0, 0, started @ ..] = name.attempt.started_ms.to_be_bytes() else { return None };
        Some(Self {
            request: request(&name.attempt.request_id)?,
            duration_ms: name.duration_ms.try_into().ok()?,
            peak_kib: name.peak_kib.try_into().ok()?,
            event: event.unwrap_or(0),
            failure: failure.unwrap_or(0),
            started,
            depth,
            digests: match (event, failure) {
                (None, None) => Digests::Neither,
                (Some(_), None) => Digests::Event,
                (None, Some(_)) => Digests::Failure,
                (Some(_), Some(_)) => Digests::Both,
            },
        })
    }

    fn started_ms(&self) -> Millis {
        self.started.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
    }

    fn request_id(&self) -> String {
        let digits = hex::encode(self.request);
        format!(
            "{}-{}-{}-{}-{}",
            &digits[..8],
            &digits[8..12],
            &digits[12..16],
            &digits[16..20],
            &digits[20..]
        )
    }

    /// The key of the record, as a runtime writes it.
    fn key(&self, run: &str, task: &TaskId, state: TaskState, class: Option<FailureClass>) -> String {
        let digest = |there: bool, digest: u32| there.then(|| format!("{digest:08x}"));
        let name = RecordName {
            task: Some(task.clone()),
            attempt: AttemptId { request_id: self.request_id(), started_ms: self.started_ms() },
            state,
            class,
            duration_ms: self.duration_ms.into(),
            peak_kib: self.peak_kib.into(),
            event: digest(matches!(self.digests, Digests::Event | Digests::Both), self.event),
            failure: digest(matches!(self.digests, Digests::Failure | Digests::Both), self.failure),
        };
        let of = TaskRef {
            version: versions::LEDGER,
            run: run.to_owned(),
            stage: self.depth.into(),
            task: task.clone(),
        };
        let prefix = block_prefix(run, of.stage, block_of(&of));
        if is_day(run) {
            format!("{prefix}{:013}_{name}", name.ended_ms())
        } else {
            format!("{prefix}{name}")
        }
    }
}

/// The bytes of a UUID as Lambda writes them.
fn request(id: &str) -> Option<[u8; 16]> {
    let mut bytes = [0; 16];
    let digits: String = id.split('-').collect();
    let is_small = id.len() == 36 && !id.bytes().any(|byte| byte.is_ascii_uppercase());
    hex::decode_to_slice(&digits, &mut bytes).ok().filter(|()| is_small)?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;
    use throng_contract::AttemptRecord;
    use throng_contract::keys::{day_id, record_key};

    #[test]
    fn a_decided_task_takes_little() {
        assert!(size_of::<Told>() <= 40, "{}", size_of::<Told>());
        assert!(size_of::<crate::model::TaskRow>() <= 104, "{}", size_of::<crate::model::TaskRow>());
    }

    #[test]
    fn what_no_runtime_of_today_writes_is_kept_as_it_is() {
        let run = "20261123-214500123-k3x9";
        let prefix = block_prefix(run, 0, 0);
        let id = "5ca4a8d2-0000-4000-8000-1234567890ab";
        let good = format!("{prefix}7_{id}.abc_succeeded_-_12_900_0123abcd_-.json");
        assert!(Told::of_record(run, &good).is_some());
        for other in [
            format!("{prefix}7_req.abc_succeeded_-_12_900_-_-.json"),
            format!("{prefix}7_{id}.abc_succeeded_-_012_900_-_-.json"),
            format!("{prefix}7_{id}.abc_succeeded_-_12_900_-_-"),
            format!("{prefix}7_{id}.abc_paused_sleepy_12_900_-_-.json"),
            format!("{prefix}7_{id}.abc_succeeded_-_99999999999_900_-_-.json"),
            format!("{prefix}7_{}.abc_succeeded_-_12_900_-_-.json", id.to_uppercase()),
            good.replace("/0/0/", "/0/1/"),
            good.replace(run, "another"),
            format!("runs/{run}/records/1732396500123_00000007_{id}_succeeded_-_12_900.json"),
        ] {
            assert_eq!(Told::of_record(run, &other), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn a_packed_record_says_what_its_name_says(
            (task, started_ms, took, peak, id) in (0..2_000_000_u64, 1..1_u64 << 47, 0..1_u64 << 31, 0..1_u64 << 31, any::<u128>()),
            (child, ok, by_event, standing) in any::<(bool, bool, bool, bool)>(),
        ) {
            let id = hex::encode(id.to_be_bytes());
            let id = format!("{}-{}-{}-{}-{}", &id[..8], &id[8..12], &id[12..16], &id[16..20], &id[20..]);
            let run = if standing { day_id("f", "20261123") } else { "20261123-214500123-k3x9".to_owned() };
            let task = if child { TaskId::number(task).child(3).unwrap() } else { TaskId::number(task) };
            let record = AttemptRecord {
                task: Some(TaskRef { stage: u32::from(child), task: task.clone(), ..TaskRef::launched(&run, 0) }),
                state: if ok { TaskState::Succeeded } else { TaskState::Failed },
                class: (!ok).then_some(FailureClass::Script),
                error: (!ok).then(|| "it broke".into()),
                ended_ms: started_ms + took,
                peak_memory: peak * 1024,
                event: by_event.then(|| throng_contract::EventRef { id: "e".into(), retries: None }),
                ..AttemptRecord::begun("f", &id, started_ms)
            };
            let key = record_key(&record);
            let told = Told::of_record(&run, &key).unwrap();
            let found = told.record_key(&run, &TaskName::from(&task), record.state, record.class);
            prop_assert_eq!(found.as_deref(), Some(key.as_str()));
            prop_assert!(told.is_of(&RecordName::parse(&key).unwrap(), &key, record.state) && told.has_record());
            prop_assert_eq!(told.duration_ms(), Some(took));
            prop_assert_eq!(told.ended_ms(), Some(started_ms + took));
            prop_assert_eq!(told.peak_memory(), (peak > 0).then_some(peak * 1024));
            let request = told.request_id();
            prop_assert_eq!(request.as_deref(), Some(id.as_str()));
        }
    }
}
