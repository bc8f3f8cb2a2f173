"""The API reference's own calls, run as written by curl and compared with the answers it prints.

Host and key are replaced by the sandbox's, and its placeholders by a live passport and agent.
"""

import argparse
import json
import re
import subprocess
from typing import Any

from harness.report import Report, demand, equal
from harness.server import Server, scratch

AGENT = r"agent_[0-9a-f]{32}"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"

ISSUE = r"""
curl -X POST https://aiegis.ie/api/agent/issue \
  -H "X-API-Key: ak_your_key_here" \
  -H "Content-Type: application/json" \
  -d '{
    "operator_id": "op_acme_corp",
    "jurisdiction": "EU",
    "risk_classification": "high",
    "policy_bundle": "eu_ai_act+gdpr",
    "capability_attestation": {
      "model": "claude-opus-4-7",
      "provider_signature": "..."
    }
  }'
"""
VERIFY = r"""
curl -X POST https://aiegis.ie/api/agent/verify \
  -H "Content-Type: application/json" \
  -d '{"passport": { ... full passport JSON ... }}'
"""
REVOKE = r"""
curl -X POST https://aiegis.ie/registry/revoke \
  -H "X-API-Key: ak_operator_key_here" \
  -H "Content-Type: application/json" \
  -d '{
    "agent_id": "agent_b3a9f1...",
    "reason": "compromised — prompt injection detected"
  }'
"""
KEYS = "curl https://aiegis.ie/registry/keys"
REVOCATIONS = "curl https://aiegis.ie/registry/revocations"
TOKEN = 'curl -X POST https://aiegis.ie/v1/auth/token -H "X-Api-Key: ak_your_key_here"'


class Page:
    """Runs a call of the page as a shell would."""

    def __init__(self, server: Server) -> None:
        self.server = server

    def run(self, call: str, **fills: str) -> tuple[int, dict[str, str], Any]:
        call = call.strip().replace("https://aiegis.ie", self.server.base)
        call = re.sub(r"ak_(your|operator)_key_here", self.server.credentials["operator"]["apiKey"], call)
        for name, value in fills.items():
            placeholder = {"passport": "{ ... full passport JSON ... }", "agent": "agent_b3a9f1..."}[name]
            demand(placeholder in call, f"the call has no {placeholder}")
            call = call.replace(placeholder, value)
        shown = subprocess.run(["bash", "-c", f"{call} -s -i"], capture_output=True, check=True).stdout
        head, _, body = shown.decode().partition("\r\n\r\n")
        status, *lines = head.split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        return int(status.split()[1]), headers, json.loads(body)


def check_passport(passport: dict[str, Any]) -> None:
    asked = {"operator_id": "op_acme_corp", "jurisdiction": "EU", "risk_classification": "high"}
    for name, value in {**asked, "policy_bundle": "eu_ai_act+gdpr", "schema_version": "1.0"}.items():
        equal(passport[name], value, name)
    attestation = {"model": "claude-opus-4-7", "provider_signature": "...", "grade": "declared"}
    equal(passport["capability_attestation"], attestation, "capability_attestation")
    for name, form in {
        "signature": r"ed25519:[A-Za-z0-9_-]{86}",
        "audit_lineage_hash": r"sha256:[0-9a-f]{64}",
        "agent_id": AGENT,
        "passport_id": r"pp_[0-9a-f]{32}",
        "issued_at": TIME,
        "expires_at": TIME,
    }.items():
        demand(re.fullmatch(form, passport[name]), f"{name} is {passport[name]}")


def check_verdict(answer: dict[str, Any], passport: dict[str, Any], valid: bool, revoked: bool) -> None:
    first = ["valid", "agent_id", "expires_at", "revoked", "verified_at"]
    equal(list(answer)[:5], first, "the first five members")
    equal((answer["valid"], answer["revoked"]), (valid, revoked), "valid and revoked")
    equal(answer["agent_id"], passport["agent_id"], "agent_id")
    equal(answer["expires_at"], passport["expires_at"], "expires_at")
    demand(re.fullmatch(TIME, answer["verified_at"]), f"verified_at is {answer['verified_at']}")


