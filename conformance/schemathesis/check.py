"""The server does what its own /openapi.json says: schemathesis on every operation, with each kind of credential.

Seeded, so that CI sees the same requests every time. Each run has a server of its own.
"""

import argparse
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

from harness.report import Report, Wrong, demand, equal, shorten
from harness.server import Server, issue, revoke, sandbox, scratch

HERE = Path(__file__).resolve().parent
CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "refuses_what_it_does_not_describe",
    "unsupported_method",
    "allow_header_conformance",
    "ignored_auth",
    "accepts_what_it_describes",
    # positive_data_acceptance: replaced by accepts_what_it_describes, see hooks.py.
    # missing_required_header: no operation requires one.
    # use_after_free, ensure_resource_availability, object_level_authorization: belong to the stateful phase, which
    # needs links between operations; the description has none.
]
# Streams never end, so no answer can be compared; faults and clock have runs of their own, because the first ends the
# server on purpose and the second takes every other operation out of the lifetime of what it works on.
APART = r"/stream$|^/sandbox/(faults|clock)$"


def existing(server: Server) -> dict[str, list[Any]]:
    """Things to name in requests."""
    operator, admin = server.operator(), server.admin()
    passports = [issue(operator, **more) for more in ({}, {"risk_classification": "minimal"}, {"jurisdiction": "US"})]
    revoke(operator, agent_id=passports[2]["agent_id"])
    entries = operator.get("/v1/audit?limit=5")
    webhook = operator.post("/v1/webhooks", {"url": "http://127.0.0.1:9/", "events": ["*"]}).json
    organizations = admin.get("/v1/admin/organizations").json.get("organizations", [])
    found = {
        "passports": passports,
        "agent_id": [passport["agent_id"] for passport in passports],
        "passport_id": [passport["passport_id"] for passport in passports],
        "operator_id": ["op_acme_corp"],
        "key_id": [passports[0]["key_id"]],
        "entryId": [entry["id"] for entry in entries.json["entries"]] if entries.status == 200 else [],
        "path": ["0/000.p/2", "entries/000.p/2"],
        "index": [0, 1],
        "id": [webhook["id"], *(item["id"] for item in organizations if item["id"] != "op_acme_corp")],
    }
    return {name: values for name, values in found.items() if values}


def references(document: object, root: dict[str, Any], at: str = "") -> list[str]:
    """Places of references that lead nowhere."""
    if isinstance(document, list):
        return [found for index, item in enumerate(document) for found in references(item, root, f"{at}/{index}")]
    if not isinstance(document, dict):
        return []
    broken = []
    target: Any = root
    for part in str(document.get("$ref", "#")).split("/")[1:]:
        target = target.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(target, dict) else None
    if target is None:
        broken.append(f"{at}: {document['$ref']}")
    return broken + [found for name, item in document.items() for found in references(item, root, f"{at}/{name}")]


def failures(output: str) -> list[str]:
    """One line for each failure: operation, what is wrong, and the request that shows it."""
    found = []
    for operation, text in re.findall(r"^_{3,} (.*?) _{3,}$(.*?)(?=^_{3,} |^={10,})", output, re.S | re.M):
        for case in re.split(r"^\d+\. Test Case ID", text, flags=re.M)[1:]:
            what = re.search(r"^- (.*?)(?=^\[\d+\]|^Reproduce)", case, re.S | re.M)
            call = re.search(r"^ +curl .*$", case, re.M)
            said = " ".join(what[1].split()) if what else shorten(case)
            answer = re.search(r"^\[(\d+)\]", case, re.M)
            status = answer[1] if answer else "?"
            shown = shorten(call[0].strip(), 700) if call else ""
            found.append(f"    {operation} → {status}: {shorten(said, 500)}: {shown}")
    return found


def explore(server: Server, options: argparse.Namespace, key: str | None, *more: str, reset: bool = True) -> str:
    """One run; returns how many requests it made, or raises with every failure found."""
    examples = {"fast": 10, "usual": 25, "long": 400}[options.extent]
    environment = {
        **os.environ,
        "SCHEMATHESIS_HOOKS": str(HERE / "hooks.py"),
        "AEGIS_BASE": server.base,
        "AEGIS_EXISTING": json.dumps(existing(server)),
        "AEGIS_RESET": "1" if reset else "0",
    }
    with scratch("schemathesis") as directory:
        program = HERE.parent / ".venv" / "bin" / "schemathesis"
        command: list[str | Path] = [program, "run", f"{server.base}/openapi.json"]
        command += ["--checks", ",".join(CHECKS), "--phases", "examples,coverage,fuzzing", "--continue-on-failure"]
        command += ["--seed", str(options.seed), "--max-examples", str(examples), "--generation-database", "none"]
        # One worker: CPython 3.11 does not always survive ast.parse in two threads at once.
        command += ["--request-timeout", "20", "--workers", "1", "--no-color", "--output-sanitize", "false", *more]
        if key is not None:
            # A second credential beside the given one would always be refused as ambiguous.
            command += ["--header", f"X-API-Key: {key}", "--generation-with-security-parameters", "false"]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=directory, check=False)
    counted = re.search(r"(\d+) generated", done.stdout)
    operations = re.search(r"Tested: (\d+)", done.stdout)
    ended = f"schemathesis ended with {done.returncode}: {done.stdout[-3000:]}{done.stderr[-2000:]}"
    demand(counted and operations, ended)
    assert counted is not None and operations is not None
    equal(server.process and server.process.poll(), None, "exit status of the server")
    if done.returncode != 0:
        found = failures(done.stdout)
        raise Wrong("\n".join(["", *found]) if found else done.stdout[-3000:])
    return f"{counted[1]} requests to {operations[1]} operations"


def run(report: Report, options: argparse.Namespace) -> None:
    with sandbox(options.aegis, "openapi") as server:
        document = server.public().get("/openapi.json").json
        with report.check("every reference in the description leads somewhere"):
            equal(references(document, document), [], "broken references")
    for name in ("nobody", "operator", "admin"):
        with sandbox(options.aegis, f"openapi-{name}") as server, report.check(f"all operations, as {name}") as case:
            credentials = server.credentials
            keys = {"operator": credentials["operator"]["apiKey"], "admin": credentials["adminKey"]}
            case.note = explore(server, options, keys.get(name), "--exclude-path-regex", APART)
    for path in ("/sandbox/clock", "/sandbox/faults"):
        if path in document["paths"]:
            with sandbox(options.aegis, "openapi-sandbox") as server, report.check(f"{path} alone") as case:
                case.note = explore(server, options, None, "--include-path", path, reset=False)
                server.public().call("DELETE", "/sandbox/faults")
