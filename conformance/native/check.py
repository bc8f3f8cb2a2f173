"""Stock packages of four languages, cut off from the network, judge live passports as the twelve-line recipe says.

Proven with each tool: a live passport is valid; tampered, expired, unknown-key, wrong-key, wrong-purpose, revoked and
stale ones are refused, each for its own reason; a forged or altered revocation list is refused; rotation of the
signing key keeps older passports valid, its revocation ends them; the known answer of vectors/passport holds, with the
very bytes that were signed. One tool judges every single-byte change, the others a sample.
"""

import argparse
import base64
import hashlib
import json
import os
import random
import shutil
import subprocess
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from harness.report import Report, demand, equal, shorten
from harness.server import Server, issue, revoke, sandbox, scratch

HERE = Path(__file__).resolve().parent
CONFORMANCE = HERE.parent
VECTOR = CONFORMANCE.parent / "vectors" / "passport" / "v1.json"
VALID = "valid"
TAMPERED = {"malformed", "unknown-key", "bad-signature"}


@dataclass
class Judged:
    """One case, and the verdicts that are right."""

    name: str
    passport: bytes
    now: str
    list: str | None
    expected: set[str]


def canonical(document: dict[str, Any]) -> bytes:
    return rfc8785.dumps({name: value for name, value in document.items() if name != "signature"})


def signed(document: dict[str, Any], key: Ed25519PrivateKey) -> dict[str, Any]:
    raw = base64.urlsafe_b64encode(key.sign(canonical(document))).decode().rstrip("=")
    return {**document, "signature": f"ed25519:{raw}"}


def raw_of(document: object) -> bytes:
    return rfc8785.dumps(document)  # type: ignore[arg-type]


def later(text: str, seconds: int) -> str:
    at = datetime.fromisoformat(text.replace("Z", "+00:00")) + timedelta(seconds=seconds)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


# --- evidence ---------------------------------------------------------------------------------------------------------


@dataclass
class Evidence:
    keys: dict[str, Any]
    lists: dict[str, dict[str, Any]]
    cases: list[Judged]

    def write(self, path: Path, cases: list[Judged]) -> None:
        written = [
            {"passport": base64.b64encode(case.passport).decode(), "now": case.now, "list": case.list} for case in cases
        ]
        path.write_text(json.dumps({"keys": self.keys, "lists": self.lists, "cases": written}))


def live(server: Server) -> tuple[Evidence, dict[str, Any]]:
    """Passports and documents as this server publishes them, and what becomes of them."""
    operator, public, forger = server.operator(), server.public(), Ed25519PrivateKey.generate()
    good, gone = issue(operator), issue(operator)
    one, other = issue(operator), issue(operator)
    agent = good["agent_id"]
    beside = issue(operator, agent_id=agent)
    revoke(operator, agent_id=gone["agent_id"])
    revoke(operator, passport_id=beside["passport_id"])
    keys = public.get("/registry/keys").json
    listed = public.get("/registry/revocations").json
    equal(listed["count"], 2, "count of revocations")
    status_key = next(key["key_id"] for key in keys["service_keys"] if key["purpose"] == "status")
    now = listed["as_of"]
    lists = {
        "live": listed,
        "altered": {**listed, "revocations": [], "count": 0},
        "forged": signed({**listed, "revocations": [], "count": 0}, forger),
        "other typ": {**listed, "typ": "aegis-snapshot+v1"},
        "passport key": signed({**listed, "key_id": keys["active_key_id"]}, forger),
    }
    # The last of 86 characters is one of A, Q, g, w; the next letter decodes to the same 64 bytes where one is lenient.
    wrong = good["signature"][:-1] + chr(ord(good["signature"][-1]) + 1)
    wide = raw_of(good).decode()
    spaced = json.dumps(dict(reversed(good.items())), indent=2).encode()
    budget = good["staleness_budget_seconds"]

    def case(name: str, passport: Any, verdict: str, at: str = now, by: str | None = "live") -> Judged:
        return Judged(name, passport if isinstance(passport, bytes) else raw_of(passport), at, by, {verdict})

    cases = [
        case("good", good, VALID),
        case("good, members in another order and with white space", spaced, VALID),
        case("good, of other agents", one, VALID),
        case("good, status not asked for", good, VALID, by=None),
        case("good, at its first second", good, VALID, at=good["issued_at"]),
        case("before its first second", good, "not-yet-valid", at=later(good["issued_at"], -1)),
        case("in its last second, with a list of today", good, "stale", at=later(good["expires_at"], -1)),
        case("in its last second", good, VALID, at=later(good["expires_at"], -1), by=None),
        case("expired", good, "expired", at=good["expires_at"]),
        case("list as old as the budget", good, VALID, at=later(now, budget)),
        case("list a second older than the budget", good, "stale", at=later(now, budget + 1)),
        case("agent revoked", gone, "revoked"),
        case("passport revoked, its agent not", beside, "revoked"),
        case("revoked, status not asked for", gone, VALID, by=None),
        *(case(f"{name} list", good, "bad-list", by=name) for name in lists if name != "live"),
        case("key unknown", signed({**good, "key_id": "A" * 43}, forger), "unknown-key"),
        case("wrong key under our key id", signed(good, forger), "bad-signature"),
        case("key of another purpose", signed({**good, "key_id": status_key}, forger), "unknown-key"),
        case("signature of another passport", {**one, "signature": other["signature"]}, "bad-signature"),
        case("no signature", canonical(good), "malformed"),
        case("signature with stray bits in its last character", {**good, "signature": wrong}, "malformed"),
        case("signature padded", {**good, "signature": good["signature"] + "=="}, "malformed"),
        case("risk lowered", {**good, "risk_classification": "minimal"}, "bad-signature"),
        case("member added", {**good, "crit": ["scopes"]}, "bad-signature"),
        case("member doubled", (wide[:-1] + ',"jurisdiction":"US"}').encode(), "malformed"),
        case("bytes after the end", raw_of(good) + b"{}", "malformed"),
        case("empty", b"", "malformed"),
        case("not an object", b'["ed25519:"]', "malformed"),
    ]
    return Evidence(keys, lists, cases), good


