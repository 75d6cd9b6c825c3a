"""A lineage as a graph: generations from left to right, what something was made of before it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from catalog.adapters.models import Revision
from catalog.derivations.pedigree import Pedigree, Step
from frontend.figures.scales import shortened
from frontend.templatetags.hub import revision_url, version_name

MOST_NODES = 60
_BOX_WIDTH, _BOX_HEIGHT, _GAP, _ROW, _EDGE = 208, 44, 56, 56, 8
_MOST_LETTERS = 24


@dataclass(frozen=True)
class Node:
    """One revision as a box; ``url`` is empty where there is no page any more."""

    x: int
    y: int
    name: str
    version: str
    state: str
    title: str
    url: str
    is_subject: bool


@dataclass(frozen=True)
class Edge:
    """From a parent to what was made of it."""

    path: str
    kind: str
    title: str


@dataclass(frozen=True)
class Graph:
    """Boxes and lines."""

    nodes: list[Node]
    edges: list[Edge]
    width: int
    height: int
    box_width: int = _BOX_WIDTH
    box_height: int = _BOX_HEIGHT


def lineage_graph(pedigree: Pedigree) -> Graph | None:
    """The graph; None for a revision alone, and where there are more than 60: a table reads better then."""
    shown = {row.pk: row for row in (*pedigree.ancestors, pedigree.subject, *pedigree.descendants)}
    links = [link for link in _links(pedigree.steps) if link[0] in shown and link[1] in shown]
    if len(shown) < 2 or len(shown) > MOST_NODES:
        return None
    generation = _generations(pedigree.subject.pk, shown, links)
    rows = _rows(generation, links)
    tallest = max(len(column) for column in rows.values())
    places = {
        pk: (_EDGE + at * (_BOX_WIDTH + _GAP), _EDGE + round((place + (tallest - len(column)) / 2) * _ROW))
        for at, column in enumerate(rows.values())
        for place, pk in enumerate(column)
    }
    return Graph(
        nodes=[_node(row, places[pk], pedigree) for pk, row in shown.items()],
        edges=[_edge(step, places[start], places[end]) for start, end, step in links],
        width=2 * _EDGE + len(rows) * (_BOX_WIDTH + _GAP) - _GAP,
        height=2 * _EDGE + tallest * _ROW - (_ROW - _BOX_HEIGHT),
    )


_Link = tuple[int, int, Step]


def _links(steps: Iterable[Step]) -> list[_Link]:
    return [
        (step.parent.revision_id, step.derivation.revision_id, step)
        for step in steps
        if step.parent.revision_id is not None and step.derivation.revision_id is not None
    ]


def _generations(subject: int, shown: Iterable[int], links: list[_Link]) -> dict[int, int]:
    """0 for the subject, 1 more than the latest parent for what was made of it, 1 less for what it was made of."""
    found = {subject: 0}
    # A lineage has no circle, so that as many rounds as there are revisions settle every one of them.
    for _ in shown:
        before = dict(found)
        for start, end, _step in links:
            if start in found and found[start] >= 0:
                found[end] = max(found.get(end, 0), found[start] + 1)
        for start, end, _step in links:
            if end in found and found[end] <= 0:
                found[start] = min(found.get(start, 0), found[end] - 1)
        if found == before:
            break
    # Another parent of what was made of the subject stands one before it.
    for start, end, _step in links:
        found.setdefault(start, found.get(end, 1) - 1)
    return {pk: found.get(pk, 0) for pk in shown}


def _rows(generation: dict[int, int], links: list[_Link]) -> dict[int, list[int]]:
    """Each generation from top to bottom, everyone near the middle of those that it is linked to before it."""
    columns: dict[int, list[int]] = {}
    place: dict[int, float] = {}
    for number in sorted(set(generation.values())):
        column = [pk for pk, its in generation.items() if its == number]
        parents = {pk: [place[start] for start, end, _ in links if end == pk and start in place] for pk in column}
        column.sort(key=lambda pk: sum(parents[pk]) / len(parents[pk]) if parents[pk] else 0.0)
        columns[number] = column
        place |= {pk: at - len(column) / 2 for at, pk in enumerate(column)}
    return columns


def _node(revision: Revision, place: tuple[int, int], pedigree: Pedigree) -> Node:
    name, version = revision.adapter.full_name, version_name(revision)
    withdrawal = pedigree.withdrawals.get(revision.pk)
    why = f": {withdrawal.reason}" if withdrawal else ""
    return Node(
        x=place[0],
        y=place[1],
        name=shortened(name, _MOST_LETTERS),
        version=version,
        state=revision.state,
        title=f"{name}@{version}, {revision.state}{why}",
        url="" if revision.state == "withdrawn" else revision_url(revision),
        is_subject=revision.pk == pedigree.subject.pk,
    )


def _edge(step: Step, start: tuple[int, int], end: tuple[int, int]) -> Edge:
    x, y = start[0] + _BOX_WIDTH, start[1] + _BOX_HEIGHT // 2
    to_x, to_y = end[0], end[1] + _BOX_HEIGHT // 2
    bend = max((to_x - x) // 2, _GAP // 2)
    kind = step.derivation.get_kind_display().lower()
    weight = f", weight {step.parent.weight:g}" if step.parent.weight is not None else ""
    return Edge(f"M{x} {y}C{x + bend} {y} {to_x - bend} {to_y} {to_x} {to_y}", kind, f"{kind}{weight}")
