"""The part of the client that lets the hub train: adapters from the directions of others, and on other base models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .derivations import Derivations, target_of
from .errors import ConflictError, UsageError
from .jobs import JobProgress
from .names import AdapterName

ROW_SUFFIXES = (".jsonl", ".csv")
_LABELLED = {"harness": "sequence_classification", "metric": "accuracy"}
# Rows that hold a text and nothing else.
_UNLABELLED = {
    "harness": "language_model",
    "metric": "byte_perplexity",
    "columns": {"text": "text"},
    "options": {"output_type": "loglikelihood_rolling"},
}


class Trainings(Derivations):
    """Trainings on the hub's workers; each answer is a derivation, with a comparison in its report once it is made."""

    def adapt(
        self,
        name: str,
        evaluation_set: str,
        *,
        members: Sequence[str] = (),
        family: str = "",
        is_waiting: bool = True,
        timeout_seconds: float | None = None,
        on_progress: JobProgress | None = None,
        **settings: Any,
    ) -> dict[str, Any]:
        """Learn `ns/name[@version]` on a set's rows: coefficients alone, in the directions of members or a family.

        `settings`: rank, components or energy, epochs, limit, seed, split, ... Raises JobFailedError with the reason.
        """
        body = {"members": list(members), "family": family, "evaluation_set": evaluation_set}
        asked = self._asked("/adaptations", name, body, settings)
        return self._awaited(asked, is_waiting, timeout_seconds, on_progress)

    def transfer(
        self,
        source: str,
        name: str,
        base_model: str,
        text_set: str,
        *,
        evaluation_set: str = "",
        is_waiting: bool = True,
        timeout_seconds: float | None = None,
        on_progress: JobProgress | None = None,
        **settings: Any,
    ) -> dict[str, Any]:
        """Teach `ns/name[@version]` on another base model what `source` answers on a set's texts. Experimental.

        Raises JobFailedError with the reason.
        """
        body = {"source": source, "base_model": base_model, "text_set": text_set, "evaluation_set": evaluation_set}
        asked = self._asked("/transfers", name, body, settings)
        return self._awaited(asked, is_waiting, timeout_seconds, on_progress)

    def send_rows(self, name: str, files: Mapping[str, Path]) -> str:
        """Labelled rows by split as a private set `ns/name`; its reference, such as `ns/name@1`.

        Raises UsageError for a file of another kind.
        """
        return self._private_set(name, _LABELLED, files)

    def send_texts(self, name: str, file: Path) -> str:
        """Texts without labels (one a line in a .txt file, else rows with the column `text`) as a private set.

        Their split is `test`. Raises UsageError for a file of another kind.
        """
        if file.suffix != ".txt":
            return self._private_set(name, _UNLABELLED, {"test": file})
        import json
        import tempfile

        lines = [line.strip() for line in file.read_text(encoding="utf-8").splitlines()]
        rows = "".join(json.dumps({"text": line}, ensure_ascii=False) + "\n" for line in lines if line)
        with tempfile.TemporaryDirectory() as folder:
            made = Path(folder) / "texts.jsonl"
            made.write_text(rows, encoding="utf-8")
            return self._private_set(name, _UNLABELLED, {"test": made})

    def _asked(self, path: str, name: str, body: dict[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
        given = {key: value for key, value in settings.items() if value is not None}
        said = {**body, **target_of(name), "settings": given}
        answer: dict[str, Any] = self.call("POST", path, json=said)
        return answer

    def _awaited(
        self, asked: dict[str, Any], is_waiting: bool, timeout_seconds: float | None, on_progress: JobProgress | None
    ) -> dict[str, Any]:
        if not is_waiting:
            return asked
        return self.await_derivation(asked, timeout_seconds=timeout_seconds, on_progress=on_progress)

    def _private_set(self, name: str, manifest: dict[str, Any], files: Mapping[str, Path]) -> str:
        for path in files.values():
            if path.suffix not in ROW_SUFFIXES:
                raise UsageError(f"{path} should end with {' or '.join(ROW_SUFFIXES)}.", field="path")
            if not path.is_file():
                raise UsageError(f"There is no file {path}.", field="path")
        parsed = AdapterName.parse(name)
        body = {"namespace": parsed.namespace, "name": parsed.name, "visibility": "private"}
        try:
            self.call("POST", "/evaluation-sets", json=body)
        except ConflictError as error:
            if error.code != "name_taken":
                raise
        place = f"/evaluation-sets/{parsed.full_name}/revisions"
        answer = self.connection.post_form(place, manifest=manifest, files=dict(files))
        return str(answer["reference"])
