"""lm_eval's task and model, made from what is there already: rendered rows and a stitched model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from datasets import Dataset
from lm_eval.api.registry import METRIC_AGGREGATION_REGISTRY, is_higher_better
from lm_eval.api.task import ConfigurableTask
from lm_eval.models.huggingface import HFLM

from workers.evaluation.language_rows import Prepared


def task_of(prepared: Prepared, name: str, metrics: Sequence[str], seed: int) -> ConfigurableTask:
    """A task whose templates are names of columns, so that lm_eval renders nothing."""
    task = _RenderedTask(
        prepared,
        {
            "task": name,
            "output_type": prepared.kind,
            "test_split": "test",
            **({"training_split": "train", "fewshot_split": "train"} if prepared.num_fewshot else {}),
            "num_fewshot": prepared.num_fewshot,
            "doc_to_text": "text",
            "doc_to_target": "target",
            **({"doc_to_choice": "choices"} if prepared.kind == "multiple_choice" else {}),
            "description": "description",
            "target_delimiter": prepared.target_delimiter,
            "fewshot_delimiter": prepared.fewshot_delimiter,
            "metric_list": [
                {
                    "metric": metric,
                    "aggregation": METRIC_AGGREGATION_REGISTRY[metric],
                    "higher_is_better": is_higher_better(metric),
                }
                for metric in metrics
            ],
        },
    )
    task.set_fewshot_seed(seed)
    return task


class _RenderedTask(ConfigurableTask):
    """A task over rows in memory; nothing is downloaded or cached."""

    def __init__(self, prepared: Prepared, config: dict[str, Any]) -> None:
        self._prepared = prepared
        super().__init__(config=config)

    def download(self, dataset_kwargs: dict[str, Any] | None = None, **kwargs: Any) -> None:
        self.dataset = {"test": Dataset.from_list(list(self._prepared.rows))}
        if self._prepared.shots:
            self.dataset["train"] = Dataset.from_list(list(self._prepared.shots))


def reporting_model(report: Callable[[float], None], *, expected: int, **arguments: Any) -> HFLM:
    """lm_eval's model around ``pretrained``, which says how far it is after every batch."""
    return _ReportingModel(report, expected, **arguments)


class _ReportingModel(HFLM):
    def __init__(self, report: Callable[[float], None], expected: int, **arguments: Any) -> None:
        self._report, self._expected, self._done = report, max(1, expected), 0
        super().__init__(**arguments)

    def _model_call(self, inps: Any, *arguments: Any, **more: Any) -> Any:
        found = super()._model_call(inps, *arguments, **more)
        self._done += len(inps)
        self._report(min(1.0, self._done / self._expected))
        return found
