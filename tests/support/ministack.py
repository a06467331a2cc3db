"""The runtime as a `bootstrap` under ministack: arguments are the runtime, the ministack program and a folder to work in."""
import io, json, os, subprocess, sys, time, urllib.request, zipfile, socket
import boto3
runtime, ministack, work = sys.argv[1:4]
with socket.socket() as s:
    s.bind(("127.0.0.1", 0)); port = s.getsockname()[1]
url = f"http://127.0.0.1:{port}"
env = dict(os.environ, BIND_HOST="127.0.0.1", GATEWAY_PORT=str(port), AWS_ENDPOINT_URL=url, LOG_LEVEL="WARNING")
server = subprocess.Popen([ministack], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
try:
    for _ in range(200):
        try:
            urllib.request.urlopen(url + "/_ministack/health", timeout=1); break
        except OSError:
            time.sleep(0.1)
    keys = dict(endpoint_url=url, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
    s3, lam = boto3.client("s3", **keys), boto3.client("lambda", **keys)
    for bucket in ("data", "home"):
        s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket="data", Key="in/file one.txt", Body=b"x" * 1234)
    config = {"version": 1, "name": "count", "script": False,
              "entrypoint": ["/bin/sh", "-c", 'echo counting; wc -c < "$INPUT_FILE_PATH" > "$TMP_OUTPUT_DIR/count"; exit ${CODE:-0}'],
              "outputs": [{"bucket": "data", "path": "out"}], "timeout_threshold": 1}
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        entry = zipfile.ZipInfo("bootstrap"); entry.external_attr = 0o755 << 16
        archive.writestr(entry, open(runtime, "rb").read())
    variables = {"THRONG_CONFIG": json.dumps(config), "THRONG_TMP": work, "THRONG_HOME_BUCKET": "home",
                 "AWS_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1"}
    lam.create_function(FunctionName="count", Runtime="provided.al2023", Handler="bootstrap", Timeout=20, MemorySize=256,
                        Role="arn:aws:iam::000000000000:role/r", Code={"ZipFile": body.getvalue()},
                        Environment={"Variables": variables})
    lam.get_waiter("function_active_v2").wait(FunctionName="count")
    event = {"throng": {"run": "r1", "task": 7}, "bucket": "data", "key": "in/file one.txt"}
    for turn in range(2):
        answer = lam.invoke(FunctionName="count", Payload=json.dumps(event))
        payload = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, payload
        assert payload["statusCode"] == 200, payload
    assert s3.get_object(Bucket="data", Key="out/count")["Body"].read().strip() == b"1234"
    records = s3.list_objects_v2(Bucket="home", Prefix="runs/r1/records/")["Contents"]
    assert len(records) == 2, records
    record = json.loads(s3.get_object(Bucket="home", Key=records[0]["Key"])["Body"].read())
    assert (record["state"], record["exit_code"], record["bytes_in"]) == ("succeeded", 0, 1234), record
    missing = dict(event, key="in/none")
    answer = lam.invoke(FunctionName="count", Payload=json.dumps(missing))
    payload = json.loads(answer["Payload"].read())
    assert answer["FunctionError"] and payload["errorType"] == "Throng.Input", (answer, payload)
    print("all is well")
finally:
    os.killpg(server.pid, 15)
    try:
        server.wait(10)
    except subprocess.TimeoutExpired:
        os.killpg(server.pid, 9)
