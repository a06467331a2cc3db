"""Values out of JSON, XML, query strings and headers by botocore's shapes, and the shapes' rules about values.

botocore's own parsers pass over what they do not know and its own validator leaves out enumerations and patterns; so both are here."""
import base64
import binascii
import datetime
import email.utils
import functools
import re

NUMBERS = {"integer": int, "long": int, "float": float, "double": float}


class Reader:
    """Reads values; what is wrong goes to `note`."""

    def __init__(self, note):
        self.note = note

    # A value as text: of a header, a query string, an XML element.
    def text(self, shape, text, path, timestamp="iso8601"):
        kind = shape.type_name
        if kind in NUMBERS:
            try:
                return NUMBERS[kind](text)
            except ValueError:
                return self.note(f"{path}: `{text}` is not {'an' if kind[0] in 'aeiou' else 'a'} {kind}")
        if kind == "boolean":
            if text not in ("true", "false"):
                self.note(f"{path}: `{text}` is no boolean")
            return text == "true"
        if kind == "timestamp":
            return self.timestamp(shape.serialization.get("timestampFormat", timestamp), text, path)
        if kind == "blob":
            return self.base64(text, path)
        if kind == "list":
            return [self.text(shape.member, part.strip(), path) for part in text.split(",")]
        return text

    def base64(self, text, path):
        try:
            return base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError, TypeError):
            return self.note(f"{path}: not base64")

    def timestamp(self, form, value, path):
        try:
            if form == "unixTimestamp":
                return datetime.datetime.fromtimestamp(float(value), datetime.timezone.utc)
            if form == "rfc822":
                if not value.endswith(" GMT"):
                    raise ValueError
                return email.utils.parsedate_to_datetime(value)
            if not value.endswith("Z"):
                raise ValueError
            return datetime.datetime.fromisoformat(value.replace("Z", "+00:00"))
        except (ValueError, TypeError, OverflowError):
            return self.note(f"{path}: `{value}` is no timestamp of the form {form}")

    def json(self, shape, value, path):
        kind = shape.type_name
        if kind == "structure":
            if not isinstance(value, dict):
                return self.note(f"{path}: no object")
            if shape.is_document_type:
                return value
            names = {m.serialization.get("name", name): name for name, m in shape.members.items() if "location" not in m.serialization}
            for key in value.keys() - names.keys():
                self.note(f"{path}: the model has no member `{key}`")
            return {
                names[key]: self.json(shape.members[names[key]], inner, f"{path}.{names[key]}")
                for key, inner in value.items() if key in names and inner is not None
            }
        if kind == "list":
            if not isinstance(value, list):
                return self.note(f"{path}: no list")
            return [self.json(shape.member, inner, f"{path}[]") for inner in value]
        if kind == "map":
            if not isinstance(value, dict):
                return self.note(f"{path}: no map")
            return {key: self.json(shape.value, inner, f"{path}.{key}") for key, inner in value.items()}
        if kind == "timestamp":
            return self.timestamp(shape.serialization.get("timestampFormat", "unixTimestamp"), value, path)
        if kind == "blob":
            return self.base64(value, path)
        expected = {"boolean": bool, "integer": int, "long": int, "float": (int, float), "double": (int, float)}.get(kind, str)
        if not isinstance(value, expected) or (expected is int and isinstance(value, bool)):
            return self.note(f"{path}: {value!r} is not {'an' if kind[0] in 'aeiou' else 'a'} {kind}")
        return value

    def xml(self, shape, nodes, path):
        """`nodes` are all elements of the member's name: one, but of flattened lists and maps any number."""
        kind, node = shape.type_name, nodes[0]
        flat = shape.serialization.get("flattened")
        if len(nodes) > 1 and not flat:
            self.note(f"{path}: {len(nodes)} elements")
        if kind == "structure":
            return self.xml_structure(shape, node, path)
        if kind == "list":
            name = shape.member.serialization.get("name", "member")
            items = nodes if flat else list(node)
            if not flat and any(local(item) != name for item in items):
                self.note(f"{path}: holds elements other than `{name}`")
            return [self.xml(shape.member, [item], f"{path}[]") for item in items]
        if kind == "map":
            entries = nodes if flat else list(node)
            names = [s.serialization.get("name", default) for s, default in ((shape.key, "key"), (shape.value, "value"))]
            pairs = [[c for c in entry if local(c) == name] for entry in entries for name in names]
            return {k[0].text: self.xml(shape.value, v, f"{path}.{k[0].text}") for k, v in zip(pairs[::2], pairs[1::2])}
        if len(node):
            self.note(f"{path}: holds elements")
        return self.text(shape, node.text or "", path)

    def xml_structure(self, shape, node, path):
        found = {}
        for child in node:
            found.setdefault(local(child), []).append(child)
        value = {}
        for name, member in shape.members.items():
            given = member.serialization
            if "location" in given or given.get("eventpayload"):
                continue
            key = given.get("name", name)
            if member.type_name == "list" and given.get("flattened"):
                key = member.member.serialization.get("name", key)
            if given.get("xmlAttribute"):
                text = next((v for k, v in node.attrib.items() if k.rpartition("}")[2] == key.rpartition(":")[2]), None)
                if text is not None:
                    value[name] = self.text(member, text, f"{path}.{name}")
            elif key in found:
                value[name] = self.xml(member, found.pop(key), f"{path}.{name}")
        for key in found:
            self.note(f"{path}: the model has no element `{key}`")
        return value

    def form(self, shape, fields, prefix, path):
        """A value of the query protocol: `Tags.member.1.Key=…`; what is read is taken out of `fields`."""
        kind, dot = shape.type_name, f"{prefix}." if prefix else ""
        if kind == "structure":
            value = {}
            for name, member in shape.members.items():
                key = dot + member.serialization.get("name", name)
                if any(field == key or field.startswith(f"{key}.") for field in fields):
                    value[name] = self.form(member, fields, key, f"{path}.{name}")
            return value
        if kind == "list":
            stem = dot if shape.serialization.get("flattened") else dot + shape.member.serialization.get("name", "member") + "."
            numbers = sorted({int(rest.partition(".")[0]) for field in list(fields) if (rest := after(field, stem))})
            return [self.form(shape.member, fields, f"{stem}{n}", f"{path}[]") for n in numbers]
        if kind == "map":
            entries = sorted({int(rest.partition(".")[0]) for field in list(fields) if (rest := after(field, f"{dot}entry."))})
            return {
                fields.pop(f"{dot}entry.{n}.key"): self.form(shape.value, fields, f"{dot}entry.{n}.value", path) for n in entries
            }
        return self.text(shape, fields.pop(prefix), path)


