//! Who may run now, and in which environment: concurrency limits, warm reuse, memory.

use super::clock::now_ms;
use super::environment::{Job, Message};
use super::model::Function;
use crate::registry::LocalImage;
use serde::Serialize;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, mpsc};

/// What environments of a function are made from: the function as it was when it became active.
#[derive(Debug)]
pub(super) struct Live {
    pub function: Arc<Function>,
    pub image: LocalImage,
    pub rootfs: PathBuf,
    /// Host and port of the storage that the definition names.
    pub endpoints: Vec<(String, u16)>,
}

impl Live {
    /// What an environment may take of this machine's memory, in MiB: files in its /tmp are there, too.
    fn memory_mb(&self) -> u64 {
        let settings = &self.function.settings;
        u64::from(settings.memory_mb) + u64::from(settings.tmp_mb)
    }
}

/// Why an invocation cannot begin now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The function is not active (yet, or any more).
    NotActive,
    /// Its reserved concurrency is used up.
    Reserved,
    /// The account's concurrency is used up.
    Account,
    /// This machine has no room for another environment.
    Machine,
}

/// An invocation that runs, for the status.
#[derive(Clone, Debug, Serialize)]
pub struct RunningInvocation {
    /// The function's name.
    pub function: String,
    /// The invocation's request id.
    pub request_id: String,
    /// When it was given to an environment, in milliseconds since 1970.
    pub started_ms: i64,
    /// Whether it came from the queue.
    pub asynchronous: bool,
}

/// Environments of one function, for the status.
#[derive(Clone, Debug, Serialize)]
pub struct EnvironmentCount {
    /// The function's name.
    pub function: String,
    /// Environments that have nothing to do.
    pub idle: usize,
    /// All of them.
    pub total: usize,
}

/// Limits of the account and of the machine.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub account: u32,
    pub asynchronous: u32,
    pub memory_mb: u64,
}

/// The scheduler.
pub(super) struct Scheduler {
    state: Mutex<State>,
    limits: Limits,
    /// Told whenever something became free.
    pub freed: Notify,
}

#[derive(Default)]
struct State {
    pools: HashMap<String, Pool>,
    running: HashMap<u64, RunningInvocation>,
    unreserved: u32,
    asynchronous: u32,
    memory_mb: u64,
    next_id: u64,
    closed: bool,
}

struct Pool {
    /// Tells pools of the same name apart.
    id: u64,
    live: Option<Arc<Live>>,
    /// Counts changes of `live`; environments of older ones are not reused.
    generation: u64,
    reserved: Option<u32>,
    in_flight: u32,
    /// Most recently used last.
    idle: Vec<u64>,
    environments: HashMap<u64, Member>,
}

struct Member {
    inbox: mpsc::UnboundedSender<Message>,
    generation: u64,
    memory_mb: u64,
    idle_since_ms: i64,
}

/// Where a job goes.
pub(super) enum Slot {
    Warm(mpsc::UnboundedSender<Message>),
    /// A new environment is to be started; its number and memory are taken already.
    Cold {
        id: u64,
        live: Arc<Live>,
        inbox: mpsc::UnboundedReceiver<Message>,
        sender: mpsc::UnboundedSender<Message>,
    },
}

/// The right to run one invocation. Given back when dropped.
pub(super) struct Lease {
    scheduler: Arc<Scheduler>,
    id: u64,
    function: String,
    pool: u64,
    reserved: bool,
    asynchronous: bool,
}

