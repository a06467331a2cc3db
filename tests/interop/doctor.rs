//! What `doctor` says of a person whose policy lacks something. Needs Python with pip; ministack and boto3 are installed
//! once into target/interop.

use crate::support::Home;
use crate::support::server;
use crate::support::tools;
use std::process::Command;

/// Makes a user with the policy that `doctor` printed, without some of its actions; prints the user's keys.
const USER: &str = "
import boto3, json, sys
keys = dict(endpoint_url=sys.argv[1], region_name='us-east-1', aws_access_key_id='test', aws_secret_access_key='test')
iam, policy, without = boto3.client('iam', **keys), json.load(open(sys.argv[2])), sys.argv[4:]
for statement in policy['Statement']:
    statement.pop('Condition', None)  # ministack's simulation takes every condition for unmet
    statement['Action'] = [action for action in statement['Action'] if action not in without]
policy['Statement'] = [statement for statement in policy['Statement'] if statement['Action']]
iam.create_user(UserName=sys.argv[3])
iam.put_user_policy(UserName=sys.argv[3], PolicyName='p', PolicyDocument=json.dumps(policy))
key = iam.create_access_key(UserName=sys.argv[3])['AccessKey']
print(key['AccessKeyId'], key['SecretAccessKey'])";

#[test]
fn missing_permissions_are_named_and_the_printed_policy_has_all_of_them() {
    let programs = tools::ministack();
    let ministack = server::ministack(&programs);
    let mut home = Home::in_context("mini", &format!("endpoint = \"{}\"", ministack.url()));
    let policy = home.ok(&["doctor", "--policy", "person", "--bucket", "pictures"]);
    let policy = home.write("person.json", &policy);
    let become_user = |home: &mut Home, name: &str, without: &[&str]| {
        let mut python = Command::new(programs.join("python3"));
        python.args(["-c", USER, &ministack.url()]).arg(&policy).arg(name).args(without);
        let output = python.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let (id, secret) = text.trim().split_once(' ').unwrap();
        home.set("AWS_ACCESS_KEY_ID", id);
        home.set("AWS_SECRET_ACCESS_KEY", secret);
    };

    become_user(&mut home, "ann", &["lambda:CreateFunction", "iam:PassRole"]);
    let output = home.run(&["doctor", "--bucket", "pictures"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("missing: lambda:CreateFunction, iam:PassRole"), "{text}");
    assert!(text.contains("user/ann"), "{text}");

    become_user(&mut home, "bob", &[]);
    let text = home.ok(&["doctor", "--bucket", "pictures"]);
    assert!(text.contains("everything that a launch needs"), "{text}");
    assert_eq!(home.json(&["functions"]), serde_json::json!([]), "nothing was made");
}
