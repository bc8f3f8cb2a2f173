"""The server under test: started on a free loopback port with its own data, ended by process id only."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from harness.client import Client
from harness.report import Wrong, demand, equal

PATIENCE = 30.0

ISSUE: dict[str, Any] = {
    "operator_id": "op_acme_corp",
    "jurisdiction": "EU",
    "risk_classification": "high",
    "policy_bundle": "eu_ai_act+gdpr",
    "capability_attestation": {"model": "claude-opus-4-7", "provider_signature": "..."},
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def scratch(name: str) -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix=f"aegis-conformance-{name}-"))
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


class Server:
    """A sandbox. It may be killed and started again on the same data, port and origin."""

    def __init__(self, aegis: Path, data: Path, database: str | None = None, **settings: str) -> None:
        self.aegis, self.data = aegis, data
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.log = data.with_name(data.name + ".log")
        self.process: subprocess.Popen[bytes] | None = None
        self.settings = {"AEGIS__TELEMETRY__LOG_LEVEL": "warn", "AEGIS__TELEMETRY__ACCESS_LOG": "off", **settings}
        if database is not None:
            self.settings["AEGIS__DATABASE__URL"] = database

    def spawn(self, **settings: str) -> "subprocess.Popen[bytes]":
        """The process alone, not yet ready. What it prints is appended to `log`."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AEGIS")}
        command: list[str | Path] = [self.aegis, "serve", "--listen", f"127.0.0.1:{self.port}", "--data", self.data]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=self.data.parent,
                env={**inherited, **self.settings, **settings},
            )
        return self.process

    def start(self, **settings: str) -> "Server":
        said = self.log.stat().st_size if self.log.exists() else 0
        process = self.spawn(**settings)
        deadline = time.monotonic() + PATIENCE
        while True:
            with self.log.open("rb") as log:
                log.seek(said)
                text = log.read()
            if f"ready on {self.base}\n".encode() in text:
                return self
            if process.poll() is not None:
                raise Wrong(f"the server ended with {process.returncode}: {text.decode(errors='replace').strip()}")
            demand(time.monotonic() < deadline, f"not ready after {PATIENCE} s: {text.decode(errors='replace')}")
            time.sleep(0.005)

    def kill(self) -> None:
        """SIGKILL, as a power cut would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def stop(self) -> None:
        """SIGTERM must end it with status 0."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                equal(self.process.wait(PATIENCE), 0, "exit status after SIGTERM")
            except subprocess.TimeoutExpired:
                self.kill()
                raise Wrong(f"still running {PATIENCE} s after SIGTERM") from None

    @property
    def credentials(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.data / "sandbox.json").read_text())
        return found

    def public(self) -> Client:
        return Client(self.base)

    def operator(self) -> Client:
        return Client(self.base, self.credentials["operator"]["apiKey"])

    def admin(self) -> Client:
        return Client(self.base, self.credentials["adminKey"])

    def lift_limits(self) -> None:
        """The default is ten passports an hour."""
        wanted = {"issue_per_hour": 1_000_000, "amend_per_hour": 1_000_000}
        answer = self.admin().call("PUT", "/registry/operators/op_acme_corp/limits", wanted)
        equal(answer.status, 200, f"PUT limits {answer.raw!r}")

    def paths(self) -> dict[str, Any]:
        """The operations this server says it has."""
        found: dict[str, Any] = self.public().get("/openapi.json").json["paths"]
        return found


@contextlib.contextmanager
def sandbox(aegis: Path, name: str, **settings: str) -> Iterator[Server]:
    """A fresh sandbox with lifted limits, stopped at the end."""
    with scratch(name) as directory:
        server = Server(aegis, directory / "data", None, **settings)
        try:
            server.start().lift_limits()
            yield server
            server.stop()
        finally:
            server.kill()


def issue(client: Client, **changes: object) -> dict[str, Any]:
    answer = client.post("/api/agent/issue", {**ISSUE, **changes})
    equal(answer.status, 201, f"issue {answer.raw!r}")
    passport: dict[str, Any] = answer.json
    return passport


def verify(client: Client, passport: object, **more: object) -> dict[str, Any]:
    answer = client.post("/api/agent/verify", {"passport": passport, **more})
    equal(answer.status, 200, f"verify {answer.raw!r}")
    verdict: dict[str, Any] = answer.json
    return verdict


def revoke(client: Client, **target: object) -> dict[str, Any]:
    answer = client.post("/registry/revoke", {"reason": "conformance", **target})
    equal(answer.status, 200, f"revoke {answer.raw!r}")
    done: dict[str, Any] = answer.json
    return done


def integrated(client: Client, path: str, patience: float = 5.0) -> bytes:
    """The answer of `path` once the log has taken the entry in; until then it is 503."""
    deadline = time.monotonic() + patience
    while True:
        answer = client.get(path)
        if answer.status == 200:
            return answer.raw
        demand(answer.status == 503 and time.monotonic() < deadline, f"GET {path}: {answer.status} {answer.raw!r}")
        time.sleep(0.05)

