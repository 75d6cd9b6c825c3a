"""Which row of a head stands for which label of a set."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from workers.evaluation.errors import Refused
from workers.evaluation.heads import Indices


def labels_of(named: Sequence[str], columns: Iterable[Sequence[Any]]) -> tuple[str, ...]:
    """The set's labels; those of its rows, sorted, where it names none. Raises Refused for fewer than two."""
    labels = tuple(named) or tuple(sorted({name_of(label) for column in columns for label in column}))
    if len(set(labels)) != len(labels) or len(labels) < 2:
        raise Refused("labels_do_not_fit", f"a set needs two different labels at least; this has {_listed(labels)}")
    return labels


def name_of(label: Any) -> str:
    """A row's label as the hub names it: its own text, or JSON."""
    return label if isinstance(label, str) else json.dumps(label)


def label_indices(column: Sequence[Any], labels: Sequence[str], split: str) -> Indices:
    """The number of each row's label: by its name, or a whole number that counts the set's labels from 0.

    Raises Refused ``labels_do_not_fit`` that names the first row with another one.
    """
    by_name = {label: number for number, label in enumerate(labels)}
    numbers = np.empty(len(column), dtype=np.int64)
    for row, label in enumerate(column):
        number = by_name.get(name_of(label))
        if number is None and type(label) is int and 0 <= label < len(labels):
            number = label
        if number is None:
            raise Refused(
                "labels_do_not_fit",
                f"row {row} of split {split!r} has the label {str(label)[:80]!r}, which is none of {_listed(labels)}",
                "The set's `labels` must name every label of its rows.",
            )
        numbers[row] = number
    return numbers


def names_in(config: dict[str, Any]) -> tuple[str, ...] | None:
    """Label names by row of ``id2label`` or ``label2id``; None for absent or for names that transformers made up."""
    id2label, label2id = config.get("id2label"), config.get("label2id")
    try:
        if isinstance(id2label, dict) and id2label:
            rows = {int(row): str(name) for row, name in id2label.items()}
        elif isinstance(label2id, dict) and label2id:
            rows = {int(row): str(name) for name, row in label2id.items()}
        else:
            return None
    except (TypeError, ValueError):
        return None
    if sorted(rows) != list(range(len(rows))) or all(name == f"LABEL_{row}" for row, name in rows.items()):
        return None
    return tuple(rows[row] for row in range(len(rows)))


def label_positions(names: Sequence[str] | None, rows: int, labels: Sequence[str]) -> tuple[list[int], str]:
    """For each of the set's labels the head's row that stands for it, and whose order that is: `head` or `set`.

    Raises Refused ``labels_do_not_fit``.
    """
    if names is not None and len(names) == rows:
        by_name = {name.casefold(): row for row, name in enumerate(names)}
        if len(by_name) == rows and all(label.casefold() in by_name for label in labels):
            return [by_name[label.casefold()] for label in labels], "head"
        raise Refused(
            "labels_do_not_fit",
            f"the adapter answers {_listed(names)}; the set has {_listed(labels)}",
            "Measure it on a set with its own labels, or ask for a probe.",
        )
    if rows != len(labels):
        raise Refused(
            "labels_do_not_fit",
            f"the adapter's head has {rows} rows; the set has {len(labels)} labels: {_listed(labels)}",
            "Measure it on a set with its own labels, or ask for a probe.",
        )
    return list(range(rows)), "set"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    return ", ".join(map(repr, names[:10])) + more
