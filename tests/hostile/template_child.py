"""What the children of the tests of templates do. Named as ``tests.hostile.template_child:<function>``."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any


def render(argument: dict[str, Any], report: Callable[..., None]) -> dict[str, Any]:
    """Render one template for a number of equal rows."""
    from workers.evaluation.templates import MOST_SECONDS, RenderedText, bounded_time

    with bounded_time(argument.get("seconds", MOST_SECONDS)):
        rendered = RenderedText(argument["template"])
        texts = [rendered(argument["row"], number) for number in range(1, argument.get("rows", 1) + 1)]
    return {"texts": texts[:1]}


def contexts(argument: dict[str, Any], report: Callable[..., None]) -> dict[str, Any]:
    """What lm_eval would put before a model for the rows of a file."""
    from workers.evaluation.asked import AskedSet
    from workers.evaluation.language_rows import prepare
    from workers.evaluation.lm_eval_objects import task_of

    options = {"doc_to_text": "{{text}}", "doc_to_target": "{{target}}", "doc_to_choice": "choices"}
    asked = AskedSet("language_model", {"test": Path(argument["path"])}, (), {}, "", "acc", options)
    task = task_of(prepare(asked, "multiple_choice"), "hub", ["acc"], 0)
    task.build_all_requests()
    return {"arguments": [list(instance.args) for instance in task.instances], "pid": os.getpid()}
