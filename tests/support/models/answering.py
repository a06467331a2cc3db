"""An answer against the model of its operation."""
import json
import re
import xml.etree.ElementTree as ElementTree

import botocore.eventstream
import botocore.parsers

from shapes import Reader, local, rules

OF_THE_PROTOCOL = ("x-amz-request-id", "x-amz-id-2", "x-amzn-", "x-amz-crc32", "x-amz-bucket-region")
CONTENT_TYPES = {
    "json": "application/x-amz-json-1.1", "rest-json": "application/json",
    "rest-xml": "application/xml", "query": "text/xml",
}
# Errors that any operation of a service can have, with their status; of S3 those that its API reference lists for the
# operations used (https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html), of the others "Common errors".
COMMON = {
    "AccessDeniedException": 400, "ExpiredTokenException": 403, "IncompleteSignature": 403, "InternalFailure": 500,
    "InvalidClientTokenId": 403, "InvalidSignatureException": 403, "MissingAuthenticationTokenException": 403,
    "ServiceUnavailable": 503, "ThrottlingException": 400, "UnrecognizedClientException": 403, "ValidationError": 400,
    "ValidationException": 400,
}
S3 = {
    "AccessDenied": 403, "BadDigest": 400, "BucketAlreadyExists": 409, "BucketAlreadyOwnedByYou": 409, "BucketNotEmpty": 409,
    "EntityTooLarge": 400, "EntityTooSmall": 400, "ExpiredToken": 400, "InternalError": 500, "InvalidAccessKeyId": 403,
    "InvalidArgument": 400, "InvalidBucketName": 400, "InvalidPart": 400, "InvalidPartOrder": 400, "InvalidRange": 416,
    "InvalidRequest": 400, "MalformedXML": 400, "MethodNotAllowed": 405, "NoSuchBucket": 404, "NoSuchKey": 404,
    "NoSuchLifecycleConfiguration": 404, "NoSuchPublicAccessBlockConfiguration": 404, "NoSuchTagSet": 404, "NoSuchUpload": 404,
    "PreconditionFailed": 412, "RequestTimeTooSkewed": 403, "RequestTimeout": 400, "SignatureDoesNotMatch": 403, "SlowDown": 503,
    "ServiceUnavailable": 503,
}


def check(service, operation, exchange, note):
    """Reads the answer by the operation's model and checks what it says."""
    headers = exchange.response
    if not any(name in headers for name in ("x-amzn-requestid", "x-amz-request-id")):
        note("no request id")
    if exchange.status >= 300:
        return failure(service, operation, exchange, note)
    wanted = operation.http.get("responseCode", 200)
    partial = exchange.status == 206 and "range" in exchange.request
    # Where the status is a member of the answer, any success will do: 202 and 204 of Lambda's `Invoke`.
    members = operation.output_shape.members.values() if operation.output_shape else ()
    open_status = any(member.serialization.get("location") == "statusCode" for member in members)
    if exchange.status != wanted and not partial and not open_status:
        note(f"status {exchange.status} instead of {wanted}")
    if partial and "content-range" not in headers:
        note("a part of an object without `content-range`")
    shape = operation.output_shape
    if shape is None:
        return None
    if operation.has_event_stream_output:
        return events(operation, exchange, note)
    if not exchange.whole:
        return None
    reader = Reader(note)
    value = located(reader, operation, exchange, note)
    value.update(content(service, reader, operation, exchange, note))
    rules(shape, value, operation.name, note)
    parsed(service, operation, exchange, set(value), note)
    return None


def parsed(service, operation, exchange, ours, note):
    """botocore must read the same members."""
    body = b"" if operation.has_streaming_output else exchange.answer
    answer = {"status_code": exchange.status, "headers": exchange.response, "body": body}
    try:
        theirs = botocore.parsers.create_parser(service.protocol).parse(answer, operation.output_shape)
    except botocore.parsers.ResponseParserError as error:
        return note(f"botocore cannot read it: {error}")
    theirs = {name for name, value in theirs.items() if value not in (None, [], {}, "")} - {"ResponseMetadata"}
    if theirs - ours:
        note(f"botocore also reads {sorted(theirs - ours)}")


def located(reader, operation, exchange, note):
    """What the status and the headers say."""
    headers, known, value = exchange.response, set(), {}
    for name, member in operation.output_shape.members.items():
        where, key = member.serialization.get("location"), member.serialization.get("name", name).lower()
        path = f"{operation.name}.{name}"
        if where == "statusCode":
            value[name] = exchange.status
        elif where == "header":
            known.add(key)
            if key in headers:
                value[name] = reader.text(member, headers[key], path, "rfc822")
        elif where == "headers":
            found = {header[len(key):]: text for header, text in headers.items() if header.startswith(key)}
            known.update(header for header in headers if header.startswith(key))
            value[name] = found
    for header in headers:
        if header.startswith("x-amz") and header not in known and not header.startswith(OF_THE_PROTOCOL):
            note(f"the model has no header `{header}`")
    return value


