"""Cycles of load, SIGKILL, restart and a look at what is true now.

Clients issue, revoke and create keys until the server dies under them. After each restart:

* an acknowledged passport is valid, an acknowledged revocation holds, an acknowledged key opens;
* an unacknowledged request happened wholly (passport, lineage entry and log entry) or not at all, and repeating it with
  its idempotency key gives the one answer;
* each lineage, recomputed from its first entry, gives the stored hashes; each hash's leaf is what the log holds;
* the log's checkpoint is signed, its tree holds every leaf it held before the kill, and its consistency proof says so.
"""

import base64
import hashlib
import http.client
import itertools
import random
import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

import check_log
from ledger import Agent, Ledger

from harness.client import Answer, Client
from harness.report import Wrong, demand, equal
from harness.server import ISSUE, Server, integrated

CLIENTS = 4
LOST = (OSError, http.client.HTTPException)
NOTHING = "sha256:" + "0" * 64


class Tree(check_log.Tree):
    """A tree that grows without being computed anew."""

    def extend(self, leaves: list[bytes]) -> None:
        self.rows[0] += leaves
        self.size += len(leaves)
        for height in itertools.count():
            below = self.rows[height]
            if len(below) < 2:
                return
            if height + 1 == len(self.rows):
                self.rows.append([])
            above = self.rows[height + 1]
            for at in range(2 * len(above), len(below) - 1, 2):
                above.append(check_log.node_hash(below[at], below[at + 1]))


