"""A full disk: writes answer 503 UNAVAILABLE, verification goes on, and space that returns ends it."""

import argparse
import os
import subprocess
import time
from pathlib import Path

from harness.report import Report, demand, equal
from harness.server import ISSUE, Server, issue, revoke, scratch, verify

SIZE = "24m"


def fill(place: Path, spare: int = 0) -> Path:
    """Takes every byte that is left, but for `spare`."""
    filler = place / "filler"
    with filler.open("wb", buffering=0) as file:
        for block in (1 << 20, 4096, 1):
            try:
                while True:
                    file.write(bytes(block))
            except OSError:
                continue
        file.truncate(filler.stat().st_size - spare)
    return filler


def refused(server: Server, patience: float = 30.0) -> int:
    """Issues until the first refusal; returns how many it still could."""
    operator, done, deadline = server.operator(), 0, time.monotonic() + patience
    while time.monotonic() < deadline:
        answer = operator.post("/api/agent/issue", ISSUE)
        if answer.status == 503:
            equal(answer.json["code"], "UNAVAILABLE", "code")
            demand("retry-after" in answer.headers, "no Retry-After")
            return done
        equal(answer.status, 201, f"issue {answer.raw!r}")
        done += 1
    raise AssertionError(f"{done} passports were issued on a full disk")


def run(report: Report, options: argparse.Namespace) -> None:
    if os.geteuid() != 0:
        report.skip("disk full", "mounting a small file system needs root")
        return
    with scratch("disk") as directory:
        mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=0700", "tmpfs", directory]
        if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
            report.skip("disk full", "this system forbids mounting")
            return
        server = Server(options.aegis, directory / "data")
        try:
            server.start().lift_limits()
            scenario(report, server, directory)
        finally:
            server.kill()
            subprocess.run(["umount", directory], check=True)


def scenario(report: Report, server: Server, directory: Path) -> None:
    operator, public = server.operator(), server.public()
    passports = [issue(operator) for _ in range(20)]
    revoke(operator, agent_id=passports[0]["agent_id"])

    def nothing_lost() -> None:
        for number, passport in enumerate(passports):
            answer = verify(server.public(), passport)
            equal((answer["valid"], answer["revoked"]), (number > 0, number == 0), f"passport {number}")

    with report.check("SQLite: disk full: writes are refused, verification goes on") as case:
        filler = fill(directory)
        case.note = f"{refused(server)} more were issued into room that was kept"
        answer = operator.post("/registry/revoke", {"agent_id": passports[1]["agent_id"], "reason": "full"})
        equal((answer.status, answer.json["code"]), (503, "UNAVAILABLE"), "revoke")
        demand(public.get("/readyz").status in (200, 503), "/readyz")
        equal(public.get("/healthz").status, 200, "/healthz")
        nothing_lost()
    with report.check("SQLite: space returns: writes are accepted again, without a restart") as case:
        filler.unlink()
        begun = time.monotonic()
        while operator.post("/api/agent/issue", ISSUE).status != 201:
            demand(time.monotonic() - begun < 15, "still refused 15 s after space returned")
            time.sleep(0.1)
        case.note = f"after {time.monotonic() - begun:.1f} s"
        nothing_lost()
    with report.check("SQLite: disk full in the middle of a write, over and over") as case:
        room = [0, 4096, 8192, 12288, 16384, 32768, 65536, 131072, 262144]
        for spare in room:
            filler = fill(directory, spare)
            refused(server)
            filler.unlink()
            passports.append(issue(operator))
            nothing_lost()
        case.note = f"{len(room)} times, with {room[0]} to {room[-1]} bytes left"
    with report.check("SQLite: killed and restarted with a full disk, then with space"):
        filler = fill(directory)
        refused(server)
        server.kill()
        try:
            server.start()
            nothing_lost()
        except Exception:
            # A start may refuse a full disk, but must say so; what counts is the next one.
            demand(server.process is not None and server.process.poll() == 1, "the start neither worked nor refused")
        server.kill()
        filler.unlink()
        server.start()
        nothing_lost()
        issue(server.operator())
