"""Counts checks, prints each as it ends, and the table at the end."""

import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path


class Wrong(Exception):
    """What was seen is not what was promised."""


def demand(holds: object, what: str) -> None:
    if not holds:
        raise Wrong(what)


def equal(seen: object, expected: object, what: str) -> None:
    demand(seen == expected, f"{what}: {shorten(seen)} instead of {shorten(expected)}")


def shorten(value: object, most: int = 400) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= most else f"{text[:most]}… ({len(text)} characters)"


def broken(fault: Exception) -> str:
    """A check that could not even compare: what was raised, and the way there."""
    frames = traceback.extract_tb(fault.__traceback__)[:0:-1]
    way = " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames)
    return f"{type(fault).__name__}: {shorten(str(fault))} at {way}"


@dataclass
class Case:
    """One running check; `note` is shown beside its name."""

    note: str = ""


@dataclass
class Tally:
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0
    failures: list[str] = field(default_factory=list)


class Report:
    def __init__(self) -> None:
        self.tallies: dict[str, Tally] = {}
        self.current = ""
        self.skips: list[str] = []

    def start(self, suite: str) -> None:
        self.current = suite
        self.tallies.setdefault(suite, Tally())
        print(f"\n{suite}", flush=True)

    @contextmanager
    def check(self, name: str) -> Iterator[Case]:
        """Runs its block as one check: any exception is a failure, and the suite goes on."""
        tally, case, begun = self.tallies[self.current], Case(), time.monotonic()
        try:
            yield case
        except Exception as fault:  # noqa: BLE001 (every fault of a check is its result)
            tally.failed += 1
            what = str(fault) if isinstance(fault, Wrong) else broken(fault)
            tally.failures.append(f"{self.current}: {name}: {what}")
            self._line("FAIL", name, what, begun)
        else:
            tally.passed += 1
            self._line("pass", name, case.note, begun)
        tally.seconds += time.monotonic() - begun

    def skip(self, name: str, why: str) -> None:
        self.tallies[self.current].skipped += 1
        self.skips.append(f"{self.current}: {name}: {why}")
        print(f"  SKIP  {name}: {why}", flush=True)

    @staticmethod
    def _line(result: str, name: str, note: str, begun: float) -> None:
        print(f"  {result}  {name} [{time.monotonic() - begun:.1f} s]{': ' if note else ''}{note}", flush=True)

    def close(self) -> int:
        """Prints the table; the last line is read by machines. Returns the exit status."""
        print(f"\n{'suite':<14}{'passed':>8}{'failed':>8}{'skipped':>9}{'seconds':>9}")
        for suite, tally in self.tallies.items():
            print(f"{suite:<14}{tally.passed:>8}{tally.failed:>8}{tally.skipped:>9}{tally.seconds:>9.1f}")
        for skip in self.skips:
            print(f"SKIPPED {skip}")
        for tally in self.tallies.values():
            for failure in tally.failures:
                print(f"FAILED {failure}")
        passed = sum(tally.passed for tally in self.tallies.values())
        failed = sum(tally.failed for tally in self.tallies.values())
        print(f"{passed} passed, {failed} failed")
        sys.stdout.flush()
        return 0 if failed == 0 and passed > 0 else 1
