"""Scores of what was trained, by the same harness and the same code as every evaluation of this hub."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from workers.evaluation.errors import Refused
from workers.evaluation.run import evaluate


def scores_of(
    argument: Mapping[str, Any],
    subjects: Mapping[str, Mapping[str, str] | None],
    report: Callable[[float], None],
    **settings: Any,
) -> dict[str, dict[str, Any]]:
    """The set's own metric of each adapter's files, by its name in ``subjects``; None is the base model alone.

    ``argument`` is an evaluation's. Raises Refused with the reason of the first that could not be measured.
    """
    plain = {"efficiency": False, "with_probe": True, **settings}
    asked = [
        {"evaluation_id": name, "files": None if files is None else dict(files), "settings": plain}
        for name, files in subjects.items()
    ]
    found = evaluate({**argument, "subjects": asked}, lambda share, note="": report(share))
    return {row["evaluation_id"]: _score(row, argument["set"]["metric"]) for row in found["results"]}


def files_in(folder: Path) -> dict[str, str]:
    """The files of an adapter that was written a moment ago."""
    return {path.name: str(path) for path in sorted(folder.iterdir())}


def _score(row: Mapping[str, Any], metric: str) -> dict[str, Any]:
    if error := row.get("error"):
        raise Refused(error["code"], f"{row['evaluation_id']}: {error['detail']}", error.get("hint", ""))
    said = row["metrics"][metric]
    return {
        "score": said["value"],
        "low": said.get("low"),
        "high": said.get("high"),
        "rows": row["used"].get("rows"),
        "weights_digest": row["used"].get("base_weights_digest"),
    }
