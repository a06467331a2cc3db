"""HTTP/1.1 exchanges out of what a recorder took down: a file of bytes per direction and connection."""
import base64
import binascii
import dataclasses
import hashlib
import pathlib
import urllib.parse
import zlib


class Cut(Exception):
    """The recording ends in the middle of a message, because a side went away."""


class Headers(dict):
    """Names in lower case; of repeated headers the values joined by commas."""

    def add(self, name, value):
        name = name.lower()
        self[name] = f"{self[name]},{value}" if name in self else value


@dataclasses.dataclass
class Exchange:
    method: str
    target: str
    request: Headers
    body: bytes
    status: int
    response: Headers
    answer: bytes
    # Whether the answer was recorded to its end.
    whole: bool = True

    @property
    def path(self):
        return self.target.partition("?")[0]

    @property
    def query(self):
        return urllib.parse.parse_qsl(self.target.partition("?")[2], keep_blank_values=True)

    def __str__(self):
        return f"{self.method} {self.target} -> {self.status}"


class Stream:
    """Bytes of one direction of a connection."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def ended(self):
        return self.at >= len(self.data)

    def line(self):
        end = self.data.find(b"\r\n", self.at)
        if end < 0:
            raise Cut
        line, self.at = self.data[self.at:end], end + 2
        return line.decode("latin-1")

    def take(self, length):
        if self.at + length > len(self.data):
            raise Cut
        taken, self.at = self.data[self.at:self.at + length], self.at + length
        return taken

    def rest(self):
        taken, self.at = self.data[self.at:], len(self.data)
        return taken

    def headers(self):
        headers = Headers()
        while line := self.line():
            name, _, value = line.partition(":")
            headers.add(name, value.strip())
        return headers

    def chunks(self, part):
        """A chunked body, as far as there is one; its chunks go to `part`."""
        while size := int(self.line().partition(";")[0], 16):
            part.append(self.take(size))
            self.take(2)
        self.headers()

    def body(self, headers, part, until_end):
        if "chunked" in headers.get("transfer-encoding", ""):
            self.chunks(part)
        elif "content-length" in headers:
            part.append(self.take(int(headers["content-length"])))
        elif until_end:
            part.append(self.rest())


def answer_of(down, method):
    """The final answer to a request: status, headers, body, and whether it is whole."""
    while True:
        status = int(down.line().split(" ")[1])
        headers = down.headers()
        if status >= 200:
            break
    part = []
    if method == "HEAD" or status in (204, 304):
        return status, headers, b"", True
    try:
        down.body(headers, part, until_end=True)
    except Cut:
        return status, headers, b"".join(part), False
    return status, headers, b"".join(part), True


def of_connection(up, down):
    while not up.ended():
        try:
            method, target, _ = up.line().split(" ")
            headers, part = up.headers(), []
            up.body(headers, part, until_end=False)
            status, response, answer, whole = answer_of(down, method)
        except Cut:
            return
        yield Exchange(method, target, headers, b"".join(part), status, response, answer, whole)


def exchanges(folder):
    """Every exchange of a recording that has an answer."""
    for up in sorted(pathlib.Path(folder).glob("*.up")):
        down = up.with_suffix(".down")
        yield from of_connection(Stream(up.read_bytes()), Stream(down.read_bytes()))


def payload(exchange, note):
    """The request's body without `aws-chunked`; what contradicts its headers goes to `note`."""
    headers, body = exchange.request, exchange.body
    declared = headers.get("x-amz-content-sha256", "")
    trailers = Headers()
    if declared.startswith("STREAMING-"):
        stream, part = Stream(body), []
        while size := int(stream.line().partition(";")[0], 16):
            part.append(stream.take(size))
            stream.take(2)
        trailers = stream.headers() if b":" in stream.data[stream.at:] else trailers
        body = b"".join(part)
        if headers.get("x-amz-decoded-content-length") != str(len(body)):
            note(f"x-amz-decoded-content-length is not the body's {len(body)}")
        if "aws-chunked" not in headers.get("content-encoding", ""):
            note("a body in chunks without `content-encoding: aws-chunked`")
        promised = {name.strip() for name in headers.get("x-amz-trailer", "").split(",") if name.strip()}
        if promised != set(trailers):
            note(f"x-amz-trailer promises {promised}, sent are {set(trailers)}")
    elif len(declared) == 64 and declared != hashlib.sha256(body).hexdigest():
        note("x-amz-content-sha256 is not the body's")
    given = Headers(headers)
    given.update(trailers)
    checksums(given, body, note)
    return body, given


def checksums(headers, body, note):
    known = {
        "content-md5": lambda: hashlib.md5(body).digest(),
        "x-amz-checksum-crc32": lambda: zlib.crc32(body).to_bytes(4, "big"),
        "x-amz-checksum-sha1": lambda: hashlib.sha1(body).digest(),
        "x-amz-checksum-sha256": lambda: hashlib.sha256(body).digest(),
    }
    for name, digest in known.items():
        try:
            if name in headers and base64.b64decode(headers[name], validate=True) != digest():
                note(f"{name} is not the body's")
        except binascii.Error:
            note(f"{name} is not base64")