def local(node):
    return node.tag.rpartition("}")[2]


def after(text, stem):
    return text[len(stem):] if text.startswith(stem) else None


@functools.lru_cache(None)
def pattern_of(text):
    # Unicode categories, which Python's expressions do not have; these hold a little more.
    for java, python in ((r"\p{L}", r"\w"), (r"\p{Z}", r"\s"), (r"\p{N}", r"\d")):
        text = text.replace(java, python)
    return re.compile(text, re.DOTALL)


def rules(shape, value, path, note):
    """The shape's rules: required members, lengths, ranges, patterns, enumerations."""
    if value is None:
        return
    kind, limits = shape.type_name, shape.metadata
    if kind == "structure":
        for name in shape.required_members:
            if value.get(name) is None:
                note(f"{path}: the required member `{name}` is missing")
        if getattr(shape, "is_tagged_union", False) and len(value) != 1:
            note(f"{path}: a union with {len(value)} members")
        for name, inner in value.items():
            if name in shape.members:
                rules(shape.members[name], inner, f"{path}.{name}", note)
        return
    if kind == "list":
        for inner in value:
            rules(shape.member, inner, f"{path}[]", note)
    if kind == "map":
        for key, inner in value.items():
            rules(shape.key, key, f"{path} (key)", note)
            rules(shape.value, inner, f"{path}.{key}", note)
    if kind in ("string", "blob", "list", "map") and hasattr(value, "__len__"):
        between(limits, len(value), f"{path}: length", note)
    if kind in NUMBERS:
        between(limits, value, path, note)
    if kind == "string":
        if limits.get("enum") and value not in limits["enum"]:
            note(f"{path}: `{value}` is none of {limits['enum'][:12]}")
        if limits.get("pattern") and not pattern_of(limits["pattern"]).fullmatch(value):
            note(f"{path}: `{value}` does not match {limits['pattern']}")


def between(limits, value, what, note):
    low, high = limits.get("min"), limits.get("max")
    if (low is not None and value < low) or (high is not None and value > high):
        note(f"{what} {value} is not in {low}..{high}")
