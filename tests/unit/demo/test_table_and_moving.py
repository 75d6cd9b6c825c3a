"""The table tells equal from different, and training folders come back whatever happens."""

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from demo.console import Row, Screen
from demo.trained import TrainedAdapter
from demo.walk import DemoFailedError, compare, moved_away, restore

SAME = Row("romance", "1.0.0", 0.7, 0.8, "ab" * 32, 0.8, "ab" * 32)
TRAINED = TrainedAdapter("romance", 100, 50, 0.7, 0.8, "ab" * 32, 1.0)


def test_one_other_digest_makes_a_row_different_at_equal_accuracy() -> None:
    assert SAME.is_same
    assert not replace(SAME, stitched_sha256="cd" * 32).is_same
    assert not replace(SAME, stitched_accuracy=0.79).is_same


def test_the_plain_table_names_the_different_one() -> None:
    out = io.StringIO()
    Screen(Console(file=out, width=40)).table([SAME, replace(SAME, name="slavic", stitched_sha256="cd" * 32)])
    lines = out.getvalue().splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["romance", "slavic"]
    assert [line.split()[-1] for line in lines[1:]] == ["same", "DIFFERENT"]


def test_an_adapter_that_was_not_stitched_is_named() -> None:
    with pytest.raises(DemoFailedError, match="romance"):
        compare({"romance": TRAINED}, {})


def test_a_folder_moved_away_comes_back_after_an_error(tmp_path: Path) -> None:
    folder = tmp_path / "trained"
    folder.mkdir()

    def fail_inside() -> None:
        with moved_away(folder):
            assert not folder.exists()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_inside()
    assert folder.is_dir()


def test_a_move_left_by_a_killed_run_is_undone(tmp_path: Path) -> None:
    (tmp_path / "trained-moved-away").mkdir()
    restore(tmp_path / "trained")
    assert (tmp_path / "trained").is_dir()
