"""Pytest plugin: collect which marked tests passed and write docs/LITERATURE.md after a full run."""

from __future__ import annotations

import os
from collections import defaultdict
from pathlib import Path

import pytest

from tests.literature.page import Group, Proof, load_groups, render_page

REPOSITORY = Path(__file__).resolve().parents[2]
ROWS = Path(__file__).with_name("rows.toml")
PAGE = REPOSITORY / "docs" / "LITERATURE.md"
SYSTEM = "literature"
"""The property of a test that names one of its systems."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --literature, which a full run passes."""
    parser.addoption("--literature", action="store_true", help="write docs/LITERATURE.md from what passed in this run")


def pytest_configure(config: pytest.Config) -> None:
    """Register the collector of this run."""
    config.pluginmanager.register(LiteratureCollector(config), "literature-collector")


class LiteratureCollector:
    """Remembers, for each system that a marker names, its tests and how each ended.

    Where several processes run the tests, each report carries its test's systems to the one that writes the page.
    """

    def __init__(self, config: pytest.Config) -> None:
        self.groups: list[Group] = load_groups(ROWS)
        self.is_writing: bool = config.getoption("--literature") and not hasattr(config, "workerinput")
        self.systems_of_test: dict[str, tuple[str, ...]] = {}
        self.outcomes: dict[str, set[str]] = defaultdict(set)
        # A run that leaves tests out proves nothing about the whole.
        option = config.option
        # Without pytest's cache there is no such option.
        is_last_failed = getattr(option, "lf", False)
        is_chosen = bool(option.keyword or option.markexpr or option.deselect or is_last_failed)
        self.is_partial = config.args_source is not pytest.Config.ArgsSource.TESTPATHS or is_chosen
        self.message = ""

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Note the marked tests; refuse a name that rows.toml does not hold."""
        known = {row.name for group in self.groups for row in group.rows}
        for item in items:
            names = tuple(name for marker in item.iter_markers("literature") for name in marker.args)
            if unknown := sorted(set(names) - known):
                raise pytest.UsageError(f"{item.nodeid}: unknown systems {unknown}; use names of {ROWS.name}")
            item.user_properties += [(SYSTEM, name) for name in names]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep every outcome of a marked test; a failed setup or teardown counts as well as the call."""
        names = tuple(str(value) for key, value in report.user_properties if key == SYSTEM)
        if names:
            self.systems_of_test[report.nodeid] = names
            if report.when == "call" or not report.passed:
                self.outcomes[report.nodeid].add(report.outcome)

    def proofs(self) -> dict[str, Proof]:
        """Return, for each named system, its tests without their parameters and how they ended together."""
        tests: dict[str, set[str]] = defaultdict(set)
        ends: dict[str, set[str]] = defaultdict(set)
        for test, systems in self.systems_of_test.items():
            for system in systems:
                tests[system].add(test.split("[", 1)[0])
                ends[system] |= self.outcomes.get(test) or {"skipped"}
        return {system: Proof(tuple(sorted(tests[system])), _worst(ends[system])) for system in tests}

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Write the page if it changed; in continuous integration only say that it differs."""
        if not self.is_writing or session.config.option.collectonly:
            return
        has_ended = exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED) and not session.shouldstop
        if self.is_partial or not has_ended or not self.outcomes:
            self.message = "docs/LITERATURE.md was left alone: only a whole run writes it"
            return
        previous = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
        page = render_page(self.groups, self.proofs(), previous)
        if page == previous:
            self.message = "docs/LITERATURE.md is up to date"
        elif os.environ.get("CI"):
            self.message = (
                "docs/LITERATURE.md differs from what passed in this run; run `make literature` and commit it"
            )
        else:
            PAGE.write_text(page, encoding="utf-8")
            self.message = "docs/LITERATURE.md was rewritten; commit it"

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say what became of the page."""
        if self.message:
            terminalreporter.section("literature")
            terminalreporter.write_line(self.message)


def _worst(outcomes: set[str]) -> str:
    """Return the outcome that decides: one failure or one skip is enough to prove nothing."""
    return next((outcome for outcome in ("failed", "skipped") if outcome in outcomes), "passed")
