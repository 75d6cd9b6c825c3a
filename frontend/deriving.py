"""Forms that make adapters out of adapters: what was typed becomes a request, and what a look saw becomes rows."""

from dataclasses import dataclass
from typing import Any

from django.http import QueryDict

from catalog.derivations.merging import AskedMerge
from catalog.derivations.targets import Target
from catalog.errors import InvalidInput
from frontend.search_form import typed

_MOST_MODULES = 200


@dataclass(frozen=True)
class Pair:
    """Two parents of a merge, and how alike they are."""

    names: tuple[str, str]
    cosine: float
    overlap_in: float
    overlap_out: float


@dataclass(frozen=True)
class Seen:
    """What a look at a merge saw, in rows."""

    parents: list[dict[str, Any]]
    pairs: list[Pair]
    modules: list[tuple[str, dict[str, Any]]]
    said: dict[str, Any]


def asked_of(params: QueryDict) -> AskedMerge:
    """The merge that a form describes. Raises InvalidInput for a weight or a number that is none."""
    members = []
    for line in params.get("members", "").replace("\0", "").splitlines()[:200]:
        name, _, weight = line.strip().partition(" ")
        if name:
            members.append((name[:300], _float(weight, "members") if weight.strip() else 1.0))
    numbers = {"density": _float, "rank": _whole, "seed": _whole}
    settings: dict[str, Any] = {
        name: read(typed(params, name), name) for name, read in numbers.items() if typed(params, name)
    }
    search = {"evaluation_set": typed(params, "search")} if typed(params, "search") else None
    return AskedMerge(members, typed(params, "method") or "cat", typed(params, "heads"), settings, search)


def target_of(params: QueryDict) -> Target:
    """Where a form wants its draft."""
    return Target(typed(params, "adapter"), typed(params, "version"), typed(params, "visibility"))


def reduction_of(params: QueryDict) -> tuple[str, dict[str, Any]]:
    """The operation that a form chose, and its one number. Raises InvalidInput."""
    chosen = typed(params, "how")
    operation, _, name = chosen.partition(":")
    text = typed(params, "amount")
    if name in ("rank", "size_bytes", "bits"):
        return operation, {name: _whole(text, "amount")}
    if name in ("energy", "density"):
        return operation, {name: _float(text, "amount")}
    raise InvalidInput(detail=f"{chosen[:40]!r} is no way to make it smaller", field="how", hint="Choose one.")


def seen_of(result: dict[str, Any]) -> Seen:
    """The result of the job ``preview_merge`` in rows."""
    names = [row["name"] for row in result["parents"]]
    tables = [result[key] for key in ("cosines", "overlap_in", "overlap_out")]
    pairs = [
        Pair((names[column], names[row]), *(table[row][column] for table in tables))
        for row in range(len(names))
        for column in range(row)
    ]
    return Seen(result["parents"], pairs, list(result["modules"].items())[:_MOST_MODULES], result)


def _float(text: str, field: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise InvalidInput(detail=f"{text[:40]!r} is no number", field=field, hint="Write 0.5.") from error


def _whole(text: str, field: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 15:
        raise InvalidInput(detail=f"{text[:40]!r} is no whole number", field=field, hint="Write 8.")
    return int(text)
