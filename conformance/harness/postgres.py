"""A private PostgreSQL on loopback, gone at the end. It is never crashed here, so it need not be durable."""

import contextlib
import os
import pwd
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from harness.report import demand
from harness.server import free_port, scratch

OPTIONS = "-c listen_addresses=127.0.0.1 -c fsync=off -c synchronous_commit=off -c full_page_writes=off"


def binaries() -> Path | None:
    """The newest server installed; as root, Debian's package is installed where there is none."""

    def newest() -> Path | None:
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
        on_path = shutil.which("initdb")
        return found[-1].parent if found else Path(on_path).resolve().parent if on_path else None

    if newest() is None and os.geteuid() == 0 and shutil.which("apt-get"):
        command = ["apt-get", "install", "--yes", "--no-install-recommends", "postgresql"]
        subprocess.run(command, capture_output=True, check=False)
    return newest()


def owner() -> str | None:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    with contextlib.suppress(KeyError):
        return pwd.getpwnam("postgres").pw_name
    return "nobody"


@contextlib.contextmanager
def cluster() -> Iterator[str]:
    """Yields the URL of an empty database."""
    found = binaries()
    demand(found is not None, "there is no PostgreSQL, and it cannot be installed here")
    assert found is not None
    with scratch("postgres") as directory:
        user, port = owner(), free_port()
        if user is not None:
            shutil.chown(directory, user)
        place = directory / "cluster"
        init: list[str | Path] = [found / "initdb", "-D", place, "-A", "trust", "-U", "aegis"]
        init += ["--no-sync", "-E", "UTF8", "--locale=C"]
        subprocess.run(init, check=True, capture_output=True, user=user, cwd=directory)
        command: list[str | Path] = [found / "postgres", "-D", place, "-p", str(port), "-k", directory]
        command += OPTIONS.split()
        with (directory / "log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, user=user, cwd=directory)
        try:
            ready: list[str | Path] = [found / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)]
            deadline = time.monotonic() + 30
            while subprocess.run(ready, check=False).returncode != 0:
                demand(process.poll() is None, f"PostgreSQL ended: {(directory / 'log').read_text()}")
                demand(time.monotonic() < deadline, "PostgreSQL does not answer")
                time.sleep(0.05)
            yield f"postgres://aegis@127.0.0.1:{port}/postgres"
        finally:
            process.terminate()
            process.wait()
