"""boto3 on the Lambda and CloudWatch Logs at AWS_ENDPOINT_URL, where a function `echo` is deployed that prints its event."""
import base64
import json
import threading
import time

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

# Live Tail's host begins with `stream-`, which an address cannot.
config = Config(retries={"max_attempts": 0}, inject_host_prefix=False)
functions, logs = boto3.client("lambda", config=config), boto3.client("logs", config=config)
ECHO = {"FunctionName": "echo"}


def said(payload):
    answer = json.loads(payload)
    return base64.b64decode(answer["body"]).decode() if answer.get("isBase64Encoded") else answer["body"]


def waiters_and_pages():
    functions.get_waiter("function_exists").wait(**ECHO)
    functions.get_waiter("function_active_v2").wait(**ECHO)
    changed = functions.update_function_configuration(**ECHO, MemorySize=384)
    assert changed["LastUpdateStatus"] == "InProgress", changed
    functions.get_waiter("function_updated_v2").wait(**ECHO)
    assert functions.get_function_configuration(**ECHO)["MemorySize"] == 384
    found = functions.get_function(**ECHO)
    image, role = found["Code"]["ImageUri"], found["Configuration"]["Role"]
    for name in ("other", "third"):
        functions.create_function(FunctionName=name, PackageType="Image", Code={"ImageUri": image}, Role=role)
        functions.get_waiter("function_active_v2").wait(FunctionName=name)
    pages = functions.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 1})
    assert [f["FunctionName"] for page in pages for f in page["Functions"]] == ["echo", "other", "third"]
    for name in ("other", "third"):
        functions.delete_function(FunctionName=name)


def streams():
    assert "words" in said(functions.invoke(**ECHO, Payload=b'{"say": "words"}')["Payload"].read())
    events = list(functions.invoke_with_response_stream(**ECHO, Payload=b'{"say": "streamed"}', LogType="Tail")["EventStream"])
    body = b"".join(event["PayloadChunk"]["Payload"] for event in events if "PayloadChunk" in event)
    assert "streamed" in said(body)
    assert "InvokeComplete" in events[-1] and "ErrorCode" not in events[-1]["InvokeComplete"], events[-1]


def live_tail():
    group = logs.describe_log_groups(logGroupNamePrefix="/aws/lambda/echo")["logGroups"][0]["logGroupArn"]
    tail = logs.start_live_tail(logGroupIdentifiers=[group], logEventFilterPattern="live")["responseStream"]
    until, invoked = time.time() + 30, None
    for event in tail:
        if "sessionStart" in event:
            invoked = threading.Thread(target=lambda: functions.invoke(**ECHO, Payload=b'{"say": "live"}'))
            invoked.start()
        results = event.get("sessionUpdate", {}).get("sessionResults", [])
        assert all("live" in result["message"] for result in results), results
        if results:
            assert results[0]["logGroupIdentifier"].endswith(":/aws/lambda/echo"), results
            break
        assert time.time() < until, "nothing arrived"
    invoked.join()
    tail.close()


def pages_of_logs():
    group, start = {"logGroupName": "/own/group"}, int(time.time() * 1000) - 1000
    logs.create_log_group(**group)
    for stream in "abc":
        logs.create_log_stream(**group, logStreamName=stream)
        events = [{"timestamp": start + n, "message": f"{stream} {'even' if n % 2 == 0 else 'odd'} {n}"} for n in range(200)]
        logs.put_log_events(**group, logStreamName=stream, logEvents=events)
    pages = list(logs.get_paginator("filter_log_events").paginate(**group, PaginationConfig={"PageSize": 50}))
    events = [event for page in pages for event in page["events"]]
    assert len(pages) >= 12 and len({event["eventId"] for event in events}) == len(events) == 600
    assert [event["timestamp"] for event in events] == sorted(event["timestamp"] for event in events)
    pages = logs.get_paginator("filter_log_events").paginate(**group, filterPattern="even", PaginationConfig={"PageSize": 70})
    assert len([event for page in pages for event in page["events"]]) == 300
    pages = logs.get_paginator("describe_log_streams").paginate(**group, PaginationConfig={"PageSize": 2})
    assert [s["logStreamName"] for page in pages for s in page["logStreams"]] == ["a", "b", "c"]
    token, read = {}, []
    while True:
        page = logs.get_log_events(**group, logStreamName="b", startFromHead=True, limit=60, **token)
        read += page["events"]
        if token.get("nextToken") == page["nextForwardToken"]:
            break
        token = {"nextToken": page["nextForwardToken"]}
    assert len(read) == 200
    pages = logs.get_paginator("describe_log_groups").paginate(PaginationConfig={"PageSize": 1})
    assert [g["logGroupName"] for page in pages for g in page["logGroups"]] == ["/aws/lambda/echo", "/own/group"]
    logs.delete_log_group(**group)
    try:
        logs.filter_log_events(**group)
        raise SystemExit("the group is still there")
    except ClientError as error:
        assert error.response["Error"]["Code"] == "ResourceNotFoundException", error


waiters_and_pages()
streams()
live_tail()
pages_of_logs()
print("ok")