@dataclass
class Campaign:
    server: Server
    chance: random.Random
    ledger: Ledger = field(default_factory=Ledger)
    tree: Tree = field(default_factory=lambda: Tree([]))
    checkpoint: bytes = b""
    """Log entries of the operator by subject, as far as seen; newest entry seen."""
    entries: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    """Lineage entries whose leaves were not in the tree yet."""
    waiting: dict[str, dict[str, Any]] = field(default_factory=dict)
    starts: list[float] = field(default_factory=list)
    resolved: dict[str, int] = field(default_factory=lambda: {"happened": 0, "did not happen": 0})

    # --- life and death ---------------------------------------------------------------------------------------------

    def start(self) -> None:
        begun = time.monotonic()
        self.server.start()
        self.starts.append(time.monotonic() - begun)
        self.operator, self.admin, self.public = self.server.operator(), self.server.admin(), self.server.public()
        equal(self.public.post("/sandbox/limits/reset").status, 204, "reset of the rate windows")

    def load(self) -> list[threading.Thread]:
        """Clients that go on until the server is gone; returns at a random moment, having looked at the log."""
        self.ledger.touched.clear()
        seeds = [self.chance.random() for _ in range(CLIENTS)]
        threads = [threading.Thread(target=self.client, args=(seed,)) for seed in seeds]
        for thread in threads:
            thread.start()
        time.sleep(self.chance.uniform(0.0, 0.15))
        self.look_at_log()
        time.sleep(self.chance.uniform(0.0, 0.03))
        return threads

    def orderly_end(self) -> None:
        """Told to stop under load, it answers whatever it has begun: no unanswered request has happened."""
        threads = self.load()
        self.server.stop()
        for thread in threads:
            thread.join()
        happened = self.resolved["happened"]
        self.start()
        self.truth()
        equal(self.resolved["happened"] - happened, 0, "requests that happened and were not answered")

    def cycle(self) -> None:
        """One life: load until a random moment, death, restart, and the truth."""
        threads = self.load()
        self.server.kill()
        for thread in threads:
            thread.join()
        if self.chance.random() < 0.1:
            # A death during the start; what was begun then is taken up by the next.
            self.server.spawn()
            time.sleep(self.chance.uniform(0.0, 0.2))
            self.server.kill()
        self.start()
        self.truth()

    def client(self, seed: float) -> None:
        chance = random.Random(seed)
        client = self.server.operator()
        try:
            while True:
                what = chance.random()
                if what < 0.55:
                    self.issue(client, f"agent_{uuid.UUID(int=chance.getrandbits(128), version=4).hex}")
                elif what < 0.92:
                    candidates = self.ledger.live()
                    if candidates:
                        self.revoke(client, chance.choice(candidates))
                else:
                    self.create_key(client)
        except LOST:
            return
        finally:
            client.close()

    def issue(self, client: Client, agent_id: str) -> Answer | None:
        agent = self.ledger.asked(agent_id)
        agent.issue_unresolved = True
        answer = client.post("/api/agent/issue", {**ISSUE, "agent_id": agent_id}, Idempotency_Key=agent_id)
        if answer.status == 201:
            self.ledger.acknowledged(agent, answer.json)
        else:
            self.ledger.unexpected(f"issue: {answer.status} {answer.raw!r}")
        agent.issue_unresolved = False
        return answer

    def revoke(self, client: Client, agent: Agent) -> None:
        self.ledger.asked(agent.agent_id)
        # Two clients may revoke the same agent: one answer is enough.
        agent.revoke_unresolved = True
        answer = client.post("/registry/revoke", {"agent_id": agent.agent_id, "reason": "campaign"})
        if answer.status == 200:
            agent.revoked = True
        else:
            self.ledger.unexpected(f"revoke: {answer.status} {answer.raw!r}")
        agent.revoke_unresolved = False

    def create_key(self, client: Client) -> None:
        with self.ledger.lock:
            self.ledger.keys_unresolved += 1
        answer = client.post("/v1/organizations/me/keys", {"scopes": ["identity:read"]})
        if answer.status != 201:
            self.ledger.unexpected(f"create key: {answer.status} {answer.raw!r}")
            return
        with self.ledger.lock:
            self.ledger.keys_unresolved -= 1
            self.ledger.secrets[answer.json["id"]] = answer.json["secret"]

    # --- the log ----------------------------------------------------------------------------------------------------

    def look_at_log(self) -> None:
        """Takes in what is new in the log; it must continue what was seen before."""
        remote = check_log.Remote(self.server.base)
        keys = remote.log_keys()
        raw = integrated(self.public, "/log/checkpoint")
        signed = check_log.Checkpoint(raw, keys)
        before = self.tree.size
        demand(signed.size >= before, f"the log shrank from {before} to {signed.size}")
        leaves: list[bytes] = []
        for index in range(before // check_log.WIDTH, -(-signed.size // check_log.WIDTH)):
            start = index * check_log.WIDTH
            bundle = remote.bundle(index, min(check_log.WIDTH, signed.size - start))
            hashes = [check_log.leaf_hash(entry) for entry in bundle]
            known = self.tree.rows[0][start : start + len(hashes)]
            equal(hashes[: len(known)], known, f"entries {start} and on")
            leaves += hashes[len(known) :]
        self.tree.extend(leaves)
        equal(self.tree.root().hex(), signed.root.hex(), "root of the entries")
        if 0 < before < signed.size:
            check_log.check_consistency(remote, self.tree, before, signed.size)
        self.checkpoint = raw

    def look_at_entries(self) -> None:
        """Takes in the operator's entries that are new, newest first."""
        cursor = ""
        while True:
            answer = self.operator.get(f"/v1/audit?limit=200{cursor}")
            equal(answer.status, 200, f"/v1/audit {answer.raw!r}")
            page = answer.json["entries"]
            fresh = [entry for entry in page if entry["id"] not in self.seen]
            for entry in fresh:
                self.seen.add(entry["id"])
                self.entries.setdefault(entry["subject"], {})[entry["id"]] = entry
            if len(fresh) < len(page) or "nextCursor" not in answer.json:
                return
            cursor = f"&cursor={answer.json['nextCursor']}"

    # --- the truth --------------------------------------------------------------------------------------------------

    def truth(self) -> None:
        demand(not self.ledger.faults, f"{self.ledger.faults[:3]}")
        self.look_at_log()
        self.look_at_entries()
        touched = [self.ledger.agents[agent_id] for agent_id in sorted(self.ledger.touched)]
        for agent in touched:
            self.settle(agent)
        self.leaves()
        others = [agent for agent in self.ledger.agents.values() if agent.passport]
        self.verdicts(touched + self.chance.sample(others, min(50, len(others))))
        self.secrets(self.chance.sample(sorted(self.ledger.secrets), min(3, len(self.ledger.secrets))))

    def settle(self, agent: Agent) -> None:
        """Finds out what became of an agent's unresolved requests; all must agree. Then they are repeated."""
        lineage = self.admin.get(f"/registry/agents/{agent.agent_id}/lineage")
        logged = self.entries.get(agent.agent_id, {})
        if lineage.status == 404:
            demand(agent.issue_unresolved, f"{agent.agent_id}: an acknowledged passport is lost")
            equal(self.admin.get(f"/registry/agents/{agent.agent_id}").status, 404, f"{agent.agent_id}: its record")
            equal(logged, {}, f"{agent.agent_id}: log entries of an agent that is not there")
            self.resolved["did not happen"] += 1
        else:
            equal(lineage.status, 200, f"lineage {lineage.raw!r}")
            self.check_lineage(agent, lineage.json, logged)
        if agent.issue_unresolved:
            answer = self.issue(self.operator, agent.agent_id)
            demand(answer is not None and answer.status == 201, f"{agent.agent_id}: repeated issue")
            assert answer is not None
            replayed = answer.headers.get("idempotency-replayed") == "true"
            equal(replayed, lineage.status == 200, f"{agent.agent_id}: repeated issue is a replay")
            if replayed:
                digest = lineage.json["entries"][0]["hash"]
                equal(answer.json["audit_lineage_hash"], digest, f"{agent.agent_id}: the replayed passport")
        if agent.revoke_unresolved:
            self.revoke(self.operator, agent)

    def check_lineage(self, agent: Agent, lineage: dict[str, Any], logged: dict[str, dict[str, Any]]) -> None:
        """Recomputes one agent's chain and compares it with the log's entries about that agent."""
        previous = NOTHING
        events = []
        for number, item in enumerate(lineage["entries"], 1):
            entry = item["entry"]
            equal((entry["seq"], entry["prev"]), (number, previous), f"{agent.agent_id}: place in the chain")
            previous = digest_of(entry)
            equal(item["hash"], previous, f"{agent.agent_id}: hash of entry {number}")
            events.append(entry["event"])
            found = logged.get(item["log_entry"])
            demand(found, f"{agent.agent_id}: entry {number} is not in the log")
            assert found is not None
            equal(found["details"], entry, f"{agent.agent_id}: details of log entry {item['log_entry']}")
            self.waiting[item["log_entry"]] = found
        equal((lineage["head"]["seq"], lineage["head"]["hash"]), (len(events), previous), f"{agent.agent_id}: head")
        revoked = ["issue", "revoke"]
        demand(events in (["issue"], revoked), f"{agent.agent_id}: events {events}")
        demand(events == revoked or not agent.revoked, f"{agent.agent_id}: an acknowledged revocation is lost")
        possible = agent.revoked or agent.revoke_unresolved
        demand(events != revoked or possible, f"{agent.agent_id}: a revocation nobody asked for")
        if agent.revoke_unresolved and not agent.revoked:
            self.resolved["happened" if events == revoked else "did not happen"] += 1
        if agent.issue_unresolved:
            self.resolved["happened"] += 1
        chained = {item["log_entry"] for item in lineage["entries"]}
        for name in set(logged) - chained:
            details = logged[name]["details"]
            reason = details.get("event") == "revocation_reason" and details.get("log_entry") in chained
            demand(reason, f"{agent.agent_id}: log entry {name} without a lineage entry")
        if agent.passport is not None:
            self.check_document(agent.passport, lineage["entries"][0])

    @staticmethod
    def check_document(passport: dict[str, Any], first: dict[str, Any]) -> None:
        equal(passport["audit_lineage_hash"], first["hash"], "audit_lineage_hash")
        bare = {name: value for name, value in passport.items() if name not in ("signature", "audit_lineage_hash")}
        equal(first["entry"]["body_digest"], digest_of(bare), "body_digest")

    def leaves(self) -> None:
        """Each entry opens to the leaf the tree holds at its index."""
        for name, entry in list(self.waiting.items()):
            if entry["index"] is None:
                answer = self.operator.get(f"/v1/audit/{name}")
                equal(answer.status, 200, f"log entry {name}")
                entry = answer.json
            if entry["index"] is None or entry["index"] >= self.tree.size:
                continue
            opening = {"commitment": entry["commitment"], "salt": entry["salt"], "details": entry["details"]}
            leaf = check_log.leaf_hash(check_log.entry_of_opening(check_log.jcs(opening)))
            equal(leaf.hex(), entry["leafHash"], f"leaf of {name}")
            equal(self.tree.rows[0][entry["index"]].hex(), leaf.hex(), f"leaf {entry['index']} of the tree")
            del self.waiting[name]

    def verdicts(self, agents: list[Agent]) -> None:
        known = [agent for agent in agents if agent.passport]
        for start in range(0, len(known), 1000):
            part = known[start : start + 1000]
            answer = self.public.post("/api/agent/verify/batch", [{"passport": agent.passport} for agent in part])
            equal(answer.status, 200, f"batch {answer.raw[:300]!r}")
            for agent, verdict in zip(part, answer.json, strict=True):
                expected = (False, True, "REVOKED") if agent.revoked else (True, False, None)
                seen = (verdict["valid"], verdict["revoked"], verdict["reason_code"])
                equal(seen, expected, f"verdict on {agent.agent_id}")

    def secrets(self, names: list[str]) -> None:
        for name in names:
            client = Client(self.server.base, self.ledger.secrets[name])
            equal(client.get("/registry/agents?limit=1").status, 200, f"an acknowledged key opens: {name}")
            client.close()

    # --- the end ----------------------------------------------------------------------------------------------------

    def whole_truth(self) -> None:
        """Everything there is against everything that was acknowledged; nothing else may be there."""
        deadline = time.monotonic() + 5
        while self.waiting and time.monotonic() < deadline:
            time.sleep(0.2)
            self.look_at_log()
            self.leaves()
        equal(len(self.waiting), 0, "entries not integrated within seconds")
        agents = pages(self.admin, "/registry/agents?limit=200", "agents", "next_cursor", self.public)
        equal({agent["agent_id"] for agent in agents}, set(self.ledger.agents), "agents in the registry")
        indexes = {passport["status_list_index"] for agent in agents for passport in agent["passports"]}
        equal(len(indexes), len(self.ledger.agents), "status indexes in use")
        self.verdicts(list(self.ledger.agents.values()))
        revoked = {agent.agent_id for agent in self.ledger.agents.values() if agent.revoked}
        listed = self.public.get("/registry/revocations").json
        equal({entry["agent_id"] for entry in listed["revocations"]}, revoked, "revocation list")
        sequences = [entry["sequence"] for entry in listed["revocations"]]
        equal(sequences, list(range(1, listed["sequence"] + 1)), "sequence numbers of revocations")
        self.look_at_entries()
        subjects = {subject for subject in self.entries if subject.startswith("agent_")}
        equal(subjects, set(self.ledger.agents), "agents in the log")
        check_log.check_log(self.server.base, sample=30, previous=self.checkpoint, say=lambda _: None)


def digest_of(document: dict[str, Any]) -> str:
    return "sha256:" + hashlib.sha256(check_log.jcs(document).encode()).hexdigest()


def pages(client: Client, path: str, name: str, following: str, public: Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor = ""
    for number in itertools.count():
        if number % 400 == 399:
            public.post("/sandbox/limits/reset")
        answer = client.get(path + cursor)
        equal(answer.status, 200, f"GET {path} {answer.raw!r}")
        found += answer.json[name]
        if following not in answer.json:
            return found
        cursor = f"&cursor={answer.json[following]}"
    raise Wrong("unreachable")
