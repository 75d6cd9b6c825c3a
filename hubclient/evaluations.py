"""Ask the hub to measure, wait for it, and send it sets to measure on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import ConflictError, JobFailedError
from .jobs import JobProgress
from .names import AdapterName
from .set_folder import SetFolder, read_set_folder

if TYPE_CHECKING:
    from .measurements import Measurements


def request(
    hub: Measurements,
    names: Iterable[str],
    evaluation_set: str,
    settings: Mapping[str, Any],
    companion: str | None = None,
) -> dict[str, Any]:
    """Ask for evaluations: `{"evaluations": [...], "jobs": [...]}`. Asking twice for what waits asks once.

    With a `companion` each adapter is measured together with that second one, whose updates are added to its own.
    """
    adapters = list(names)
    for name in (*adapters, *filter(None, [companion])):
        AdapterName.parse(name)
    given = {name: value for name, value in settings.items() if value is not None}
    body: dict[str, Any] = {"adapters": adapters, "evaluation_set": evaluation_set, "settings": given}
    if companion:
        body["companion"] = companion
    answer: dict[str, Any] = hub.call("POST", "/evaluations", json=body, is_repeatable=True)
    return answer


def await_all(
    hub: Measurements, requested: Mapping[str, Any], *, timeout_seconds: float | None, on_progress: JobProgress | None
) -> list[dict[str, Any]]:
    """The evaluations once their jobs have ended, each measured or failed.

    A job that died is followed by two of half its size, which are waited for too.
    """
    rows, ended = list(requested["evaluations"]), set[str]()
    while jobs := {str(row["job"]) for row in rows if row["state"] == "waiting" and row.get("job")} - ended:
        for job in sorted(jobs):
            hub.wait(job, timeout_seconds=timeout_seconds, on_progress=on_progress, is_raising=False)
        ended |= jobs
        rows = [hub.evaluation(row["id"]) for row in rows]
    return rows


def raise_if_not_measured(evaluation: Mapping[str, Any]) -> None:
    """Raise JobFailedError with the code that the hub gives for an evaluation without a score."""
    if evaluation["state"] == "measured":
        return
    error = evaluation.get("error") or {}
    raise JobFailedError(
        str(error.get("detail") or f"The evaluation {evaluation['id']} is {evaluation['state']}."),
        code=str(error.get("code") or "score_not_measured"),
        hint=error.get("hint"),
    )


def add_set(hub: Measurements, folder: Path, name: str) -> dict[str, Any]:
    """Send a folder as the newest revision of the set `ns/name`, which is made where there is none."""
    parsed, read = AdapterName.parse(name), read_set_folder(folder)
    _make(hub, parsed, read)
    path = f"/evaluation-sets/{parsed.full_name}/revisions"
    answer: dict[str, Any] = hub.connection.post_form(path, manifest=read.manifest, files=read.files)
    return answer


def _make(hub: Measurements, name: AdapterName, read: SetFolder) -> None:
    body = {"namespace": name.namespace, "name": name.name, "visibility": read.visibility, "summary": read.summary}
    try:
        hub.call("POST", "/evaluation-sets", json=body)
    except ConflictError as error:
        if error.code != "name_taken":
            raise
