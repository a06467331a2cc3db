//! Tasks that share invocations.

use super::*;
use crate::cloud::CloudError;
use crate::deploy::Packs;
use crate::model::PackSize;
use throng_contract::pack::{Pack, PackEvent};

/// Functions that take packs.
#[derive(Default)]
struct Packed {
    facts: FunctionFacts,
    packs: Mutex<Vec<Pack>>,
    singles: AtomicU64,
    /// Calls after this many are refused.
    most: Mutex<Option<usize>>,
}

#[async_trait]
impl FunctionApi for Packed {
    async fn facts(&self, function: &str) -> Result<Option<FunctionFacts>, CloudError> {
        Ok((function == "f").then(|| self.facts.clone()))
    }

    async fn invoke_async(&self, _function: &str, payload: Vec<u8>) -> Result<(), CloudError> {
        if self.most.lock().unwrap().is_some_and(|most| self.packs.lock().unwrap().len() >= most) {
            return Err(CloudError::new(ErrorKind::Denied, "lambda:InvokeFunction", "f", "no"));
        }
        match serde_json::from_slice::<PackEvent>(&payload) {
            Ok(event) => self.packs.lock().unwrap().push(event.pack),
            Err(_) => drop(self.singles.fetch_add(1, Ordering::SeqCst)),
        }
        Ok(())
    }
}

fn facts(packs: Packs, retries: u32) -> FunctionFacts {
    FunctionFacts {
        state: "Active".into(),
        retries,
        packs,
        timeout_s: 300,
        triggers: vec![trigger("in", "", "")],
        contract: Some(versions::CONTRACT),
        ..FunctionFacts::default()
    }
}

struct Site {
    world: World,
    functions: Arc<Packed>,
    context: RunContext,
}

fn site(packs: Packs, retries: u32) -> Site {
    let world = World::new(Vec::new());
    let functions = Arc::new(Packed { facts: facts(packs, retries), ..Packed::default() });
    let context = RunContext { functions: functions.clone(), ..world.context.clone() };
    Site { world, functions, context }
}

impl Site {
    async fn prepare(&self, inputs: Inputs, pack: Option<PackSize>) -> Result<Launch, RunError> {
        let options = LaunchOptions { pack, ..LaunchOptions::default() };
        let request = LaunchRequest { options, ..LaunchRequest::new("f", inputs) };
        prepare(&self.context, request, &CancellationToken::new()).await
    }

    /// The tasks of each pack, in order.
    fn packed(&self) -> Vec<Vec<u64>> {
        let number = |event: &TaskEvent| event.task.as_ref().unwrap().task.as_number().unwrap();
        let packs = self.functions.packs.lock().unwrap();
        let mut all: Vec<Vec<u64>> =
            packs.iter().map(|pack| pack.tasks.iter().map(number).collect()).collect();
        all.sort();
        all
    }
}

fn ranges(list: &[(u64, u64)]) -> Vec<Vec<u64>> {
    list.iter().map(|(first, end)| (*first..*end).collect()).collect()
}

#[tokio::test]
async fn files_are_stored_beside_the_run_and_each_pack_is_invoked_when_its_inputs_are_there() {
    let site = site(Packs::Of(PackSize::Tasks(10)), 1);
    let launch = site.prepare(site.world.files(25), None).await.unwrap();
    let header = launch.header().clone();
    assert_eq!(header.pack, Some(PackRule { tasks: 10, marked: true }));
    assert_eq!((header.started_by, header.bucket.as_str()), (StartedBy::Invoke, "home"), "never triggered");
    assert_eq!(send(launch).await.unwrap().sent, 25);
    assert_eq!(site.packed(), ranges(&[(0, 10), (10, 20), (20, 25)]));
    for pack in &*site.functions.packs.lock().unwrap() {
        assert_eq!((pack.number % 10, pack.retries()), (0, 1));
        assert!(pack.tasks.iter().all(|event| site.world.store.get("home", &event.key).is_some()));
    }
}

#[tokio::test]
async fn what_a_kill_has_left_is_sent_with_the_same_names_and_nothing_twice() {
    let site = site(Packs::Of(PackSize::Tasks(10)), 1);
    *site.functions.most.lock().unwrap() = Some(1);
    let launch = site.prepare(site.world.files(35), None).await.unwrap();
    let id = launch.header().id.clone();
    assert!(send(launch).await.is_err());
    assert_eq!(site.packed().len(), 1);
    *site.functions.most.lock().unwrap() = None;
    let again = resume(&site.context, &id).await.unwrap();
    send(again).await.unwrap();
    assert_eq!(site.packed(), ranges(&[(0, 10), (10, 20), (20, 30), (30, 35)]));
    assert!(matches!(resume(&site.context, &id).await, Err(RunError::AllSent(_))));
}

#[tokio::test]
async fn sweeps_objects_and_tasks_without_inputs_are_packed_too() {
    let site = site(Packs::Alone, 2);
    let ten = Some(PackSize::Tasks(10));
    let launch = site.prepare(Inputs::Nothing { tasks: 15 }, ten).await.unwrap();
    assert_eq!(
        launch.header().pack,
        Some(PackRule { tasks: 10, marked: false }),
        "its rest is fired by followers"
    );
    assert_eq!(send(launch).await.unwrap().sent, 15);
    assert_eq!(site.packed(), ranges(&[(0, 10), (10, 15)]));
    site.functions.packs.lock().unwrap().clear();
    // Seven inputs with three sets: tasks of an input lie in two packs.
    let values = ["1", "2", "3"].map(str::to_owned).to_vec();
    let sets = Sets::grid(vec![("A".to_owned(), values)]);
    let options = LaunchOptions { pack: ten, ..LaunchOptions::default() };
    let request =
        LaunchRequest { options, sets: sets.unwrap(), ..LaunchRequest::new("f", site.world.files(7)) };
    let launch = prepare(&site.context, request, &CancellationToken::new()).await.unwrap();
    send(launch).await.unwrap();
    assert_eq!(site.packed(), ranges(&[(0, 10), (10, 20), (20, 21)]));
}