impl Scheduler {
    pub fn new(limits: Limits) -> Self {
        Self { state: Mutex::default(), limits, freed: Notify::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a function known, or notes what became of it. Environments of an older state of it end when they
    /// have nothing to do.
    pub fn set_live(&self, name: &str, live: Option<Arc<Live>>, reserved: Option<u32>) {
        let mut state = self.state();
        let pool = state.pool(name);
        pool.live = live;
        pool.reserved = reserved;
        pool.generation += 1;
        for id in std::mem::take(&mut pool.idle) {
            if let Some(member) = pool.environments.get(&id) {
                let _ = member.inbox.send(Message::End);
            }
        }
        drop(state);
        self.freed.notify_waiters();
        self.freed.notify_one();
    }

    /// Whether invocations of the function can begin at all.
    pub fn live(&self, name: &str) -> Option<Arc<Live>> {
        self.state().pools.get(name)?.live.clone()
    }

    pub fn set_reserved(&self, name: &str, reserved: Option<u32>) {
        self.state().pool(name).reserved = reserved;
        self.freed.notify_one();
    }

    /// Forgets a function and ends all its environments at once.
    pub fn remove(&self, name: &str) {
        let mut state = self.state();
        if let Some(pool) = state.pools.remove(name) {
            let memory_mb: u64 = pool.environments.values().map(|member| member.memory_mb).sum();
            state.memory_mb = state.memory_mb.saturating_sub(memory_mb);
            for member in pool.environments.values() {
                let _ = member.inbox.send(Message::Kill);
            }
        }
        drop(state);
        self.freed.notify_one();
    }

    /// Begins nothing any more and ends all environments at once.
    pub fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        for member in state.pools.values().flat_map(|pool| pool.environments.values()) {
            let _ = member.inbox.send(Message::Kill);
        }
    }

    /// Whether the cloud is ending.
    pub fn is_closed(&self) -> bool {
        self.state().closed
    }

    pub fn has_environments(&self) -> bool {
        self.state().pools.values().any(|pool| !pool.environments.is_empty())
    }

    /// Takes the right to run one invocation of `name`.
    pub fn begin(
        self: &Arc<Self>,
        name: &str,
        request_id: &str,
        asynchronous: bool,
    ) -> Result<Lease, Refusal> {
        let mut guard = self.state();
        let state = &mut *guard;
        if state.closed {
            return Err(Refusal::NotActive);
        }
        if asynchronous && state.asynchronous >= self.limits.asynchronous {
            return Err(Refusal::Machine);
        }
        let reserved_sum: u32 = state.pools.values().filter_map(|pool| pool.reserved).sum();
        let pool = state.pools.get_mut(name).filter(|pool| pool.live.is_some()).ok_or(Refusal::NotActive)?;
        match pool.reserved {
            Some(limit) if pool.in_flight >= limit => return Err(Refusal::Reserved),
            None if state.unreserved >= self.limits.account.saturating_sub(reserved_sum) => {
                return Err(Refusal::Account);
            }
            _ => {}
        }
        let needed = pool.live.as_ref().map_or(0, |live| live.memory_mb());
        let (pool_id, reserved, cold) = (pool.id, pool.reserved.is_some(), pool.idle.is_empty());
        if cold && !state.make_room(name, needed, self.limits.memory_mb) {
            return Err(Refusal::Machine);
        }
        if let Some(pool) = state.pools.get_mut(name) {
            pool.in_flight += 1;
        }
        state.unreserved += u32::from(!reserved);
        state.asynchronous += u32::from(asynchronous);
        state.next_id += 1;
        let id = state.next_id;
        state.running.insert(
            id,
            RunningInvocation {
                function: name.to_owned(),
                request_id: request_id.to_owned(),
                started_ms: now_ms(),
                asynchronous,
            },
        );
        drop(guard);
        Ok(Lease {
            scheduler: self.clone(),
            id,
            function: name.to_owned(),
            pool: pool_id,
            reserved,
            asynchronous,
        })
    }

    /// The environment for a job: the one used last, or a new one. `None` when the function is gone.
    pub fn place(&self, name: &str) -> Option<Slot> {
        let mut guard = self.state();
        let state = &mut *guard;
        state.next_id += 1;
        let id = state.next_id;
        let pool = state.pools.get_mut(name)?;
        while let Some(idle) = pool.idle.pop() {
            if let Some(member) = pool.environments.get(&idle) {
                return Some(Slot::Warm(member.inbox.clone()));
            }
        }
        let live = pool.live.clone()?;
        let (sender, inbox) = mpsc::unbounded_channel();
        let memory_mb = live.memory_mb();
        let member =
            Member { inbox: sender.clone(), generation: pool.generation, memory_mb, idle_since_ms: now_ms() };
        pool.environments.insert(id, member);
        state.memory_mb += memory_mb;
        Some(Slot::Cold { id, live, inbox, sender })
    }

    /// An environment has nothing to do. `false`: it is to end.
    pub fn rest(&self, name: &str, id: u64) -> bool {
        let mut state = self.state();
        let Some(pool) = state.pools.get_mut(name) else { return false };
        let generation = pool.generation;
        let Some(member) = pool.environments.get_mut(&id) else { return false };
        if member.generation != generation || pool.live.is_none() {
            return false;
        }
        member.idle_since_ms = now_ms();
        pool.idle.push(id);
        true
    }

    /// Takes an idle environment out of service. `false`: a job is on its way to it.
    pub fn withdraw(&self, name: &str, id: u64) -> bool {
        let mut state = self.state();
        let Some(pool) = state.pools.get_mut(name) else { return true };
        match pool.idle.iter().position(|idle| *idle == id) {
            Some(at) => {
                pool.idle.remove(at);
                true
            }
            None => false,
        }
    }

    /// An environment is gone.
    pub fn gone(&self, name: &str, id: u64) {
        let mut state = self.state();
        if let Some(pool) = state.pools.get_mut(name) {
            pool.idle.retain(|idle| *idle != id);
            let memory_mb = pool.environments.remove(&id).map_or(0, |member| member.memory_mb);
            state.memory_mb = state.memory_mb.saturating_sub(memory_mb);
        }
        drop(state);
        self.freed.notify_one();
    }

    pub fn is_running(&self) -> bool {
        !self.state().running.is_empty()
    }

    pub fn running(&self) -> Vec<RunningInvocation> {
        let mut running: Vec<_> = self.state().running.values().cloned().collect();
        running.sort_by_key(|invocation| invocation.started_ms);
        running
    }

    pub fn environments(&self) -> Vec<EnvironmentCount> {
        let state = self.state();
        let count = |(name, pool): (&String, &Pool)| EnvironmentCount {
            function: name.clone(),
            idle: pool.idle.len(),
            total: pool.environments.len(),
        };
        let mut counts: Vec<_> =
            state.pools.iter().filter(|(_, pool)| !pool.environments.is_empty()).map(count).collect();
        counts.sort_by(|a, b| a.function.cmp(&b.function));
        counts
    }
}

impl State {
    fn pool(&mut self, name: &str) -> &mut Pool {
        self.next_id += 1;
        let id = self.next_id;
        self.pools.entry(name.to_owned()).or_insert_with(|| Pool {
            id,
            live: None,
            generation: 0,
            reserved: None,
            in_flight: 0,
            idle: Vec::new(),
            environments: HashMap::new(),
        })
    }

