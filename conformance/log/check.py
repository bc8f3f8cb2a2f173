"""The transparency log of a live server, recomputed from its tiles by check_log.py, which shares no code with it.

Also that checker's own test: it must refuse every damaged log it knows.
"""

import argparse
import subprocess
import sys
from pathlib import Path

import check_log

from harness.report import Report, demand, equal
from harness.server import Server, integrated, issue, revoke, sandbox

HERE = Path(__file__).resolve().parent


def settled(server: Server) -> bytes:
    """A checkpoint that covers everything done so far: an entry is integrated within a second."""
    last = issue(server.operator())
    integrated(server.public(), f"/registry/passports/{last['passport_id']}/proof.tlog-proof?checkpoint=latest")
    return server.public().get("/log/checkpoint").raw


def work(server: Server, count: int) -> list[str]:
    """Issues `count` passports and revokes every third; returns their ids."""
    operator = server.operator()
    passports = [issue(operator) for _ in range(count)]
    for passport in passports[::3]:
        revoke(operator, agent_id=passport["agent_id"])
    return [str(passport["passport_id"]) for passport in passports]


def run(report: Report, options: argparse.Namespace) -> None:
    with report.check("the checker accepts sound logs and refuses damaged ones") as case:
        command: list[str | Path] = [sys.executable, HERE / "check_log.py", "--self-test"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        equal(done.returncode, 0, f"exit status: {done.stderr}")
        case.note = done.stdout.strip().replace("\n", "; ")
    with sandbox(options.aegis, "log") as server:
        public, count = server.public(), {"fast": 250, "usual": 400, "long": 5000}[options.extent]
        size = 0
        with report.check("checkpoint, tiles, inclusion and consistency of an earlier and the present log") as case:
            first = work(server, 20)
            earlier = settled(server)
            ids = work(server, count)
            settled(server)
            said: list[str] = []
            size = check_log.check_log(server.base, sample=200, previous=earlier, say=said.append)
            demand(size > 256, f"{size} entries do not fill a tile")
            case.note = "; ".join(said)
        with report.check("proofs of passports, first and latest checkpoint, with their openings") as case:
            names = [ids[0], ids[-1], first[0]]
            places = [f"/registry/passports/{name}/proof.tlog-proof" for name in names]
            paths = [place + query for place in places for query in ("", "?checkpoint=latest")]
            proofs = [integrated(public, path) for path in paths]
            check_log.check_log(server.base, sample=1, proofs=proofs, say=lambda _: None)
            case.note = f"{len(proofs)} proofs"
        with report.check("beyond the tree and malformed questions are refused"):
            expected = {
                f"/log/proof/inclusion?index={size + 1000}": 404,
                f"/log/proof/inclusion?leaf_hash={'0' * 64}": 404,
                "/log/proof/inclusion?leaf_hash=zz": 400,
                "/log/proof/inclusion": 400,
                f"/log/proof/consistency?from=1&to={size + 1000}": 404,
                "/log/proof/consistency?from=5&to=4": 400,
                "/log/proof/consistency?from=5": 400,
                f"/log/tile/0/{size // 256 + 10:03}": 404,
                "/log/tile/0/000.p/256": 404,
                "/log/tile/0/x000/000": 404,
                "/log/tile/entries/999": 404,
            }
            for path, status in expected.items():
                answer = public.get(path)
                equal(answer.status, status, f"GET {path} {answer.raw[:200]!r}")
        with report.check("media types and caching"):
            checkpoint, tile = public.get("/log/checkpoint"), public.get("/log/tile/0/000")
            equal(checkpoint.headers["content-type"], "text/plain; charset=utf-8", "type of the checkpoint")
            demand("max-age=2" in checkpoint.headers["cache-control"], "max-age of the checkpoint")
            equal(tile.headers["content-type"], "application/octet-stream", "type of a tile")
            demand("immutable" in tile.headers["cache-control"], "a full tile is immutable")
        with report.check("the same log after a restart"):
            before = settled(server)
            server.stop()
            server.start()
            check_log.check_log(server.base, sample=8, previous=before, say=lambda _: None)
