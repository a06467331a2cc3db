"""Which operation of which service an exchange is, and which operations a source tree can call."""
import functools
import pathlib
import re
import urllib.parse

import botocore.session
from botocore import xform_name

# Services by the name in the credential scope, and the crate of their client.
SERVICES = {
    "s3": ("s3", "aws_sdk_s3"),
    "lambda": ("lambda", "aws_sdk_lambda"),
    "logs": ("logs", "aws_sdk_cloudwatchlogs"),
    "iam": ("iam", "aws_sdk_iam"),
    "ecr": ("ecr", "aws_sdk_ecr"),
    "sts": ("sts", "aws_sdk_sts"),
    "servicequotas": ("service-quotas", "aws_sdk_servicequotas"),
}


@functools.lru_cache(None)
def model(service):
    return botocore.session.get_session().get_service_model(SERVICES[service][0])


def service_of(exchange):
    """The name in the credential scope; `None` when nothing of AWS was signed."""
    scope = re.match(r"AWS4-[^ ]+ Credential=[^/]+/\d{8}/[^/]+/([^/]+)/aws4_request", exchange.request.get("authorization", ""))
    if scope:
        return scope[1]
    credential = dict(exchange.query).get("X-Amz-Credential")
    return credential.split("/")[3] if credential else None


@functools.lru_cache(None)
def routes(service):
    """Method, path as a regular expression, fixed query, and the operation."""
    found = []
    for name in model(service).operation_names:
        operation = model(service).operation_model(name)
        path, _, query = operation.http["requestUri"].partition("?")
        pattern = ""
        for part in re.split(r"({[^}]+})", path.rstrip("/") or "/"):
            if not part.startswith("{"):
                pattern += re.escape(part)
            elif part.endswith("+}"):
                pattern += f"(?P<{part[1:-2]}>.+)"
            else:
                pattern += f"(?P<{part[1:-1]}>[^/]+)"
        fixed = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
        found.append((operation.http["method"], re.compile(pattern), fixed, operation))
    return found


def operation_of(service, exchange, body):
    """The operation and what its path holds; `None` when the model has none."""
    protocol = model(service).protocol
    if protocol == "json":
        prefix, _, name = exchange.request.get("x-amz-target", "").partition(".")
        right = prefix == model(service).metadata["targetPrefix"] and name in model(service).operation_names
        return (model(service).operation_model(name), {}) if right else None
    if protocol == "query":
        fields = dict(urllib.parse.parse_qsl(body.decode()))
        name = fields.get("Action")
        right = name in model(service).operation_names and fields.get("Version") == model(service).api_version
        return (model(service).operation_model(name), {}) if right else None
    return rest(service, exchange)


def rest(service, exchange):
    query, best = dict(exchange.query), None
    path = exchange.path.rstrip("/") or "/"
    for method, pattern, fixed, operation in routes(service):
        match = pattern.fullmatch(path)
        if method != exchange.method or not match:
            continue
        if any(query.get(name) != value for name, value in fixed.items()):
            continue
        needed = required(operation)
        if not all(name in (query if where == "querystring" else exchange.request) for where, name in needed):
            continue
        # `x-id` is the SDK's own word for which operation it means. Deprecated operations share the paths of their successors.
        named = query.get("x-id") == operation.name
        score = (named, not operation.deprecated, len(fixed) + len(needed), operation.name == "ListBuckets")
        if best is None or score > best[0]:
            best = (score, operation, {name: urllib.parse.unquote(text) for name, text in match.groupdict().items()})
    return best and best[1:]


def required(operation):
    shape = operation.input_shape
    members = [shape.members[name].serialization for name in shape.required_members] if shape else []
    return [(m["location"], m["name"].lower() if m["location"] == "header" else m["name"])
            for m in members if m.get("location") in ("querystring", "header")]


def used(sources):
    """The operations whose request builders a source tree of Rust names, by service.

    A file that names SDK crates calls those; in another one a call is counted when it can be of one service only. Those of
    services without a crate are listed in `operations! { "iam": GetRole<'_> -> …, }`."""
    texts = [path.read_text() for path in pathlib.Path(sources).rglob("*.rs")]
    crates = {service: crate for service, (_, crate) in SERVICES.items() if any(crate in text for text in texts)}
    found = {service: set() for service in crates}
    for text in texts:
        calls = set(re.findall(r"\.([a-z0-9_]+)\(\)", text))
        named = [service for service, crate in crates.items() if crate in text]
        for call in calls:
            having = [service for service in named or crates if call in builders(service)]
            if named or len(having) == 1:
                for service in having:
                    found[service].add(builders(service)[call])
    for path in pathlib.Path(sources).rglob("*.rs"):
        if "tests" not in path.parts:
            for service, listed in re.findall(r'^operations! \{\s*"(\w+)":(.*?)^\}', path.read_text(), re.DOTALL | re.MULTILINE):
                found.setdefault(service, set()).update(re.findall(r"(\w+)(?:<'_>)? ->", listed))
    return {service: sorted(names) for service, names in found.items()}


@functools.lru_cache(None)
def builders(service):
    return {xform_name(name): name for name in model(service).operation_names}
