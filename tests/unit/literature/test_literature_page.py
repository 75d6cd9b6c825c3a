"""The generated page proves a row only by tests that passed, and does not flap with the machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.literature.page import Group, Proof, Row, load_groups, render_page
from tests.literature.report import ROWS

GROUPS = [
    Group("Methods", (Row("QLoRA", "record the base", "no issue yet"), Row("Hydra", "fold branches", "no issue yet")))
]
TEST = "tests/unit/test_a.py::test_b"


def status(page: str, system: str) -> str:
    return next(
        line.split(" | ")[2].removesuffix(" |") for line in page.splitlines() if line.startswith(f"| {system} ")
    )


def test_a_row_without_a_test_says_why_it_is_not_done():
    assert status(render_page(GROUPS, {}), "QLoRA") == "not done, because no issue yet"


def test_a_row_is_proved_and_counted_when_its_tests_passed():
    page = render_page(GROUPS, {"QLoRA": Proof((TEST,), "passed")})
    assert status(page, "QLoRA") == f"proved by `{TEST}`"
    assert "| Methods | 1 | 2 |" in page
    assert "| **all** | **1** | **2** |" in page


def test_one_failure_takes_the_proof_away():
    page = render_page(GROUPS, {"QLoRA": Proof((TEST,), "passed")})
    page = render_page(GROUPS, {"QLoRA": Proof((TEST,), "failed")}, previous=page)
    assert status(page, "QLoRA").startswith("not done, because a test that should prove it fails")


def test_a_skip_proves_nothing_but_keeps_what_the_same_tests_proved_elsewhere():
    skipped = {"QLoRA": Proof((TEST,), "skipped")}
    assert "were skipped in this run" in status(render_page(GROUPS, skipped), "QLoRA")
    proved = render_page(GROUPS, {"QLoRA": Proof((TEST,), "passed")})
    assert render_page(GROUPS, skipped, previous=proved) == proved
    other = {"QLoRA": Proof(("tests/unit/test_a.py::test_new",), "skipped")}
    assert "were skipped in this run" in status(render_page(GROUPS, other, previous=proved), "QLoRA")


def test_the_page_depends_on_nothing_but_rows_and_proofs():
    groups = load_groups(ROWS)
    assert render_page(groups, {}) == render_page(groups, {}, previous=render_page(groups, {}))


def test_every_system_has_one_row(tmp_path: Path):
    assert sum(len(group.rows) for group in load_groups(ROWS)) == 156
    twice = tmp_path / "rows.toml"
    twice.write_text(
        '[[groups]]\ntitle="M"\nreason="r"\nrows=[{name="A",need="n"},{name="A",need="n"}]\n', encoding="utf-8"
    )
    with pytest.raises(ValueError, match="'A'"):
        load_groups(twice)


def test_no_cell_breaks_the_table():
    cells = [cell for group in load_groups(ROWS) for row in group.rows for cell in (row.name, row.need, row.reason)]
    assert not [cell for cell in cells if "|" in cell or "\n" in cell or not cell.strip()]
