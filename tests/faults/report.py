"""Pytest plugin: which fault tests run, and docs/FAULTS.md from how they ended."""

from __future__ import annotations

import os
import platform
import time
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.faults.table import Showing, load_rows, render

REPOSITORY = Path(__file__).resolve().parents[2]
ROWS = Path(__file__).with_name("rows.toml")
PAGE = REPOSITORY / "docs" / "FAULTS.md"
_WORST_FIRST = ("failed", "known", "skipped", "passed")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --faults, which `make test-faults` passes."""
    parser.addoption("--faults", action="store_true", help="run every fault test and write docs/FAULTS.md")


def pytest_configure(config: pytest.Config) -> None:
    """Register the collector of this run."""
    config.pluginmanager.register(FaultCollector(config), "fault-collector")


@dataclass
class _Test:
    rows: tuple[str, ...]
    seconds: float = 0.0
    ended: set[str] = field(default_factory=set)
    why: str = ""


class FaultCollector:
    """Leaves out the long fault tests of a usual run, and remembers how the others ended."""

    def __init__(self, config: pytest.Config) -> None:
        self.is_full: bool = config.getoption("--faults")
        self.rows = load_rows(ROWS)
        self.tests: dict[str, _Test] = {}
        self.began = time.monotonic()
        self.message = ""

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """With --faults run what names a row, and all of it; without, leave out what is marked ``faults_full``.

        One test, asked for by its own id, runs in any case.
        """
        known = {row.name for row in self.rows}
        for item in items:
            names = tuple(name for marker in item.iter_markers("fault") for name in marker.args)
            if unknown := sorted(set(names) - known):
                raise pytest.UsageError(f"{item.nodeid}: unknown faults {unknown}; use names of {ROWS.name}")
            if names:
                self.tests[item.nodeid] = _Test(names)
        is_asked_for = any("::" in argument for argument in config.args) or config.option.markexpr
        if self.is_full or not is_asked_for:
            left_out = [item for item in items if not self._is_wanted(item)]
            items[:] = [item for item in items if self._is_wanted(item)]
            # Not reported as deselected: the literature's page rightly calls a run with deselected tests partial,
            # and this choice is the same in every run.
            for item in left_out:
                self.tests.pop(item.nodeid, None)

    def _is_wanted(self, item: pytest.Item) -> bool:
        if self.is_full:
            return item.nodeid in self.tests
        return item.get_closest_marker("faults_full") is None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep how a test ended and how long it took, its setup and teardown included."""
        test = self.tests.get(report.nodeid)
        if test is None:
            return
        test.seconds += report.duration
        if report.when != "call" and report.passed:
            return
        is_known = hasattr(report, "wasxfail")
        test.ended.add("known" if is_known and report.skipped else report.outcome)
        if is_known:
            test.why = report.wasxfail.removeprefix("reason: ")
        elif report.skipped and isinstance(report.longrepr, tuple):
            test.why = report.longrepr[2].removeprefix("Skipped: ")

    def showings(self) -> dict[str, Showing]:
        """For each row that a test names: the tests, how they ended together, and their seconds."""
        by_row: dict[str, list[tuple[str, _Test]]] = defaultdict(list)
        for name, test in self.tests.items():
            for row in test.rows:
                by_row[row].append((name, test))
        found = {}
        for row, tests in by_row.items():
            ends = {end for _, test in tests for end in test.ended or {"skipped"}}
            why = "; ".join(dict.fromkeys(test.why for _, test in tests if test.why))
            names = tuple(sorted({name.split("[", 1)[0] for name, _ in tests}))
            seconds = sum(test.seconds for _, test in tests)
            found[row] = Showing(names, next(end for end in _WORST_FIRST if end in ends), seconds, why)
        return found

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Write the page after a full run."""
        is_whole = (
            session.config.args_source is pytest.Config.ArgsSource.TESTPATHS and not session.config.option.keyword
        )
        has_ended = exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED) and not session.shouldstop
        if not self.is_full or session.config.option.collectonly:
            return
        if not is_whole or not has_ended:
            self.message = "docs/FAULTS.md was left alone: only a whole run writes it"
            return
        PAGE.write_text(render(self.rows, self.showings(), run=self._run()), encoding="utf-8")
        self.message = "docs/FAULTS.md was rewritten; commit it"

    def _run(self) -> str:
        minutes = (time.monotonic() - self.began) / 60
        today = datetime.now(UTC).date().isoformat()
        return (
            f"Run of {today}: {minutes:.0f} minutes on {os.cpu_count()} cores, {platform.system()}, "
            f"Python {platform.python_version()}."
        )

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say how each row ended, and what became of the page."""
        if not self.is_full:
            return
        terminalreporter.section("faults")
        for row, showing in self.showings().items():
            terminalreporter.write_line(f"{showing.ended:8}{showing.seconds:6.0f} s  {row}")
        terminalreporter.write_line(self.message)
