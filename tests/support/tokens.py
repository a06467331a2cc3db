"""A token server for distribution's registry, as Docker Hub has one: https://distribution.github.io/distribution/spec/auth/token/

Arguments: port, service, certificate (PEM), key (PEM), user, password. Anonymous callers may pull from repositories below
`public/`; the user may do everything. Each request's scopes go to standard output, one line each."""
import base64
import http.server
import json
import subprocess
import sys
import time
import urllib.parse
import uuid

port, service, certificate, key, user, password = sys.argv[1:]
CHAIN = ["".join(open(certificate, encoding="ascii").read().split("\n")[1:-2])]


def encoded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token(subject, access):
    now = int(time.time())
    claims = {"iss": "tokens", "sub": subject, "aud": service, "exp": now + 300, "nbf": now - 10, "iat": now,
              "jti": str(uuid.uuid4()), "access": access}
    head = {"typ": "JWT", "alg": "RS256", "x5c": CHAIN}
    text = ".".join(encoded(json.dumps(part).encode()) for part in (head, claims))
    sign = ["openssl", "dgst", "-sha256", "-sign", key]
    return f"{text}.{encoded(subprocess.run(sign, input=text.encode(), capture_output=True, check=True).stdout)}"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        scopes = [scope for text in query.get("scope", []) for scope in text.split(" ")]
        print(" ".join(scopes), flush=True)
        given = self.headers.get("authorization")
        known = given == "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        if query.get("service") != [service] or (given and not known):
            return self.answer(401, {"errors": [{"code": "UNAUTHORIZED", "message": "wrong user or password"}]})
        access = []
        for scope in scopes:
            kind, name, actions = scope.split(":")
            allowed = actions.split(",") if known else ["pull"] if name.startswith("public/") else []
            access.append({"type": kind, "name": name, "actions": allowed})
        return self.answer(200, {"token": token(user if known else "", access), "expires_in": 300})

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", int(port)), Handler).serve_forever()
