"""Tasks: what adapters are for, as a tree with a word for each, whatever people call it."""

from dataclasses import dataclass
from functools import lru_cache

from catalog.errors import NotFound
from catalog.taxonomy.tables import by_word, plain_word, rows_of


@dataclass(frozen=True)
class Task:
    """One row of tasks.toml: ``inputs`` and ``outputs`` are modalities, ``parent`` is what it is a kind of."""

    id: str
    label: str
    about: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    parent: str = ""
    domains: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    caution: str = ""
    """``biometric``, ``voice`` or ``misuse`` where pages say to handle it with care."""


@lru_cache(maxsize=1)
def all_tasks() -> tuple[Task, ...]:
    """Every task, in the file's order: kinds of text first."""
    return rows_of("tasks.toml", "task", Task)


@lru_cache(maxsize=1)
def _words() -> dict[str, Task]:
    return by_word(all_tasks())


def find_task(text: str) -> Task | None:
    """The task that ``text`` means by id, label or alias, in any spelling: ``Named entity recognition`` is ``ner``."""
    return _words().get(plain_word(text))


def get_task(task_id: str) -> Task:
    """The task. Raises NotFound ``task_not_found``."""
    found = find_task(task_id)
    if found is None:
        raise NotFound(
            "task_not_found",
            f"no task {task_id[:80]!r} is known here",
            field="task",
            hint="GET /api/v1/taxonomy lists them.",
        )
    return found


def canonical_task(text: str) -> str:
    """The id of the task that ``text`` means; a word that is unknown here stays as it is, folded."""
    found = find_task(text)
    return found.id if found else text.strip().casefold()


def kinds_of(task: Task) -> tuple[Task, ...]:
    """The tasks directly below it."""
    return tuple(row for row in all_tasks() if row.parent == task.id)


def with_kinds(text: str) -> tuple[str, ...]:
    """Ids of the task and of everything below it, itself first: what a filter by a broad task should find."""
    found = find_task(text)
    if found is None:
        return (canonical_task(text),)
    below = [row for kind in kinds_of(found) for row in with_kinds(kind.id)]
    return (found.id, *below)


def path_of(task: Task) -> tuple[Task, ...]:
    """From the broadest task down to this one."""
    return (*path_of(get_task(task.parent)), task) if task.parent else (task,)
