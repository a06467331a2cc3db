"""The runtime as a `bootstrap` under ministack, by boto3. Arguments: ministack's URL, the runtime, a folder to work in.

`count` is the runtime alone, which is invoked and then started by an object. `many` is left behind for throng: its bootstrap gives
each environment a folder of its own, as Lambda gives each a /tmp of its own. So are `halve`, whose outputs start `tally`, and `gather`,
which joins what that stores: with the tags and notifications that a deployment by throng gives them."""
import io
import json
import pathlib
import sys
import time
import zipfile

import boto3
from botocore.exceptions import ClientError

url, runtime, work = sys.argv[1:]
keys = dict(endpoint_url=url, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
s3, functions = boto3.client("s3", **keys), boto3.client("lambda", **keys)
SCRIPT = 'echo "counting $(basename "$INPUT_FILE_PATH")"; wc -c < "$INPUT_FILE_PATH" > "$TMP_OUTPUT_DIR/$(basename "$INPUT_FILE_PATH").count"'
# ministack tells functions its own address; here they are to use the URL that was given.
OWN_FOLDER = f'#!/bin/sh\nAWS_ENDPOINT_URL={url} THRONG_TMP=$(mktemp -d "{work}/XXXXXX") exec "$(dirname "$0")/runtime"\n'


HALVE = 'for part in 1 2; do echo x > "$TMP_OUTPUT_DIR/$(basename "$INPUT_FILE_PATH")-$part"; done'
GATHER = 'cut -f 4 "$INPUT_LIST" > "$TMP_OUTPUT_DIR/tasks"; ls "$TMP_INPUT_DIR" > "$TMP_OUTPUT_DIR/files"'


def make(name, files, script=SCRIPT, output=None, starts=("data", None), tags=None):
    output, (bucket, prefix) = output or f"{name}/out", starts
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        for file, data in files.items():
            entry = zipfile.ZipInfo(file)
            entry.external_attr = 0o755 << 16
            archive.writestr(entry, data)
    config = {"version": 1, "name": name, "script": False, "entrypoint": ["/bin/sh", "-c", script],
              "outputs": [{"bucket": "data", "path": output}], "timeout_threshold": 1}
    variables = {"THRONG_CONFIG": json.dumps(config), "THRONG_TMP": f"{work}/{name}", "THRONG_HOME_BUCKET": "home",
                 "AWS_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1"}
    pathlib.Path(work, name).mkdir()
    made = functions.create_function(
        FunctionName=name, Runtime="provided.al2023", Handler="bootstrap", Timeout=20, MemorySize=256,
        Role="arn:aws:iam::000000000000:role/r", Code={"ZipFile": body.getvalue()}, Environment={"Variables": variables},
        Tags={"throng:output": f"data/{output}", **(tags or {})})
    functions.get_waiter("function_active_v2").wait(FunctionName=name)
    functions.add_permission(FunctionName=name, StatementId="s3", Action="lambda:InvokeFunction", Principal="s3.amazonaws.com",
                             SourceArn=f"arn:aws:s3:::{bucket}")
    return {"Id": name, "LambdaFunctionArn": made["FunctionArn"], "Events": ["s3:ObjectCreated:*"],
            "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": prefix or f"{name}/in/"}]}}}


def records(prefix):
    keys = [found["Key"] for found in s3.list_objects_v2(Bucket="home", Prefix=prefix).get("Contents", [])]
    keys = [key for key in keys if key.endswith(".json")]
    return [json.loads(s3.get_object(Bucket="home", Key=key)["Body"].read()) for key in keys]


def wait(what, condition):
    until = time.time() + 30
    while not (found := condition()):
        assert time.time() < until, f"waited in vain: {what}"
        time.sleep(0.05)
    return found


def invocations():
    s3.put_object(Bucket="data", Key="in/file one.txt", Body=b"x" * 1234)
    event = {"throng": {"run": "0", "task": 7}, "bucket": "data", "key": "in/file one.txt"}
    for _ in range(2):
        answer = functions.invoke(FunctionName="count", Payload=json.dumps(event))
        payload = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer and payload["statusCode"] == 200, payload
    assert s3.get_object(Bucket="data", Key="count/out/file one.txt.count")["Body"].read().strip() == b"1234"
    found = records("runs/0/records/")
    assert [(r["state"], r["exit_code"], r["bytes_in"]) for r in found] == [("succeeded", 0, 1234)] * 2, found
    answer = functions.invoke(FunctionName="count", Payload=json.dumps(dict(event, key="in/none")))
    payload = json.loads(answer["Payload"].read())
    assert answer["FunctionError"] and payload["errorType"] == "Throng.Input", (answer, payload)


def an_object():
    """A put, ministack's event, the output, and the record among those of the standing run."""
    s3.put_object(Bucket="data", Key="count/in/é + two.txt", Body=b"four")

    def output():
        try:
            return s3.get_object(Bucket="data", Key="count/out/é + two.txt.count")["Body"].read()
        except ClientError:
            return None

    assert wait("the output", output).strip() == b"4"
    record = wait("the record", lambda: records("l/"))[0]
    assert (record["state"], record["key"]) == ("succeeded", "count/in/é + two.txt"), record


for bucket in ("data", "home"):
    s3.create_bucket(Bucket=bucket)
program = pathlib.Path(runtime).read_bytes()
entries = [make("count", {"bootstrap": program}), make("many", {"bootstrap": OWN_FOLDER, "runtime": program})]
entries += [make("halve", {"bootstrap": OWN_FOLDER, "runtime": program}, HALVE, "tally/in"),
            make("tally", {"bootstrap": OWN_FOLDER, "runtime": program})]
s3.put_bucket_notification_configuration(Bucket="data", NotificationConfiguration={"LambdaFunctionConfigurations": entries})
joins = [make("gather", {"bootstrap": OWN_FOLDER, "runtime": program}, GATHER, starts=("home", "start/gather/"),
              tags={"throng:after": "tally", "throng:join": ""})]
s3.put_bucket_notification_configuration(Bucket="home", NotificationConfiguration={"LambdaFunctionConfigurations": joins})
invocations()
an_object()
print("all is well")
