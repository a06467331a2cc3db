//! What a script could do to the ledger with the credentials that it gets, and what the runtime must be able to do: requests,
//! and what must come of them under the very policies that throng gives. Two evaluators judge them.

use serde_json::Value;
use std::collections::BTreeMap;
use throng_contract::barrier::barrier_key;
use throng_contract::keys::{self, first};
use throng_core::model::Place;
use throng_core::policies::{self, Scope};

#[path = "../../runtime/src/credentials/narrow.rs"]
mod narrow;

pub const ACCOUNT: &str = "000000000000";
const FUNCTION: &str = "mine";
const HOME: &str = "throng-home";
const RUN: &str = "20261123-214500123-k3x9";
/// Longest session policy that STS takes.
const SESSION_MOST: usize = 2_048;

/// What must come of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Must {
    Allow,
    /// By a statement: whatever else is allowed.
    Deny,
    /// By being allowed nowhere.
    NotAllow,
}

/// A request, by the runtime or by a script.
#[derive(Clone, Debug)]
pub struct Try {
    pub script: bool,
    pub action: &'static str,
    pub resource: String,
    pub context: BTreeMap<&'static str, String>,
    pub must: Must,
}

/// The policies of one function.
pub struct World {
    region: &'static str,
    partition: &'static str,
    pub role: String,
    /// The role's policy.
    pub policy: Value,
    /// Who may become it.
    pub trust: Value,
    /// What the runtime asks STS to narrow it by for scripts.
    pub session: Value,
}

impl World {
    pub fn all() -> [Self; 2] {
        [Self::of("us-east-1", "aws"), Self::of("cn-north-1", "aws-cn")]
    }

    fn of(region: &'static str, partition: &'static str) -> Self {
        let role = format!("arn:{partition}:iam::{ACCOUNT}:role/throng/throng-{region}-{FUNCTION}");
        let place = |bucket: &str, prefix: &str| Place { bucket: bucket.into(), prefix: prefix.into() };
        let scope = Scope {
            region: region.into(),
            account: ACCOUNT.into(),
            home: HOME.into(),
            function: Some(FUNCTION.into()),
            inputs: vec![place("pictures", "in")],
            outputs: vec![place("pictures", "out"), place("archive", "")],
            keys: vec![format!("arn:{partition}:kms:{region}:{ACCOUNT}:key/k")],
            role: Some(role.clone()),
            ..Scope::default()
        };
        let session = narrow::policy(&role, HOME);
        assert!(session.len() <= SESSION_MOST, "{session}");
        let read = |text: &str| serde_json::from_str(text).unwrap();
        Self {
            policy: serde_json::to_value(policies::function(&scope)).unwrap(),
            trust: read(&policies::trust(ACCOUNT, &role)),
            session: read(&session),
            region,
            partition,
            role,
        }
    }

    fn s3(&self, name: &str) -> String {
        format!("arn:{}:s3:::{name}", self.partition)
    }

    fn home(&self, key: &str) -> String {
        self.s3(&format!("{HOME}/{key}"))
    }

    fn of_service(&self, service: &str, name: &str) -> String {
        let (partition, region) = (self.partition, self.region);
        format!("arn:{partition}:{service}:{region}:{ACCOUNT}:{name}")
    }

    /// Every request, with what must come of it.
    pub fn tries(&self) -> Vec<Try> {
        let mut all = Vec::new();
        self.forgeries(&mut all);
        self.others(&mut all);
        self.work(&mut all);
        self.limits(&mut all);
        all
    }