    /// Ends idle environments of other functions, longest idle first, until `needed` MiB fit below `limit`.
    /// One environment always fits: else a function larger than the share could never run.
    fn make_room(&mut self, name: &str, needed: u64, limit: u64) -> bool {
        while self.memory_mb + needed > limit && self.memory_mb > 0 {
            let oldest = self
                .pools
                .iter()
                .filter(|(other, _)| *other != name)
                .flat_map(|(other, pool)| pool.idle.iter().map(move |id| (other, pool, *id)))
                .filter_map(|(other, pool, id)| {
                    Some((pool.environments.get(&id)?.idle_since_ms, other.clone(), id))
                })
                .min();
            let Some((_, other, id)) = oldest else { return false };
            let Some(pool) = self.pools.get_mut(&other) else { return false };
            pool.idle.retain(|idle| *idle != id);
            if let Some(member) = pool.environments.get_mut(&id) {
                let _ = member.inbox.send(Message::End);
                // It counts no more; `gone` must not subtract it a second time.
                self.memory_mb = self.memory_mb.saturating_sub(std::mem::take(&mut member.memory_mb));
            }
        }
        true
    }
}

impl Lease {
    pub fn function(&self) -> &str {
        &self.function
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut state = self.scheduler.state();
        state.running.remove(&self.id);
        state.unreserved = state.unreserved.saturating_sub(u32::from(!self.reserved));
        state.asynchronous = state.asynchronous.saturating_sub(u32::from(self.asynchronous));
        if let Some(pool) = state.pools.get_mut(&self.function).filter(|pool| pool.id == self.pool) {
            pool.in_flight = pool.in_flight.saturating_sub(1);
        }
        drop(state);
        self.scheduler.freed.notify_one();
    }
}

impl std::fmt::Debug for Lease {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lease").field("function", &self.function).finish_non_exhaustive()
    }
}

/// Sends a job to a warm environment; gives it back when that one has ended meanwhile.
pub(super) fn send(inbox: &mpsc::UnboundedSender<Message>, job: Job) -> Option<Box<Job>> {
    match inbox.send(Message::Invoke(Box::new(job))) {
        Err(mpsc::error::SendError(Message::Invoke(job))) => Some(job),
        Ok(()) | Err(_) => None,
    }
}
