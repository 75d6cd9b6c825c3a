"""What every test shares: markers and order by folder, the generated page, and the count of tests left out."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
SHARED = REPOSITORY.parent / "shared"
# Fast folders first, so that a mistake shows before the slow ones begin.
FOLDERS = ("unit", "contract", "hostile", "interop", "functional", "browser", "faults")

pytest_plugins = [
    "tests.literature.report",
    "tests.faults.report",
    "tests.servers.swift",
    "tests.servers.postgres",
    "tests.servers.redis",
]


@pytest.fixture(scope="session")
def django_db_modify_db_settings(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep the test database in a file, as the hub does, so that threads meet on it with connections of their own."""
    from django.conf import settings

    database: dict[str, Any] = settings.DATABASES["default"]
    if database["ENGINE"] == "django.db.backends.sqlite3":
        database.setdefault("TEST", {})["NAME"] = str(tmp_path_factory.mktemp("database") / "hub.sqlite3")


@pytest.fixture(autouse=True)
def downloads_are_written_at_once(settings: Any) -> None:
    """No thread may write a finished test's downloads into the database of the next one."""
    settings.HUB_DOWNLOAD_FLUSH_SECONDS = 0


@pytest.fixture(scope="session")
def shared_folder() -> Path:
    """Return the folder of real adapters beside the checkout; skip by name where it is absent."""
    if not SHARED.is_dir():
        pytest.skip("needs ../shared, which is not beside this checkout")
    return SHARED


def folder_of(item: pytest.Item) -> str:
    """Return which of FOLDERS holds this test, or an empty string."""
    parts = item.path.relative_to(REPOSITORY / "tests").parts if item.path.is_relative_to(REPOSITORY / "tests") else ()
    return parts[0] if parts and parts[0] in FOLDERS else ""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test with its folder and run the folders in order, keeping the order within a file."""
    for item in items:
        if folder := folder_of(item):
            item.add_marker(folder)
    items.sort(key=lambda item: FOLDERS.index(folder_of(item)) if folder_of(item) else len(FOLDERS))


def skip_reason(report: pytest.TestReport) -> str:
    """Return why this test was skipped, without pytest's prefix."""
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr or "")
    return reason.removeprefix("Skipped: ")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Count the tests left out for want of ../shared, by file and by name."""
    left_out = [report for report in terminalreporter.stats.get("skipped", []) if "../shared" in skip_reason(report)]
    if not left_out:
        return
    terminalreporter.section(f"{len(left_out)} skipped for want of ../shared")
    names = Counter(report.nodeid.split("[", 1)[0] for report in left_out)
    for name, count in sorted(names.items()):
        terminalreporter.write_line(f"{name}" + (f" ({count} cases)" if count > 1 else ""))
