"""Stock packages judge what a receiver of webhooks gets from a running server.

Proven: PyPI and npm `standardwebhooks` accept live deliveries, also with each of two secrets while a rotation lasts,
and refuse altered ones; `cryptography` and `node:crypto` say the same of asymmetric signatures; the known answer of the
contract is accepted. A delivery that a crash interrupted comes again under the same id. A stream of events shows the
same, resumes, and lets the server stop. A URL that leads to a private address is never called, whatever its name.
"""

import argparse
import base64
import http.client
import http.server
import json
import queue
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from standardwebhooks import Webhook, WebhookVerificationError

from harness.client import Client
from harness.report import Report, demand, equal, shorten
from harness.server import Server, issue, sandbox, scratch

HERE = Path(__file__).resolve().parent
CONFORMANCE = HERE.parent
PATIENCE = 20.0


@dataclass(frozen=True)
class Message:
    """One message as it came."""

    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    def with_header(self, name: str, value: str) -> "Message":
        return replace(self, headers={**self.headers, name: value})


class Receiver:
    """A server on loopback that keeps what comes; while `silent`, it takes a message and never answers."""

    def __init__(self) -> None:
        self.messages: queue.Queue[Message] = queue.Queue()
        self.silent = False
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.messages.put(Message({name.lower(): value for name, value in self.headers.items()}, body))
                if receiver.silent:
                    # Whoever asked is killed meanwhile.
                    self.rfile.read()
                    return
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hook"

    def next(self) -> Message:
        try:
            return self.messages.get(timeout=PATIENCE)
        except queue.Empty:
            raise AssertionError(f"no message within {PATIENCE} s") from None


def endpoint(client: Client, url: str, **more: object) -> dict[str, Any]:
    answer = client.post("/v1/webhooks", {"url": url, "events": ["*"], **more})
    equal(answer.status, 201, f"create {answer.raw!r}")
    made: dict[str, Any] = answer.json
    return made


# --- judges -----------------------------------------------------------------------------------------------------------


def python_accepts(kind: str, key: str, message: Message) -> bool:
    if kind == "v1":
        try:
            Webhook(key).verify(message.body, message.headers)
            return True
        except WebhookVerificationError:
            return False
    public = Ed25519PublicKey.from_public_bytes(base64.b64decode(key.removeprefix("whpk_")))
    signed = f"{message.id}.{message.headers['webhook-timestamp']}.".encode() + message.body
    for part in message.headers["webhook-signature"].split():
        version, _, signature = part.partition(",")
        if version == "v1a":
            try:
                public.verify(base64.b64decode(signature), signed)
                return True
            except InvalidSignature:
                pass
    return False


@dataclass
class Judged:
    name: str
    kind: str
    key: str
    message: Message
    accepted: bool


def node_verdicts(cases: list[Judged]) -> list[bool]:
    written = [
        {"kind": case.kind, "key": case.key, "headers": case.message.headers,
         "body": base64.b64encode(case.message.body).decode()}
        for case in cases
    ]
    with scratch("webhooks-node") as directory:
        file = directory / "cases.json"
        file.write_text(json.dumps(written))
        done = subprocess.run(["node", HERE / "recipe.mjs", file], capture_output=True, text=True, cwd=HERE, check=False)
    demand(done.returncode == 0, f"the tool failed: {shorten(done.stderr, 2000)}")
    return [line == "accepted" for line in done.stdout.splitlines()]


def variants(name: str, kind: str, key: str, message: Message, others: str) -> list[Judged]:
    """The message as it came, and what must not pass for it."""
    first, rest = message.body[:40], message.body[40:]
    altered = [
        ("body changed", replace(message, body=first + b" " + rest)),
        ("body cut", replace(message, body=message.body[:-1])),
        ("another id", message.with_header("webhook-id", "evt_019e099acb007b6a9d0e1f2031425364")),
        ("another time", message.with_header("webhook-timestamp", str(int(message.headers["webhook-timestamp"]) - 1))),
        ("no signature of this kind", message.with_header("webhook-signature", "v0,AAAA")),
    ]
    cases = [Judged(f"{name}: as it came", kind, key, message, True)]
    cases += [Judged(f"{name}: {what}", kind, key, changed, False) for what, changed in altered]
    return [*cases, Judged(f"{name}: another key", kind, others, message, False)]


