"""The generated page of the fault matrix says of each row what its tests showed, and the worst of them decides."""

from pathlib import Path

import pytest

from tests.faults.report import ROWS
from tests.faults.table import Row, Showing, load_rows, render

ROW = Row("disk full", "a small disk", "503")


def line_of(showing: Showing | None, row: Row = ROW) -> str:
    """The row as the page shows it."""
    page = render([row], {row.name: showing} if showing else {}, run="Run of today.")
    return next(line for line in page.splitlines() if line.startswith(f"| {row.name} |"))


def test_a_row_whose_tests_passed_holds_and_names_them():
    line = line_of(Showing(("tests/faults/test_disks.py::test_one",), "passed", 12.4))
    assert line == "| disk full | a small disk | 503 | holds | `faults/test_disks.py::test_one` | 12 |"


@pytest.mark.parametrize(
    ("ended", "words"), [("failed", "FAILED"), ("known", "does not hold yet"), ("skipped", "not shown")]
)
def test_a_row_that_was_not_shown_to_hold_says_so_and_why(ended: str, words: str):
    assert f"| {words}: no root \\| here |" in line_of(Showing(("a::b",), ended, 1.0, "no root | here"))


def test_a_row_without_a_test_says_why_there_is_none():
    assert "| not shown: no test names this row yet |" in line_of(None)
    assert "| not shown: it needs two machines |" in line_of(None, Row("x", "y", "z", "it needs two machines"))


def test_only_rows_that_passed_are_counted():
    rows = [ROW, Row("other", "a", "b")]
    page = render(rows, {"disk full": Showing((), "passed", 1), "other": Showing((), "skipped", 1)}, run="Now.")
    assert "1 of 2 rows hold. Now." in page


def test_a_fault_has_one_row(tmp_path: Path):
    twice = '[[rows]]\nname = "a"\ninjected = "b"\noutcome = "c"\n' * 2
    (tmp_path / "rows.toml").write_text(twice)
    with pytest.raises(ValueError, match="each fault has one row"):
        load_rows(tmp_path / "rows.toml")


def test_the_matrix_is_complete():
    assert len(load_rows(ROWS)) >= 28