    /// A script at the home bucket: nothing, by any action, at any key.
    fn forgeries(&self, all: &mut Vec<Try>) {
        let objects = [
            "s3:PutObject",
            "s3:GetObject",
            "s3:DeleteObject",
            "s3:GetObjectVersion",
            "s3:DeleteObjectVersion",
            "s3:AbortMultipartUpload",
            "s3:PutObjectAcl",
            "s3:PutObjectTagging",
        ];
        for key in ledger() {
            let on = |action| Try::script(action, self.home(&key), Must::Deny);
            all.extend(objects.map(on));
        }
        let buckets = [
            "s3:ListBucket",
            "s3:ListBucketVersions",
            "s3:ListBucketMultipartUploads",
            "s3:PutBucketNotification",
            "s3:PutLifecycleConfiguration",
            "s3:PutBucketPolicy",
            "s3:DeleteBucketPolicy",
            "s3:PutBucketVersioning",
            "s3:DeleteBucket",
        ];
        all.extend(buckets.map(|action| Try::script(action, self.s3(HOME), Must::Deny)));
        for folder in folders() {
            all.push(Try::script("s3:ListBucket", self.s3(HOME), Must::Deny).with("s3:prefix", folder));
        }
        // It cannot come back with more, nor as somebody else.
        for role in [self.role.clone(), format!("arn:{}:iam::{ACCOUNT}:role/other", self.partition)] {
            all.push(Try::script("sts:AssumeRole", role, Must::Deny));
        }
    }

    /// A script at what is another function's; and its own work, which it can do.
    fn others(&self, all: &mut Vec<Try>) {
        let object = |action, name: &str, must| Try::script(action, self.s3(name), must);
        for name in ["theirs/in/a", "theirs/out/a", "pictures/elsewhere/a", "pictures/inside/a"] {
            for action in ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"] {
                all.push(object(action, name, Must::NotAllow));
            }
        }
        all.push(object("s3:ListBucket", "theirs", Must::NotAllow));
        // Through an access point it is another resource.
        let point = self.of_service("s3", &format!("accesspoint/point/object/l/00/{RUN}/0/0/1"));
        all.push(Try::script("s3:PutObject", point, Must::NotAllow));
        let function = |name: &str| self.of_service("lambda", &format!("function:{name}"));
        for (action, resource) in [
            ("lambda:InvokeFunction", function("theirs")),
            ("lambda:UpdateFunctionCode", function(FUNCTION)),
            ("lambda:UpdateFunctionConfiguration", function(FUNCTION)),
            ("lambda:GetFunction", function("theirs")),
            ("iam:PutRolePolicy", self.role.clone()),
            ("iam:UpdateAssumeRolePolicy", self.role.clone()),
            ("iam:PassRole", self.role.clone()),
        ] {
            all.push(Try::script(action, resource, Must::NotAllow));
        }
        for (action, name, must) in [
            ("s3:GetObject", "pictures/in/deep/a.png", Must::Allow),
            ("s3:PutObject", "pictures/out/a.png", Must::Allow),
            ("s3:PutObject", "archive/a.png", Must::Allow),
            ("s3:PutObject", "pictures/in/a.png", Must::NotAllow),
            ("s3:DeleteObject", "pictures/in/a.png", Must::NotAllow),
            ("s3:GetObject", "pictures/out/a.png", Must::NotAllow),
            ("s3:ListBucket", "pictures", Must::Allow),
        ] {
            all.push(object(action, name, must));
        }
    }

    /// What the runtime needs.
    fn work(&self, all: &mut Vec<Try>) {
        let stream = self.of_service("logs", &format!("log-group:/aws/lambda/{FUNCTION}:log-stream:s"));
        all.push(Try::runtime("logs:PutLogEvents", stream, Must::Allow));
        let read = [
            self.s3("pictures/in/a.png"),
            self.home(&format!("{}/a.png", keys::inputs_folder(RUN))),
            self.home(&keys::cancel_key(RUN)),
            self.home(&barrier_key(RUN)),
            self.home(&format!("{}{RUN}/barrier/join/children/7", keys::RUNS)),
            self.home(&keys::manifest_key(RUN, 0)),
            self.home(&keys::providers_key(FUNCTION)),
        ];
        all.extend(read.map(|resource| Try::runtime("s3:GetObject", resource, Must::Allow)));
        let written = [
            self.s3("pictures/out/a.png"),
            self.s3("archive/a.png"),
            self.home(&format!("{}7_id.a_succeeded", keys::block_prefix(RUN, 0, 0))),
            self.home(&keys::day_key(FUNCTION, "20261123")),
            self.home(&keys::start_key("next", RUN, 1, "join", 0)),
            self.home(&format!("{}{RUN}/barrier/join/top/0.ok", keys::RUNS)),
            self.home(&format!("{}{RUN}/0.1", keys::PACKS)),
            self.home(&format!("{}{FUNCTION}/hash", keys::REQUESTS)),
            self.home(&format!("{}name", first::records_prefix(RUN))),
            self.home(&first::running_key(RUN, 7, "id")),
        ];
        all.extend(written.map(|resource| Try::runtime("s3:PutObject", resource, Must::Allow)));
        for bucket in [HOME, "pictures"] {
            all.push(Try::runtime("s3:ListBucket", self.s3(bucket), Must::Allow));
        }
        let key = self.of_service("kms", "key/k");
        let suffix = if self.partition == "aws" { "" } else { ".cn" };
        let via = |service: &str| format!("{service}.{}.amazonaws.com{suffix}", self.region);
        let decrypt = |must| Try::runtime("kms:Decrypt", key.clone(), must);
        all.push(decrypt(Must::Allow).with("kms:ViaService", via("s3")));
        all.push(decrypt(Must::NotAllow).with("kms:ViaService", via("lambda")));
        all.push(decrypt(Must::NotAllow));
        all.push(Try::runtime("sts:AssumeRole", self.role.clone(), Must::Allow));
    }

    /// What not even the runtime may: what only people write, what is another function's, and to delete.
    fn limits(&self, all: &mut Vec<Try>) {
        let people = [keys::providers_key(FUNCTION), format!("{}/a.png", keys::inputs_folder(RUN))];
        let theirs = [
            keys::day_key("theirs", "20261123"),
            format!("{}theirs/hash", keys::REQUESTS),
            format!("{}theirs/name", keys::ASYNC_FAILURES),
            keys::providers_key("theirs"),
        ];
        for key in of_launches().into_iter().chain(people).chain(theirs) {
            all.push(Try::runtime("s3:PutObject", self.home(&key), Must::NotAllow));
        }
        for key in [keys::providers_key("theirs"), keys::run_key(RUN), keys::end_key(RUN)] {
            all.push(Try::runtime("s3:GetObject", self.home(&key), Must::NotAllow));
        }
        for key in ledger() {
            all.push(Try::runtime("s3:DeleteObject", self.home(&key), Must::NotAllow));
        }
        for resource in ["pictures/in/a.png", "pictures/out/a.png"] {
            all.push(Try::runtime("s3:DeleteObject", self.s3(resource), Must::NotAllow));
        }
    }
}

