"""The model card of a trained adapter: front matter that tools read, and what a reader wants to know first."""

import yaml

from demo.tasks import BASE_MODEL_ID, Task

LICENSE = "Apache-2.0"
HUB_TASK = "text-classification"
TRAINING_DATA = "Translations of Django's own messages, as shipped in the Django wheel (BSD-3-Clause)."


def languages_of(task: Task) -> list[str]:
    """The task's languages as BCP-47 tags."""
    return [locale.replace("_", "-") for locale in task.locales]


def tags_of(task: Task) -> list[str]:
    """What the adapter can be searched by."""
    return ["language-identification" if task.is_language_task else "topic", "django", "demo"]


def write_card(task: Task, *, examples: int, held_out: int, head_accuracy: float, accuracy: float) -> str:
    """The README.md of `task`'s adapter; accuracies are fractions of the held-out set."""
    result = {
        "task": {"type": HUB_TASK},
        "dataset": {"name": "Django translations, held-out messages", "type": "django-translations"},
        "metrics": [{"type": "accuracy", "value": round(accuracy, 4)}],
    }
    front = {
        "base_model": BASE_MODEL_ID,
        "library_name": "peft",
        "license": LICENSE.lower(),
        "pipeline_tag": HUB_TASK,
        "language": languages_of(task),
        "tags": tags_of(task),
        "datasets": ["django-translations"],
        "model-index": [{"name": task.name, "results": [result]}],
    }
    labels = "\n".join(f"- {index}: `{label}`" for index, label in enumerate(task.labels))
    return f"""---
{yaml.safe_dump(front, sort_keys=False, allow_unicode=True)}---

# {task.name}

{task.summary}

| on {held_out} held-out texts | accuracy |
|---|---:|
| a head alone on the frozen base | {head_accuracy:.3f} |
| this adapter | {accuracy:.3f} |

Classes, in the order of the logits:

{labels}

Trained on {examples} texts of 12 characters or more. {TRAINING_DATA}
No message, and no text, is in both the training and the held-out set. Placeholders are replaced by `#`.
The classes are balanced. This adapter shows how a hub works; it is no substitute for a real language detector.
"""