def check_keys(answer: dict[str, Any], passport: dict[str, Any]) -> None:
    active = [key for key in answer["keys"] if key["status"] == "active"]
    equal([key["key_id"] for key in active], [answer["active_key_id"]], "active keys")
    equal(passport["key_id"], answer["active_key_id"], "the passport's key")
    for key in answer["keys"]:
        demand({"key_id", "public_key_pem", "status", "rotated_at"} <= set(key), f"members of a key: {list(key)}")
        demand(key["public_key_pem"].startswith("-----BEGIN PUBLIC KEY-----\n"), "public_key_pem")
        demand(re.fullmatch(TIME, key["rotated_at"]), f"rotated_at is {key['rotated_at']}")


def check_limit(page: Page) -> None:
    """10 issuances an hour by default; verification is never limited."""
    statuses = []
    for _ in range(10):
        status, headers, answer = page.run(ISSUE)
        statuses.append(status)
    equal(statuses, [201] * 9 + [429], "statuses of ten more calls")
    equal((answer["code"], answer["success"]), ("RATE_LIMITED", False), "code and success")
    equal(headers["content-type"], "application/problem+json", "content type")
    demand(1 <= int(headers["retry-after"]) <= 3600, f"Retry-After: {headers['retry-after']}")
    equal((headers["x-ratelimit-limit"], headers["x-ratelimit-remaining"]), ("10", "0"), "limit and remaining")


def run(report: Report, options: argparse.Namespace) -> None:
    with scratch("reference") as directory:
        server = Server(options.aegis, directory / "data")
        page = Page(server)
        try:
            with report.check("a sandbox starts in an empty directory"):
                server.start()
                mode = (server.data / "sandbox.json").stat().st_mode & 0o777
                equal(oct(mode), oct(0o600), "mode of sandbox.json")
                members = {"baseUrl", "adminKey", "operator", "provider", "consumer"}
                equal(set(server.credentials), members, "members of sandbox.json")
                ids = [server.credentials[role]["id"] for role in ("operator", "provider")]
                equal(ids, ["op_acme_corp", "prov_123"], "sample organizations")
            passport: dict[str, Any] = {}
            with report.check("issue"):
                status, headers, passport = page.run(ISSUE)
                equal((status, headers["content-type"]), (201, "application/json"), "status and type")
                check_passport(passport)
            with report.check("verify"):
                status, _, answer = page.run(VERIFY, passport=json.dumps(passport))
                equal(status, 200, "status")
                check_verdict(answer, passport, valid=True, revoked=False)
            with report.check("revoke, and the next verify"):
                status, _, answer = page.run(REVOKE, agent=passport["agent_id"])
                equal((status, answer["agent_id"], answer["status"]), (200, passport["agent_id"], "revoked"), "revoke")
                _, _, answer = page.run(VERIFY, passport=json.dumps(passport))
                check_verdict(answer, passport, valid=False, revoked=True)
            with report.check("keys"):
                check_keys(page.run(KEYS)[2], passport)
            with report.check("revocations"):
                answer = page.run(REVOCATIONS)[2]
                equal((answer["count"], len(answer["revocations"])), (1, 1), "count and length")
                equal(answer["revocations"][0]["agent_id"], passport["agent_id"], "agent_id")
            with report.check("token, and a call with it"):
                status, _, answer = page.run(TOKEN)
                equal((status, answer["token_type"], answer["expires_in"]), (200, "Bearer", 900), "token answer")
                demand(answer["access_token"] and answer["scope"], "access_token and scope")
                bearer = f"Bearer {answer['access_token']}"
                agents = server.public().get("/registry/agents", Authorization=bearer).json["agents"]
                equal([agent["agent_id"] for agent in agents], [passport["agent_id"]], "agents")
            with report.check("issuance is gated, verification is not"):
                check_limit(page)
                client = server.public()
                for _ in range(200):
                    equal(client.post("/api/agent/verify", {"passport": passport}).status, 200, "status of verify")
            with report.check("without a key, with a mistyped one"):
                public = server.public()
                equal(public.post("/api/agent/issue", {}).status, 401, "issue without a key")
                equal(public.post("/registry/revoke", {}, X_API_Key="ak_test_x").status, 401, "revoke, mistyped key")
            with report.check("ends orderly when told to"):
                server.stop()
        finally:
            server.kill()
