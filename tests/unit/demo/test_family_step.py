"""The family step takes plain LoRAs alone, and its sum counts the basis."""

import io

from rich.console import Console

from demo.console import Screen
from demo.family import members_of, show
from demo.tasks import TASKS
from demo.trained import TrainedAdapter


def test_dora_and_other_tasks_stay_out() -> None:
    names = {task.name for task in members_of(TASKS)}
    assert "django-part-romance" not in names
    assert len(names) == 5


def test_the_sum_counts_the_basis() -> None:
    out = io.StringIO()
    line = {"name": "org/one@1.0.0", "accuracy": 0.8, "pulled_bytes": 10_000, "original_bytes": 1_200_000}
    trained = {"one": TrainedAdapter("one", 1, 1, 0.5, 0.85, "", 1.0)}
    show(Screen(Console(file=out, width=300)), {"size_bytes": 190_000}, {"one": line}, trained)
    assert "accuracy 0.850 -> 0.800, 10 kB instead of 1200 kB" in out.getvalue()
    assert "0.20 MB instead of 1.20 MB, 6.0 times less" in out.getvalue()
