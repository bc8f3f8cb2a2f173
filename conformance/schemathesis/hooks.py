"""Loaded into schemathesis: names that exist, windows that do not run full, and one more check.

Environment: AEGIS_BASE, and AEGIS_EXISTING = {parameter name: [values]} with "passports" among them.
"""

import itertools
import json
import os
import random
import urllib.request
from typing import Any

import schemathesis
from schemathesis.core.failures import Failure
from schemathesis.specs.openapi.checks import negative_data_rejection

BASE = os.environ["AEGIS_BASE"]
EXISTING: dict[str, list[Any]] = json.loads(os.environ["AEGIS_EXISTING"])
RESET = os.environ.get("AEGIS_RESET") == "1"
CALLS = itertools.count()
CHANCE = random.Random(1)

# What JSON Schema cannot say, as (path, pointer, rule), "*" for any.
BEYOND_SCHEMA = {
    # Rules that compare values with each other or with the clock.
    *(("*", "*", rule) for rule in ("exclusive", "forward", "future", "oneOf", "order", "role", "separation", "cidr")),
    # Values that only the server can make.
    ("*", "/cursor", "*"),
    # Times that are compared with the clock or with what is stored.
    ("*", "/at", "form"),
    ("/api/agent/verify/batch", "*", "form"),
    # Lifetimes and budgets have bounds that depend on the risk and on the clock.
    *(("/api/agent/issue", f"/{name}", "bounds") for name in ("expires_at", "ttl_seconds", "staleness_budget_seconds")),
    # No pack twice in one text.
    ("/api/agent/issue", "/policy_bundle", "form"),
    ("/registry/keys/{key_id}/revoke", "/revoked_at", "range"),
    # All moves of the clock together have a limit.
    ("/sandbox/clock", "", "maximum"),
    # Where a webhook may lead.
    *((path, "/url", "*") for path in ("/v1/webhooks", "/v1/webhooks/{id}")),
    # A signed note in plain text.
    ("/log/add-checkpoint", "", "format"),
}


BODY_OPTIONAL = {
    "POST /v1/auth/token",
    "POST /v1/organizations/me/keys",
    "POST /v1/organizations/me/keys/{id}/rotate",
    "POST /v1/admin/access-requests/{id}/approve",
}


def positive(case: Any) -> bool:
    return case.meta is not None and case.meta.generation.mode.is_positive


def beyond(path: str, pointer: str, rule: str) -> bool:
    return any(
        one in (path, "*") and two in (pointer, "*") and three in (rule, "*") for one, two, three in BEYOND_SCHEMA
    )


def integers(value: Any) -> Any:
    """JSON Schema takes 590.0 for an integer; the server wants integers written as such, which no schema can say."""
    if isinstance(value, dict):
        return {name: integers(item) for name, item in value.items()}
    if isinstance(value, list):
        return [integers(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Half of the valid requests name something that exists; windows are cleared before they run full."""
    if RESET and next(CALLS) % 50 == 0:
        urllib.request.urlopen(urllib.request.Request(f"{BASE}/sandbox/limits/reset", method="POST"), timeout=30)
    if not positive(case):
        return
    case.body = integers(case.body)
    if CHANCE.random() < 0.5:
        return
    for place in (case.path_parameters, case.query, case.body):
        for name in set(place) & set(EXISTING) if isinstance(place, dict) else ():
            place[name] = CHANCE.choice(EXISTING[name])
    requests = [case.body] if case.path == "/api/agent/verify" else case.body if case.path.endswith("/batch") else []
    for request in requests if isinstance(requests, list) else []:
        if isinstance(request, dict) and "passport" in request:
            request["passport"] = CHANCE.choice(EXISTING["passports"])


@schemathesis.deserializer("application/octet-stream")
def octets(context: Any, response: Any) -> str:
    return str(response.content.decode("latin-1"))


@schemathesis.deserializer("application/vc", "application/did+json")
def plain_json(context: Any, response: Any) -> Any:
    return json.loads(response.content)


@schemathesis.check
def refuses_what_it_does_not_describe(ctx: Any, response: Any, case: Any) -> None:
    """negative_data_rejection, but for one thing: where a body may be left out, leaving it out is no fault."""
    if case.operation.label in BODY_OPTIONAL and not response.request.body:
        return
    negative_data_rejection(ctx, response, case)


@schemathesis.check
def accepts_what_it_describes(ctx: Any, response: Any, case: Any) -> None:
    """A request within its schema gets 400 only for a rule that a schema cannot say.

    In place of positive_data_acceptance, which knows no such rules.
    """
    if not positive(case) or response.status_code not in (400, 413, 415):
        return
    problem = response.json()
    # OpenAPI says "one of two credentials"; that both at once are refused cannot be said there.
    if problem["code"] == "AMBIGUOUS_CREDENTIALS":
        return
    violations = problem.get("details", {}).get("violations", [])
    within = [one for one in violations if not beyond(case.path, one["pointer"], one["rule"])]
    if violations and not within:
        return
    raise Failure(
        operation=case.operation.label,
        title="A request within its schema was refused",
        message=f"{response.status_code} {problem['code']} {within or problem['detail']}",
    )
