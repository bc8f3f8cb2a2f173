"""A hard life: kill -9 at random moments on both databases, faults on order, a full disk, a second process.

What campaign.py proves after each restart is said there. `--cycles N` overrides the number per database.
"""

import argparse
import contextlib
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "log"))

import disk
import ordered
from campaign import Campaign

from harness.postgres import binaries, cluster
from harness.report import Report, demand, equal
from harness.server import Server, scratch

CYCLES = {"fast": 40, "usual": 200, "long": 2000}
EPOCH = 250


@contextlib.contextmanager
def databases(name: str) -> Iterator[str | None]:
    if name == "PostgreSQL":
        with cluster() as url:
            yield url
    else:
        yield None


def fsck(server: Server) -> str:
    command: list[str | Path] = [server.aegis, "fsck", "--data", server.data]
    environment = {**server.settings, "AEGIS__HTTP__LISTEN": f"127.0.0.1:{server.port}"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=server.data.parent, check=False)
    equal(done.returncode, 0, f"exit status of fsck: {done.stdout}{done.stderr}")
    return " ".join(done.stdout.split())


def has_command(aegis: Path, command: str) -> bool:
    return subprocess.run([aegis, command, "--help"], capture_output=True, check=False).returncode == 0


def first_starts(report: Report, options: argparse.Namespace, database: str) -> None:
    """A sandbox killed while it starts for the first time can be started and used afterwards."""
    chance = random.Random(options.seed)
    rounds = {"fast": 10, "usual": 30, "long": 200}[options.extent]
    with report.check(f"{database}: killed during the first start") as case:
        for number in range(rounds):
            with scratch("first") as directory, databases(database) as url:
                server = Server(options.aegis, directory / "data", url)
                try:
                    server.spawn()
                    time.sleep(0.3 * (number + chance.random()) / rounds)
                    server.kill()
                    server.start()
                    demand((server.data / "sandbox.json").exists(), f"round {number}: no sandbox.json: keys are lost")
                    server.lift_limits()
                    equal(server.operator().get("/registry/agents").status, 200, "the operator's key opens")
                finally:
                    server.kill()
        case.note = f"{rounds} rounds"


def campaign(report: Report, options: argparse.Namespace, database: str) -> None:
    """In epochs, each with a new database: an instance that only ever grows would be killed ever less often."""
    left = options.cycles or CYCLES[options.extent]
    for number in range(-(-left // EPOCH)):
        epoch(report, options, database, min(left, EPOCH), f"{options.seed} {database} {number}")
        left -= EPOCH


def epoch(report: Report, options: argparse.Namespace, database: str, cycles: int, seed: str) -> None:
    with scratch("crash") as directory, databases(database) as url:
        server = Server(options.aegis, directory / "data", url)
        run = Campaign(server, random.Random(seed))
        try:
            with report.check(f"{database}: killed {cycles} times") as case:
                run.start()
                server.lift_limits()
                begun, done = time.monotonic(), 0
                try:
                    for done in range(1, cycles + 1):
                        run.cycle()
                finally:
                    per_second = done / (time.monotonic() - begun)
                    agents = run.ledger.agents.values()
                    case.note = (
                        f"{done} cycles, {per_second:.1f}/s, restart median {statistics.median(run.starts):.2f} s "
                        f"(of the last 20: {statistics.median(run.starts[-20:]):.2f} s), "
                        f"max {max(run.starts):.2f} s; {run.ledger.requests} requests, {len(agents)} agents, "
                        f"{sum(agent.revoked for agent in agents)} revoked, {len(run.ledger.secrets)} keys; "
                        f"unanswered: {run.resolved['happened']} happened, {run.resolved['did not happen']} did not; "
                        f"{run.tree.size} log entries"
                    )
            with report.check(f"{database}: everything there is, is what was acknowledged"):
                run.whole_truth()
                run.secrets(sorted(run.ledger.secrets)[:500])
            if has_command(options.aegis, "fsck"):
                with report.check(f"{database}: fsck beside the running server, and after its end") as case:
                    fsck(server)
                    server.stop()
                    case.note = fsck(server)
            else:
                report.skip(f"{database}: fsck", "this binary has no such command")
        finally:
            server.kill()


def run(report: Report, options: argparse.Namespace) -> None:
    names = ["SQLite", "PostgreSQL"]
    if binaries() is None:
        report.skip("PostgreSQL", "it is not installed and cannot be installed by this user")
        names.remove("PostgreSQL")
    for name in names:
        first_starts(report, options, name)
        campaign(report, options, name)
        with scratch("ordered") as directory, databases(name) as url:
            ordered.run(report, Server(options.aegis, directory / "data", url), name)
    disk.run(report, options)