def rotated(server: Server) -> Evidence:
    """After a rotation and a revocation of the signing key."""
    operator, admin, public = server.operator(), server.admin(), server.public()
    before = issue(operator)
    answer = admin.post("/registry/keys/rotate", {"purpose": "passport"})
    equal(answer.status, 200, f"rotate {answer.raw!r}")
    after = issue(operator)
    demand(after["key_id"] != before["key_id"], "the key did not change")
    keys, now = public.get("/registry/keys").json, public.get("/registry/revocations").json["as_of"]
    retired = {key["key_id"]: key["status"] for key in keys["keys"]}
    equal([retired[before["key_id"]], retired[after["key_id"]]], ["retired", "active"], "status of the keys")
    path = f"/registry/keys/{after['key_id']}/revoke"
    answer = admin.post(path, {"revoked_at": after["issued_at"], "reason": "conformance"})
    equal(answer.status, 200, f"revoke key {answer.raw!r}")
    keys = public.get("/registry/keys").json
    listed = public.get("/registry/revocations").json
    # A list may have been signed up to 15 s ago, before these passports were.
    soon = later(listed["as_of"], 30)
    cases = [
        Judged("signed by a retired key", raw_of(before), soon, "live", {VALID}),
        Judged("signed by a revoked key", raw_of(after), soon, "live", {"revoked-key"}),
        Judged("signed by the key after it", raw_of(issue(operator)), later(now, 60), None, {VALID}),
    ]
    return Evidence(keys, {"live": listed}, cases)


def known_answer(report: Report) -> Evidence:
    vector = json.loads(VECTOR.read_text())
    passport, key = vector["passport"], vector["key"]
    raw = bytes.fromhex(key["public_key_hex"])
    pem = "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n".format(
        base64.b64encode(bytes.fromhex("302a300506032b6570032100") + raw).decode()
    )
    x = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    pinned = {"key_id": key["key_id"], "status": "active", "public_key_pem": pem, "public_key_jwk": {"x": x}}
    with report.check("known answer is signed again to the same bytes"):
        seed = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(key["seed_hex"]))
        equal(signed(passport, seed), passport, "passport")
        equal(len(canonical(passport)), 937, "length of the canonical bytes")
        digest = "f170792e64d95a1dfceb16d4020a2b91c5b66b072caed74cab1b1377166c702c"
        equal(hashlib.sha256(canonical(passport)).hexdigest(), digest, "SHA-256 of the canonical bytes")
        lineage = {name: value for name, value in passport.items() if name not in ("signature", "audit_lineage_hash")}
        body = "sha256:b172c9a13067c8b58e7d95755243cbcb9a89028d0ff64fe75208d61ddddb5bfe"
        equal("sha256:" + hashlib.sha256(raw_of(lineage)).hexdigest(), body, "body digest")
    cases = [
        Judged("known answer", raw_of(passport), passport["issued_at"], None, {VALID}),
        Judged("known answer at its end", raw_of(passport), passport["expires_at"], None, {"expired"}),
    ]
    return Evidence({"keys": [pinned], "service_keys": []}, {}, cases)


def flips(passport: bytes, now: str, bits: list[int], positions: list[int]) -> list[Judged]:
    """Every change of one byte by XOR with each of `bits`."""
    return [
        Judged(f"byte {at} changed", passport[:at] + bytes([passport[at] ^ bit]) + passport[at + 1 :], now, "live", TAMPERED)
        for at in positions for bit in bits
    ]


# --- tools ------------------------------------------------------------------------------------------------------------


