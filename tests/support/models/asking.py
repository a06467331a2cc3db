"""A request against the model of its operation."""
import json
import urllib.parse
import xml.etree.ElementTree as ElementTree

import botocore.validate

from shapes import Reader, rules
from wire import payload

# Headers that belong to the signature, to checksums and to the SDK, not to an operation.
OF_THE_PROTOCOL = ("x-amz-date", "x-amz-content-sha256", "x-amz-security-token", "x-amz-user-agent", "x-amz-target",
                   "x-amz-decoded-content-length", "x-amz-trailer", "x-amz-checksum-", "x-amz-sdk-checksum-algorithm")
CONTENT_TYPES = {"json": "application/x-amz-json-1.1", "query": "application/x-www-form-urlencoded"}


def check(service, operation, uri, exchange, note):
    """Reads the request by the operation's model and checks what it says."""
    body, headers = payload(exchange, note)
    shape, reader = operation.input_shape, Reader(note)
    protocol = service.protocol
    expected = CONTENT_TYPES.get(protocol)
    if expected and headers.get("content-type", "").partition(";")[0] != expected:
        note(f"content-type `{headers.get('content-type')}` instead of {expected}")
    if operation.http_checksum.get("requestChecksumRequired") and not any(
        name == "content-md5" or name.startswith("x-amz-checksum-") for name in headers
    ):
        note("the operation wants a checksum of the body")
    if shape is None:
        return
    if protocol == "json":
        value = reader.json(shape, json.loads(body or b"{}"), operation.name)
    elif protocol == "query":
        fields = dict(urllib.parse.parse_qsl(body.decode(), keep_blank_values=True))
        del fields["Action"], fields["Version"]
        value = reader.form(shape, fields, "", operation.name)
        for name in fields:
            note(f"the model has no field `{name}`")
    else:
        value = located(reader, operation, uri, exchange.query, headers, note)
        value.update(content(reader, operation, body, note))
    if value is not None:
        rules(shape, value, operation.name, note)
        report = botocore.validate.ParamValidator().validate(value, shape)
        if report.has_errors():
            note(report.generate_report())


def located(reader, operation, uri, query, headers, note):
    """What the path, the query string and the headers say."""
    fixed = {name for name, _ in urllib.parse.parse_qsl(operation.http["requestUri"].partition("?")[2], keep_blank_values=True)}
    fields = {name: [text for other, text in query if other == name] for name, _ in query}
    unknown = fields.keys() - fixed - {"x-id"}
    known_headers, value = set(), {}
    for name, member in operation.input_shape.members.items():
        where, key = member.serialization.get("location"), member.serialization.get("name", name)
        path = f"{operation.name}.{name}"
        if where == "uri":
            value[name] = reader.text(member, uri[key], path)
        elif where == "querystring" and member.type_name == "map":
            value[name] = {field: texts[0] for field, texts in fields.items()}
            unknown.clear()
        elif where == "querystring" and key in fields:
            unknown.discard(key)
            texts = fields[key]
            value[name] = texts if member.type_name == "list" else reader.text(member, texts[0], path)
        elif where == "header":
            known_headers.add(key.lower())
            if key.lower() in headers:
                value[name] = reader.text(member, headers[key.lower()], path, "rfc822")
        elif where == "headers":
            found = {header[len(key):]: text for header, text in headers.items() if header.startswith(key.lower())}
            known_headers.update(header for header in headers if header.startswith(key.lower()))
            if found:
                value[name] = found
    for field in unknown:
        note(f"the model has no query parameter `{field}`")
    for header in headers:
        if header.startswith("x-amz-") and header not in known_headers and not header.startswith(OF_THE_PROTOCOL):
            note(f"the model has no header `{header}`")
    return value


def content(reader, operation, body, note):
    """What the body says."""
    shape = operation.input_shape
    name = shape.serialization.get("payload")
    members = [member for member in shape.members.values() if "location" not in member.serialization]
    if name:
        member = shape.members[name]
        if member.type_name in ("blob", "string"):
            return {name: body} if body else {}
        if not body:
            return {}
        if operation.service_model.protocol == "rest-json":
            return {name: reader.json(member, json.loads(body), f"{operation.name}.{name}")}
        root = ElementTree.fromstring(body)
        wanted = "{%s}%s" % (member.serialization["xmlNamespace"]["uri"], member.serialization.get("name", name))
        if root.tag != wanted:
            note(f"the body's element is `{root.tag}` instead of `{wanted}`")
        return {name: reader.xml(member, [root], f"{operation.name}.{name}")}
    if not members:
        if body not in (b"", b"{}"):
            note("a body where the model has none")
        return {}
    return reader.json(shape, json.loads(body or b"{}"), operation.name) or {}