def live(server: Server) -> list[Judged]:
    """Messages of one endpoint before and after a rotation, and of another one."""
    operator, receiver, stranger = server.operator(), Receiver(), Receiver()
    made = endpoint(operator, receiver.url, asymmetric=True)
    other = endpoint(operator, stranger.url, asymmetric=True)
    passport = issue(operator)
    message, elsewhere = receiver.next(), stranger.next()
    equal(message.id, elsewhere.id, "id of the same event for two receivers")
    equal(message.body, elsewhere.body, "body of the same event for two receivers")
    equal(json.loads(message.body)["data"]["passport_id"], passport["passport_id"], "passport_id")
    cases = variants("v1", "v1", made["secret"], message, other["secret"])
    cases += variants("v1a", "v1a", made["publicKeys"][0], message, other["publicKeys"][0])
    rotated = operator.post(f"/v1/webhooks/{made['id']}/rotate")
    equal(rotated.status, 200, f"rotate {rotated.raw!r}")
    issue(operator)
    later = receiver.next()
    cases.append(Judged("after a rotation: the old secret", "v1", made["secret"], later, True))
    cases.append(Judged("after a rotation: the new secret", "v1", rotated.json["secret"], later, True))
    cases.append(Judged("before the rotation: the new secret", "v1", rotated.json["secret"], message, False))
    for key in rotated.json["publicKeys"]:
        cases.append(Judged("after a rotation: each public key", "v1a", key, later, True))
    return cases


def known_answer() -> None:
    """The contract's vector; its time lies far away, so the signature alone is compared."""
    from datetime import datetime, timezone

    body = '{"type":"transfer.delivered","timestamp":"2026-11-21T17:40:00Z","data":{"transferId":"tr_01"}}'
    at = datetime.fromtimestamp(1795282800, timezone.utc)
    signed = Webhook("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX").sign("msg_01", at, body)
    equal(signed, "v1,P/nR3bDy3vu2SNH/Om4KzOD9VpUR/LkJxrWWqOPnnlM=", "signature of the known answer")


# --- deliveries and streams -------------------------------------------------------------------------------------------


def crash(server: Server) -> str:
    """kill -9 while a receiver holds the message; the next process sends it again."""
    receiver = Receiver()
    receiver.silent = True
    endpoint(server.operator(), receiver.url)
    issue(server.operator())
    first = receiver.next()
    server.kill()
    receiver.silent = False
    server.start()
    # The attempt that was interrupted is leased for a minute.
    equal(server.public().post("/sandbox/clock", {"advanceSeconds": 61}).status, 200, "clock")
    again = receiver.next()
    equal(again.id, first.id, "id of the message after the crash")
    equal(again.body, first.body, "body of the message after the crash")
    return first.id


class Stream:
    """A stream of events, read frame by frame."""

    def __init__(self, server: Server, last: str | None = None) -> None:
        self.connection = http.client.HTTPConnection(urlsplit(server.base).netloc, timeout=PATIENCE)
        headers = {"X-API-Key": server.credentials["operator"]["apiKey"]}
        if last is not None:
            headers["Last-Event-ID"] = last
        self.connection.request("GET", "/v1/events/stream", headers=headers)
        self.answer = self.connection.getresponse()
        equal(self.answer.status, 200, "status of the stream")

    def next(self) -> dict[str, str]:
        fields: dict[str, str] = {}
        while True:
            line = self.answer.readline().decode().rstrip("\n")
            if line == "" and "id" in fields:
                return fields
            name, _, value = line.partition(": ")
            if name:
                fields[name] = value

    def ended(self) -> bool:
        """Whether the stream ends by itself, comments apart."""
        return all(line.startswith(b":") or line == b"\n" for line in iter(self.answer.readline, b""))


def streams(server: Server) -> None:
    operator = server.operator()
    stream = Stream(server)
    issue(operator)
    seen = stream.next()
    equal(seen["event"], "passport.issued", "kind")
    stream.connection.close()
    issue(operator)
    resumed = Stream(server, seen["id"])
    missed = resumed.next()
    listed = operator.get("/v1/events?limit=200").json["events"]
    equal([event["id"] for event in listed][-2:], [seen["id"], missed["id"]], "the newest events by polling")
    equal(json.loads(missed["data"]), listed[-1], "the same event by polling and as it comes")
    begun = time.monotonic()
    server.stop()
    demand(time.monotonic() - begun < 10, "an open stream held up the end of the server")
    demand(resumed.ended(), "the stream went on")


# --- addresses --------------------------------------------------------------------------------------------------------

CANARIES = ["10.0.0.1", "100.64.0.1", "169.254.169.254", "172.16.0.1", "192.168.0.1", "198.18.0.1", "192.0.2.1"]
CANARIES_V6 = ["fd00:ec2::254", "2001:db8::1", "64:ff9b:1::a00:1"]


