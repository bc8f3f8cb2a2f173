"""Faults on order (POST /sandbox/faults): each leads to the right truth, and a second process is refused."""

import random
import time
import uuid

from campaign import LOST, Campaign
from ledger import Agent

import random

from harness.report import Report, demand, equal
from harness.server import PATIENCE, Server, free_port, issue

FAULTS = {"crash_before_commit": False, "crash_after_commit": True, "lose_response": True}
"""Whether the operation has happened."""


def lost(run: Campaign, agent: Agent, operation: str) -> None:
    """Sends the operation; it must go unanswered."""
    try:
        if operation == "identity.issue":
            run.issue(run.operator, agent.agent_id)
        else:
            run.revoke(run.operator, agent)
    except LOST:
        return
    raise AssertionError(f"{operation} was answered")


def fault(run: Campaign, name: str, operation: str) -> None:
    run.ledger.touched.clear()
    agent = run.ledger.asked(f"agent_{uuid.uuid4().hex}")
    if operation == "identity.revoke":
        run.issue(run.operator, agent.agent_id)
    answer = run.public.post("/sandbox/faults", {"name": name, "scope": operation})
    equal(answer.status, 200, f"arm {answer.raw!r}")
    lost(run, agent, operation)
    if name.startswith("crash"):
        assert run.server.process is not None
        run.server.process.wait(PATIENCE)
        run.start()
    else:
        demand(run.server.process is not None and run.server.process.poll() is None, "the server ended")
    before = dict(run.resolved)
    run.truth()
    seen = {what: count - before[what] for what, count in run.resolved.items()}
    happened = FAULTS[name]
    equal(seen, {"happened": int(happened), "did not happen": int(not happened)}, "what became of it")


def second_process(server: Server) -> str:
    """It must say why, and leave the first alone."""
    second = Server(server.aegis, server.data, None)
    second.settings = server.settings
    second.port = free_port()
    second.log = server.data.with_name("second.log")
    process = second.spawn()
    try:
        status = process.wait(15)
    finally:
        second.kill()
    said = second.log.read_text().strip()
    equal(status, 1, f"exit status of the second process: {said}")
    demand(len(said.splitlines()) <= 3 and "panicked" not in said, f"not a clear message: {said}")
    issue(server.operator())
    return said.splitlines()[-1]


def run(report: Report, server: Server, database: str) -> None:
    run = Campaign(server, random.Random(database))
    try:
        run.start()
        server.lift_limits()
        if "/sandbox/faults" not in server.paths():
            report.skip(f"{database}: faults on order", "this server has no /sandbox/faults")
        else:
            for name in FAULTS:
                for operation in ("identity.issue", "identity.revoke"):
                    with report.check(f"{database}: {name} of {operation}"):
                        fault(run, name, operation)
        with report.check(f"{database}: told to stop under load, what was begun is answered"):
            for _ in range(5):
                run.orderly_end()
        with report.check(f"{database}: a second process is refused") as case:
            begun = time.monotonic()
            said = second_process(server)
            case.note = f"after {time.monotonic() - begun:.1f} s: {said}"
    finally:
        server.kill()