impl Try {
    fn new(script: bool, action: &'static str, resource: String, must: Must) -> Self {
        Self { script, action, resource, context: BTreeMap::new(), must }
    }

    fn script(action: &'static str, resource: String, must: Must) -> Self {
        Self::new(true, action, resource, must)
    }

    fn runtime(action: &'static str, resource: String, must: Must) -> Self {
        Self::new(false, action, resource, must)
    }

    fn with(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.context.insert(key, value.into());
        self
    }
}

/// Every folder of the home bucket.
fn folders() -> [&'static str; 10] {
    [
        keys::RUNS,
        keys::RECORDS,
        keys::DAYS,
        keys::STARTS,
        keys::PACKS,
        keys::REQUESTS,
        keys::INPUTS,
        keys::ASYNC_FAILURES,
        keys::SECRETS,
        first::LOOSE,
    ]
}

/// What throng writes of a run on a person's machine.
fn of_launches() -> [String; 7] {
    [
        keys::run_key(RUN),
        keys::end_key(RUN),
        keys::cancel_key(RUN),
        keys::manifest_key(RUN, 0),
        keys::summary_key(RUN, 0, 0, 0),
        keys::again_key(RUN, 0),
        barrier_key(RUN),
    ]
}

/// A key of each kind in the home bucket, and one that nobody has thought of.
fn ledger() -> Vec<String> {
    let mut all = Vec::from(of_launches());
    all.extend([
        format!("{}7_id.a_succeeded", keys::block_prefix(RUN, 0, 0)),
        keys::day_key(FUNCTION, "20261123"),
        keys::start_key(FUNCTION, RUN, 0, "all", 0),
        keys::providers_key(FUNCTION),
        first::running_key(RUN, 7, "id"),
        "new/kind".to_owned(),
    ]);
    all.extend(folders().map(|folder| format!("{folder}x")));
    all
}