@dataclass
class Tool:
    name: str
    command: list[str | Path]
    """Single-byte changes it judges: None for all of them."""
    sample: int | None


def offline() -> list[str]:
    """A prefix that takes the network away, loopback included; empty where the system forbids that."""
    for prefix in (["unshare", "--net"], ["unshare", "--map-root-user", "--net"]):
        if shutil.which(prefix[0]) and subprocess.run([*prefix, "true"], capture_output=True).returncode == 0:
            return prefix
    return []


def tools(report: Report, directory: Path) -> list[Tool]:
    python = CONFORMANCE / ".venv" / "bin" / "python"
    script = HERE / "recipe.py"
    found = [
        Tool("PyPI rfc8785 + cryptography", [python, script, "rfc8785"], None),
        Tool("PyPI jcs + cryptography", [python, script, "jcs"], 1500),
    ]
    if shutil.which("node") and (CONFORMANCE / "node_modules").is_dir():
        script = HERE / "recipe.mjs"
        found += [
            Tool("npm canonicalize + node:crypto", ["node", script, "node"], 1500),
            Tool("npm canonicalize + @noble/ed25519", ["node", script, "noble"], 300),
        ]
    else:
        report.skip("npm packages", "there is no node of version 20 or newer")
    version = subprocess.run(["openssl", "version"], capture_output=True, text=True, check=False).stdout
    if version.startswith("OpenSSL 3"):
        found.append(Tool(f"OpenSSL {version.split()[1]} command line", [python, HERE / "recipe.py", "openssl"], 60))
    else:
        report.skip("OpenSSL", f"version 3 is needed, found {version.strip() or 'none'}")
    installed = CONFORMANCE / ".venv" / "bin" / "go"
    go = str(installed) if installed.exists() else shutil.which("go")
    if go is not None:
        binary = directory / "recipe-go"
        alone = {"GOTOOLCHAIN": "local", "GOPROXY": "off", "GO111MODULE": "off", "CGO_ENABLED": "0"}
        places = {"PATH": os.environ["PATH"], "GOCACHE": str(directory / "go"), "HOME": str(directory)}
        subprocess.run([go, "build", "-o", binary, HERE / "recipe.go"], check=True, env={**alone, **places})
        found.append(Tool("Go standard library", [binary], 1500))
    else:
        report.skip("Go standard library", "no go toolchain was installed")
    return found


def judge(tool: Tool, evidence: Evidence, cases: list[Judged], directory: Path, prefix: list[str]) -> list[str]:
    """The tool's verdicts; each must be one of the expected, and over the very bytes that were signed."""
    file = directory / "evidence.json"
    evidence.write(file, cases)
    done = subprocess.run([*prefix, *tool.command, file], capture_output=True, text=True, cwd=HERE, check=False)
    demand(done.returncode == 0, f"the tool failed: {shorten(done.stderr, 2000)}")
    lines = done.stdout.splitlines()
    equal(len(lines), len(cases), "number of verdicts")
    for case, line in zip(cases, lines):
        verdict, _, digest = line.partition(" ")
        what = f"{case.name}: {verdict}, expected {sorted(case.expected)}"
        demand(verdict in case.expected, f"{what}: {shorten(case.passport.decode('latin-1'))}")
        if verdict == VALID:
            message = canonical(json.loads(case.passport))
            equal(digest, hashlib.sha256(message).hexdigest(), f"{case.name}: digest of the bytes")
    return lines


def run(report: Report, options: argparse.Namespace) -> None:
    answer = known_answer(report)
    with sandbox(options.aegis, "native") as server:
        evidence, good = live(server)
        second = rotated(server)
    prefix = offline()
    if not prefix:
        report.skip("network taken away from the tools", "this system forbids network namespaces to this user")
    now, passport = evidence.lists["live"]["as_of"], raw_of(good)
    positions = list(range(len(passport)))
    bits = [1 << bit for bit in range(8)] if options.extent != "long" else list(range(1, 256))
    every = flips(passport, now, bits, positions)
    chance = random.Random(options.seed)
    with scratch("tools") as directory:
        for tool in tools(report, directory):
            for name, given in (("live passports", evidence), ("rotated keys", second), ("known answer", answer)):
                with report.check(f"{tool.name}: {name}") as case:
                    judge(tool, given, given.cases, directory, prefix)
                    case.note = f"{len(given.cases)} verdicts"
            chosen = every if tool.sample is None else chance.sample(every, tool.sample)
            extent = "every change" if tool.sample is None else "sampled changes"
            with report.check(f"{tool.name}: {extent} of one byte") as case:
                reasons = Counter(line.split()[0] for line in judge(tool, evidence, chosen, directory, prefix))
                counts = ", ".join(f"{reason} {count}" for reason, count in sorted(reasons.items()))
                case.note = f"{len(chosen)} refused: {counts}"