def canaries() -> None:
    """Run inside a network of its own: every private address listens, and names lead to them. Prints what was called."""
    called: list[str] = []
    names = {}
    for index, address in enumerate([*CANARIES, *CANARIES_V6]):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        command = ["ip", "address", "add", f"{address}/{128 if ':' in address else 32}", "dev", "lo"]
        subprocess.run([*command, *(["nodad"] if ":" in address else [])], check=True)
        listener = socket.create_server((address, 443), family=family)

        def accept(listener: socket.socket = listener, address: str = address) -> None:
            while True:
                listener.accept()[0].close()
                called.append(address)

        threading.Thread(target=accept, daemon=True).start()
        names[f"canary-{index}.example"] = address
    hosts = Path(sys.argv[2]) / "hosts"
    lines = [f"{address} {name}" for name, address in names.items()]
    # One name with a good and a bad address: the good one must not be called either.
    hosts.write_text("\n".join(["127.0.0.1 localhost", *lines, "127.0.0.1 mixed.example", "10.0.0.1 mixed.example"]) + "\n")
    subprocess.run(["mount", "--bind", str(hosts), "/etc/hosts"], check=True)
    socket.create_connection(("canary-0.example", 443)).close()
    time.sleep(0.2)
    equal(called, ["10.0.0.1"], "what the canary itself called")
    called.clear()
    server = Server(Path(sys.argv[1]), Path(sys.argv[2]) / "data", None)
    server.start()
    operator = server.operator()
    made = [endpoint(operator, f"https://{name}/") for name in [*names, "mixed.example"]]
    for address in names.values():
        literal = f"[{address}]" if ":" in address else address
        refused = operator.post("/v1/webhooks", {"url": f"https://{literal}/", "events": ["*"]})
        equal(refused.status, 400, f"create for {address}")
    issue(operator)
    server.public().post("/sandbox/tick")
    for one in made:
        attempts = operator.get(f"/v1/webhooks/{one['id']}/deliveries").json["deliveries"][0]["attempts"]
        equal(attempts[0]["failure"], "private_address", f"attempt at {one['url']}")
    server.stop()
    equal(called, [], "canaries that were called")
    print(len(made))


def without_calls(aegis: Path) -> str:
    with scratch("webhooks-canaries") as directory:
        inside = f"ip link set lo up && exec '{sys.executable}' '{HERE / 'check.py'}' '{aegis}' '{directory}'"
        command = ["unshare", "--map-root-user", "--net", "--mount", "sh", "-c", inside]
        done = subprocess.run(
            command, capture_output=True, text=True, cwd=CONFORMANCE, check=False,
            env={"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "PYTHONPATH": str(CONFORMANCE)},
        )
    demand(done.returncode == 0, shorten(done.stdout + done.stderr, 3000))
    return f"{done.stdout.split()[-1]} names"


def networks_can_be_made() -> bool:
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        return False
    probe = ["unshare", "--map-root-user", "--net", "--mount", "ip", "link", "set", "lo", "up"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


@contextmanager
def restartable(aegis: Path, name: str) -> Iterator[Server]:
    """A sandbox that the check itself stops or kills."""
    with scratch(name) as directory:
        server = Server(aegis, directory / "data", None)
        try:
            server.start().lift_limits()
            yield server
        finally:
            server.kill()


def run(report: Report, options: argparse.Namespace) -> None:
    with report.check("known answer"):
        known_answer()
    with sandbox(options.aegis, "webhooks") as server:
        cases: list[Judged] = []
        with report.check("messages arrive, the same for two receivers"):
            cases = live(server)
    with report.check("PyPI standardwebhooks and cryptography") as case:
        for one in cases:
            equal(python_accepts(one.kind, one.key, one.message), one.accepted, one.name)
        demand(cases, "there is nothing to judge")
        case.note = f"{len(cases)} verdicts"
    if shutil.which("node") and (CONFORMANCE / "node_modules" / "standardwebhooks").is_dir():
        with report.check("npm standardwebhooks and node:crypto") as case:
            for one, accepted in zip(cases, node_verdicts(cases), strict=True):
                equal(accepted, one.accepted, one.name)
            demand(cases, "there is nothing to judge")
            case.note = f"{len(cases)} verdicts"
    else:
        report.skip("npm standardwebhooks", "there is no node of version 20 or newer")
    with restartable(options.aegis, "webhooks-crash") as server, report.check("a message survives kill -9") as case:
        case.note = crash(server)
    with restartable(options.aegis, "webhooks-stream") as server, report.check("a stream resumes, and ends with the server"):
        streams(server)
    if networks_can_be_made():
        with report.check("no private address is called, whatever its name") as case:
            case.note = without_calls(options.aegis)
    else:
        report.skip("addresses that must not be called", "this system lets this user make no network of its own")


if __name__ == "__main__":
    canaries()