#[tokio::test]
async fn a_file_that_cannot_be_sent_is_left_out_of_its_pack() {
    let site = site(Packs::Of(PackSize::Tasks(10)), 1);
    let launch = site.prepare(site.world.files(12), None).await.unwrap();
    std::fs::remove_file(site.world.dir.path().join("data/0003.txt")).unwrap();
    let report = send(launch).await.unwrap();
    assert_eq!(report.failed.len(), 1);
    let mut first: Vec<u64> = (0..10).collect();
    first.remove(3);
    assert_eq!(site.packed(), [first, vec![10, 11]]);
}

#[tokio::test]
async fn packs_that_could_not_go_on_after_a_death_are_refused() {
    let ten = Some(PackSize::Tasks(10));
    for (packs, retries, wanted, what) in [
        (Packs::Of(PackSize::Tasks(5)), 0, None, "`retries: 1`"),
        (Packs::Alone, 0, ten, "`retries: 1`"),
        (Packs::Unknown, 1, ten, "deploy its definition again"),
    ] {
        let site = site(packs, retries);
        let error = site.prepare(site.world.files(3), wanted).await.unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
    }
    let site = site(Packs::Of(PackSize::Tasks(5)), 1);
    let launch = site.prepare(site.world.files(3), Some(PackSize::Tasks(1))).await.unwrap();
    assert_eq!(
        (&launch.header().pack, launch.header().started_by),
        (&None, StartedBy::Trigger),
        "as without"
    );
}

#[tokio::test]
async fn the_size_is_chosen_by_the_last_runs_and_said() {
    let site = site(Packs::Of(PackSize::Auto), 1);
    let first = site.prepare(Inputs::Nothing { tasks: 5_000 }, None).await.unwrap();
    assert_eq!(first.header().pack.as_ref().unwrap().tasks, 10);
    assert!(first.notes()[0].contains("packs of 10 tasks: a first guess"), "{:?}", first.notes());
    for task in 0..200 {
        let record = AttemptRecord {
            task: Some(first.header().task(task)),
            state: TaskState::Succeeded,
            ended_ms: first.header().started_ms + 1_000,
            ..AttemptRecord::begun("f", "id", first.header().started_ms)
        };
        site.world.store.insert("home", &record_key(&record), "{}");
    }
    let second = site.prepare(Inputs::Nothing { tasks: 5_000 }, None).await.unwrap();
    assert_eq!(second.header().pack.as_ref().unwrap().tasks, 30);
    let note = second.notes()[0].clone();
    assert!(note.contains("packs of 30 tasks: 200 tasks of the last runs took 1"), "{note}");
}

/// Who follows starts what is left of a pack, where no notification does.
#[tokio::test]
async fn what_is_left_of_a_pack_is_fired_once() {
    let site = site(Packs::Alone, 1);
    let launch = site.prepare(Inputs::Nothing { tasks: 10 }, Some(PackSize::Tasks(10))).await.unwrap();
    let id = launch.header().id.clone();
    send(launch).await.unwrap();
    let pack = site.functions.packs.lock().unwrap()[0].clone();
    let rest = pack.rest(&[(7, 0), (8, 0)]);
    site.world.store.insert("home", &rest.start_key("f"), rest.clone().event());
    let mut follower = Follower::open(&site.context, &id).await.unwrap();
    assert!(!follower.start_packs().await, "not without leave to send");
    follower.resend_after(Some(Duration::from_mins(10)));
    assert!(follower.start_packs().await);
    assert_eq!(site.functions.packs.lock().unwrap()[1], rest);
    // Another one sees that it has begun.
    site.world.store.insert("home", &rest.begun_key(0), "{}");
    let mut other = Follower::open(&site.context, &id).await.unwrap();
    other.resend_after(Some(Duration::from_mins(10)));
    assert!(!other.start_packs().await);
    assert_eq!(site.functions.packs.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn packs_are_held_back_as_their_tasks_are() {
    let mut site = site(Packs::Alone, 1);
    // One at a time, each of five minutes at worst: 36 drain in three hours.
    let facts = FunctionFacts { concurrency: Some(1), ..facts(Packs::Alone, 1) };
    site.functions = Arc::new(Packed { facts, ..Packed::default() });
    site.context = RunContext { functions: site.functions.clone(), ..site.context };
    let inputs = site.world.files(90);
    let launch = site.prepare(inputs, Some(PackSize::Tasks(10))).await.unwrap();
    let run = launch.header().id.clone();
    let meter = Arc::new(crate::dataset::Meter::default());
    let sending = tokio::spawn({
        let meter = meter.clone();
        async move { launch.send(meter, &CancellationToken::new()).await }
    });
    while meter.held() != 50 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(site.packed().len(), 4);
    super::paced::ended(&site.world, &run, 0..90);
    assert_eq!(sending.await.unwrap().unwrap().sent, 90);
    assert_eq!(site.packed().concat(), (0..90).collect::<Vec<_>>());
}
