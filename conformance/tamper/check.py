"""No single-byte change of a passport is ever answered `valid: true` by the server itself.

Every byte of the canonical document takes every other value that HTTP can carry to the verifier, sent as NDJSON to the
batch endpoint (and, for a sample, alone to the single one, which must agree). Nothing unproven may be echoed.
"""

import argparse
import json
import random
from collections import Counter
from typing import Any

import rfc8785

from harness.client import Client
from harness.report import Report, demand, equal, shorten
from harness.server import issue, sandbox

UNPROVEN = ("agent_id", "expires_at", "passport_id", "operator_id")
LINES = 1000


def changes(passport: bytes, masks: list[int]) -> list[bytes]:
    """A changed byte that ends the line ends the request too: such a change cannot be sent as NDJSON."""
    places = range(len(passport))
    found = (passport[:at] + bytes([passport[at] ^ mask]) + passport[at + 1 :] for at in places for mask in masks)
    return [other for other in found if b"\n" not in other]


def edits(passport: bytes) -> list[bytes]:
    """Each byte removed, doubled, and swapped with its neighbour."""
    places = range(len(passport))
    found = [passport[:at] + passport[at + 1 :] for at in places]
    found += [passport[: at + 1] + passport[at:] for at in places]
    found += [passport[:at] + passport[at : at + 2][::-1] + passport[at + 2 :] for at in places]
    return [other for other in found if other != passport]


def answers(client: Client, passports: list[bytes]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for start in range(0, len(passports), LINES):
        body = b"".join(b'{"passport":%s}\n' % passport for passport in passports[start : start + LINES])
        answer = client.post("/api/agent/verify/batch", body, Content_Type="application/x-ndjson")
        equal(answer.status, 200, f"batch {shorten(answer.raw.decode(errors='replace'))}")
        lines = [json.loads(line) for line in answer.raw.splitlines()]
        equal([line["index"] for line in lines], list(range(body.count(b"\n"))), "indexes")
        found += lines
    return found


def refused(passport: bytes, answer: dict[str, Any]) -> None:
    what = f"{shorten(passport.decode('latin-1'), 2000)} → {answer}"
    demand(answer["valid"] is False and answer["reason_code"], f"accepted: {what}")
    demand(answer.get("revoked", False) is False, f"revoked without proof: {what}")
    demand(all(answer.get(name) is None for name in UNPROVEN), f"echoes what is unproven: {what}")


def run(report: Report, options: argparse.Namespace) -> None:
    with sandbox(options.aegis, "tamper") as server:
        operator, public = server.operator(), server.public()
        native = rfc8785.dumps(issue(operator))
        shapes = {"the document of the reference page": native}
        full = {
            "agent_name": "night shift", "scopes": ["mail:*", "pay:invoice"], "delegation_max_depth": 2,
            "jurisdiction": "US-CA", "risk_classification": "limited", "staleness_budget_seconds": 60,
        }
        shapes["a document with optional members"] = rfc8785.dumps(issue(operator, **full))
        masks = [1 << bit for bit in range(8)] if options.extent == "fast" else list(range(1, 256))
        for name, passport in shapes.items():
            with report.check(f"unchanged: {name}"):
                (answer,) = answers(public, [passport])
                demand(answer["valid"] is True, f"{answer}")
            changed, given = changes(passport, masks), []
            with report.check(f"every byte changed: {name}") as case:
                given = answers(public, changed)
                for other, answer in zip(changed, given, strict=True):
                    refused(other, answer)
                counts = Counter(answer["reason_code"] for answer in given)
                listed = ", ".join(f"{code} {count}" for code, count in sorted(counts.items()))
                case.note = f"{len(changed)} refused: {listed}"
            with report.check(f"the single endpoint agrees: {name}") as case:
                sample = random.Random(options.seed).sample(range(len(given)), 500)
                for at in sample:
                    single = public.post("/api/agent/verify", b'{"passport":%s}' % changed[at])
                    if given[at]["reason_code"] == "UNPARSABLE":
                        equal((single.status, single.json["code"]), (400, "VALIDATION_ERROR"), "status and code")
                    else:
                        equal(single.status, 200, "status")
                        refused(changed[at], single.json)
                        equal(single.json["reason_code"], given[at]["reason_code"], "reason code")
                case.note = f"{len(sample)} changes"
        with report.check("bytes removed, doubled and swapped") as case:
            edited = edits(native)
            for edit, answer in zip(edited, answers(public, edited), strict=True):
                refused(edit, answer)
            case.note = f"{len(edited)} refused"
        with report.check("still valid afterwards"):
            (answer,) = answers(public, [native])
            demand(answer["valid"] is True, f"{answer}")
