"""Runs the suites named, or all, against one `aegis` binary."""

import argparse
import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

HERE = Path(__file__).resolve().parent
SUITES = ["reference", "native", "tamper", "log", "webhooks", "mail", "schemathesis", "crash"]


def load(suite: str) -> ModuleType:
    """`conformance/NAME/check.py`; each defines `run(report, options)`."""
    path = HERE / suite / "check.py"
    spec = importlib.util.spec_from_file_location(f"{suite}_check", path)
    if spec is None or spec.loader is None:
        raise SystemExit(f"no suite {suite}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(path.parent))
    return module


def find_aegis(given: Path | None) -> Path:
    """The binary to check: the one named, else the newest one built here, else one built now."""
    if given is not None:
        return given.resolve(strict=True)
    root = HERE.parent
    target = Path(os.environ.get("CARGO_TARGET_DIR", root / "target"))
    subprocess.run(["cargo", "build", "--quiet", "-p", "aegis-server"], cwd=root, check=True)
    return (target / "debug" / "aegis").resolve(strict=True)


def main() -> int:
    from harness.report import Report

    parser = argparse.ArgumentParser(prog="conformance/run", description=__doc__)
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=f"any of: {', '.join(SUITES)}; default all")
    extent = parser.add_mutually_exclusive_group()
    extent.add_argument("--fast", action="store_const", dest="extent", const="fast", help="for CI (the default there)")
    extent.add_argument("--long", action="store_const", dest="extent", const="long", help="before a release")
    parser.add_argument("--aegis", type=Path, help="binary to check; default: built in debug form from this tree")
    parser.add_argument("--seed", type=int, default=20260508, help="of everything random (default %(default)s)")
    parser.add_argument("--cycles", type=int, help="crashes per database, whatever the extent")
    parser.add_argument("--list", action="store_true", help="name the suites")
    parser.set_defaults(extent="fast" if os.environ.get("CI") else "usual")
    options = parser.parse_args()
    if options.list:
        print("\n".join(SUITES))
        return 0
    unknown = set(options.suites) - set(SUITES)
    if unknown:
        parser.error(f"no suite {', '.join(sorted(unknown))}; there are {', '.join(SUITES)}")
    options.aegis = find_aegis(options.aegis)
    report = Report()
    for suite in options.suites or SUITES:
        report.start(suite)
        try:
            load(suite).run(report, options)
        except Exception:  # noqa: BLE001 (a suite that cannot go on has failed)
            with report.check("runs to its end"):
                raise
    return report.close()


if __name__ == "__main__":
    sys.path.insert(0, str(HERE))
    sys.exit(main())