def content(service, reader, operation, exchange, note):
    """What the body says."""
    shape, body = operation.output_shape, exchange.answer
    name, protocol = shape.serialization.get("payload"), service.protocol
    members = [member for member in shape.members.values() if "location" not in member.serialization]
    if name and shape.members[name].type_name in ("blob", "string"):
        return {name: body}
    if not members:
        if body not in (b"", b"{}"):
            note(f"a body where the model has none: {body[:80]}")
        return {}
    if not body:
        if shape.required_members:
            note("no body")
        return {}
    given = exchange.response.get("content-type", "").partition(";")[0]
    if given != CONTENT_TYPES[protocol]:
        note(f"content-type `{given}` instead of {CONTENT_TYPES[protocol]}")
    target = shape.members[name] if name else shape
    if protocol in ("json", "rest-json"):
        value = reader.json(target, json.loads(body), operation.name)
    else:
        root = ElementTree.fromstring(body)
        if operation.name == "GetBucketLocation":
            return {"LocationConstraint": root.text} if root.text else {}
        wrapper = shape.serialization.get("resultWrapper")
        if wrapper:
            root = next((child for child in root if local(child) == wrapper), root)
        value = reader.xml(target, [root], operation.name)
    return {name: value} if name else value or {}


def events(operation, exchange, note):
    """The frames of an event stream, as far as it was recorded."""
    stream = operation.get_event_stream_output()
    if exchange.response.get("content-type") != "application/vnd.amazon.eventstream":
        note(f"content-type `{exchange.response.get('content-type')}` of an event stream")
    buffer, reader, count = botocore.eventstream.EventStreamBuffer(), Reader(note), 0
    buffer.add_data(exchange.answer)
    for event in buffer:
        kind, name = event.headers.get(":message-type"), event.headers.get(":event-type")
        if kind == "exception":
            name = event.headers.get(":exception-type")
        elif name == "initial-response":
            continue
        if kind not in ("event", "exception") or name not in stream.members:
            note(f"an event of the kind {kind}, {name}")
            continue
        member, count = stream.members[name], count + 1
        payload = [n for n, m in member.members.items() if m.serialization.get("eventpayload")]
        if payload and member.members[payload[0]].type_name == "blob":
            value = {payload[0]: event.payload}
        else:
            value = reader.json(member, json.loads(event.payload or b"{}"), f"{operation.name}.{name}")
        if value is not None:
            rules(member, value, f"{operation.name}.{name}", note)
    return count


def failure(service, operation, exchange, note):
    """An error: its code is known, its status is the code's, its body has what the model says."""
    status, body = exchange.status, exchange.answer
    if exchange.method == "HEAD" or status == 304:
        if body or status not in (304, 400, 403, 404, 405, 412):
            note(f"status {status}, {len(body)} bytes in answer to HEAD")
        return
    try:
        code, value = error_of(service, exchange)
    except (ValueError, ElementTree.ParseError, AttributeError, KeyError) as error:
        return note(f"an error that cannot be read: {error!r}: {body[:200]}")
    shape = next((shape for shape in operation.error_shapes if code in (shape.error_code, shape.name)), None)
    common = S3 if service.service_name == "s3" else COMMON
    if shape is None and code not in common:
        return note(f"neither the operation nor its service has the error `{code}`")
    stated = shape.metadata.get("error", {}).get("httpStatusCode") if shape else None
    wanted = {stated or common.get(code) or 400} if code != "InternalFailure" else {500}
    if service.protocol == "json" and shape is not None and shape.metadata.get("fault"):
        wanted = {500, 503}
    # Lambda's common errors have the status of REST services.
    if shape is None and code in ("AccessDeniedException", "ThrottlingException") and service.protocol == "rest-json":
        wanted = {403, 429}
    if status not in wanted:
        note(f"error {code} with status {status} instead of {wanted}")
    if not any(value.get(name) for name in ("message", "Message")):
        note(f"error {code} without a message")
    if shape is not None and service.protocol in ("json", "rest-json"):
        wrong = [name for name, member in shape.members.items() if "location" in member.serialization]
        body_names = {name.lower() for name in value} - {"__type", "message", "code"}
        for name in body_names - {name.lower() for name in shape.members if name not in wrong}:
            note(f"error {code}: the model has no member `{name}`")


def error_of(service, exchange):
    """Code and members of an error."""
    if service.protocol in ("json", "rest-json"):
        value = json.loads(exchange.answer)
        code = exchange.response.get("x-amzn-errortype") or value["__type"]
        return re.split("[:#]", code.partition(":")[0])[-1], value
    root = ElementTree.fromstring(exchange.answer)
    if service.protocol == "query":
        root = next(child for child in root if local(child) == "Error")
    value = {local(child): child.text for child in root}
    return value["Code"], value
