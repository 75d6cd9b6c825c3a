"""Count the values of some entries: one statement, whatever the database and however many facets."""

from collections import Counter
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import QuerySet

from catalog.accounts.models import Namespace
from catalog.bases.models import BaseModel
from catalog.search.bands import GAIN_BANDS, SIZE_BANDS, band_case

Counts = dict[str, list[tuple[str, int]]]
FACETS = ("base", "architecture", "method", "task", "language", "rank", "license", "size", "gain", "namespace")
"""What is counted, in the order in which it is shown."""
BANDS = {"size": SIZE_BANDS, "gain": GAIN_BANDS}
ALL = ""
"""The name under which all entries are counted."""
_VALUES = {
    "base": "base_model_id",
    "architecture": "architecture",
    "method": "method",
    "task": "task",
    "rank": "rank",
    "license": "license",
    "size": band_case("size_bytes", SIZE_BANDS),
    "gain": band_case("gain", GAIN_BANDS),
    "namespace": "namespace_id",
    "modality": "modality",
    "weight": "{weight}",
}
_MANY = 500
# Several words of one column.
_WORDS = {"language": "languages", "tag": "tags"}
_COLUMNS = {
    "base": "base_model_id",
    "language": "languages",
    "size": "size_bytes",
    "namespace": "namespace_id",
}
"""The columns of facets that have another name."""


def counted(entries: QuerySet[Any], facets: tuple[str, ...], *, most: int, limit: int) -> Counts:
    """The ``most`` most frequent values of each facet among the first ``limit`` rows, in their order.

    Under ``ALL`` stands how many entries there are, and no more than one above the limit.
    """
    try:
        columns = [_COLUMNS.get(facet, facet) for facet in facets]
        sql, parameters = entries.values_list(*columns)[: limit + 1].query.sql_with_params()
    except EmptyResultSet:
        return {}
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            return named(_counted_here(cursor, sql, parameters, facets, most, limit))
        together = [facet for facet in facets if facet not in _WORDS]
        parts = [f"SELECT '{ALL}' AS facet, '' AS value, COUNT(*) AS count FROM found"]
        parts += [_in_one_pass(together, most)] if together else []
        for facet in (facet for facet in facets if facet in _WORDS):
            parts.append(f"SELECT * FROM ({_grouped(facet, 'hits')} ORDER BY 3 DESC, 2 LIMIT {int(most)}) AS {facet}s")
        first = f"WITH found AS MATERIALIZED ({sql}), hits AS NOT MATERIALIZED (SELECT * FROM found LIMIT {int(limit)})"
        cursor.execute(f"{first} {' UNION ALL '.join(parts)}", parameters)
        return named(cursor.fetchall())


def _counted_here(
    cursor: Any, sql: str, parameters: Any, facets: tuple[str, ...], most: int, limit: int
) -> list[tuple[str, str, int]]:
    """The same, the rows being read: SQLite is in this process, and sorts them for every facet that it counts."""
    columns = ", ".join(_WORDS.get(facet) or _VALUES[facet].format(weight=_weight()) for facet in facets)
    cursor.execute(f"SELECT {columns} FROM ({sql}) AS hits", parameters)
    rows = cursor.fetchall()
    found = [(ALL, "", len(rows))]
    for facet, values in zip(facets, zip(*rows[:limit], strict=True), strict=False):
        counts = Counter(word for value in values for word in value.split()) if facet in _WORDS else Counter(values)
        known = [(str(value), count) for value, count in counts.items() if value not in (None, "")]
        found += [(facet, *row) for row in sorted(known, key=lambda row: (-row[1], row[0]))[:most]]
    return found


def every_value(facet: str, condition: str) -> Counts:
    """All values of one facet among the entries that ``condition`` (SQL over their columns) chooses."""
    rows = f"(SELECT * FROM search_searchentry WHERE {condition}) AS hits"
    with connection.cursor() as cursor:
        cursor.execute(_grouped(facet, rows))
        return named(cursor.fetchall())


def named(rows: list[Any]) -> Counts:
    """Rows of facet, value and count by facet; base models and namespaces by name, bands in their own order."""
    found: Counts = {}
    for facet, value, count in rows:
        found.setdefault(facet, []).append((str(value), count))
    for facet, model in (("base", BaseModel), ("namespace", Namespace)):
        if facet in found:
            ids = [int(value) for value, _ in found[facet]]
            known: Any = model.objects.filter(pk__in=ids) if len(ids) < _MANY else model.objects.all()
            names = dict(known.values_list("pk", "name"))
            found[facet] = _summed([(names[int(value)], count) for value, count in found[facet] if int(value) in names])
    for facet, bands in BANDS.items():
        if facet in found:
            found[facet].sort(key=lambda row: bands.index(row[0]))
    return found


def _grouped(facet: str, rows: str) -> str:
    """Equal values are counted before anything is done with them: there are few."""
    column = _WORDS.get(facet) or _VALUES[facet].format(weight=_weight())
    groups = f"(SELECT {column} AS value, COUNT(*) AS count FROM {rows} GROUP BY 1) AS hits"
    if facet in _WORDS:
        summed = "CAST(SUM(hits.count) AS bigint)"
        return f"SELECT '{facet}', word.value, {summed} FROM {groups}, {_cut()} WHERE word.value <> '' GROUP BY 2"
    cast = f"CAST(value AS {'text' if connection.vendor == 'postgresql' else 'TEXT'})"
    return f"SELECT '{facet}', {cast}, count FROM {groups} WHERE {cast} <> ''"


def _in_one_pass(facets: list[str], most: int) -> str:
    """The ``most`` most frequent values of each of these facets, the rows read once for all of them."""
    columns = ", ".join(f"{_VALUES[facet].format(weight=_weight())} AS {facet}_value" for facet in facets)
    values = [f"{facet}_value" for facet in facets]
    sets = ", ".join(f"({value})" for value in values)
    # Of the bits of GROUPING only that of the column by which a row is grouped is 0.
    all_bits = (1 << len(facets)) - 1
    masks = [all_bits ^ (1 << (len(facets) - 1 - place)) for place in range(len(facets))]
    name = " ".join(f"WHEN {mask} THEN '{facet}'" for mask, facet in zip(masks, facets, strict=True))
    value = " ".join(f"WHEN {mask} THEN {column}::text" for mask, column in zip(masks, values, strict=True))
    grouping = f"GROUPING({', '.join(values)})"
    counts = (
        f"SELECT CASE {grouping} {name} END AS facet, CASE {grouping} {value} END AS value, COUNT(*) AS count "
        f"FROM (SELECT {columns} FROM hits) AS hits GROUP BY GROUPING SETS ({sets})"
    )
    ranked = (
        "SELECT facet, value, count, ROW_NUMBER() OVER (PARTITION BY facet ORDER BY count DESC, value) AS place "
        f"FROM ({counts}) AS counts WHERE value <> ''"
    )
    return f"SELECT facet, value, count FROM ({ranked}) AS ranked WHERE place <= {int(most)}"


def _cut() -> str:
    if connection.vendor == "postgresql":
        return "unnest(string_to_array(trim(hits.value), ' ')) AS word (value)"
    # Quoted first, so that nothing in a word ends the list; the blanks between words then cut it.
    return "json_each('[' || replace(json_quote(trim(hits.value)), ' ', '\",\"') || ']') AS word"


def _weight() -> str:
    return "search_weight(downloads)" if connection.vendor == "postgresql" else "0"


def _summed(rows: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """Several revisions of a base model share its name."""
    totals: dict[str, int] = {}
    for name, count in rows:
        totals[name] = totals.get(name, 0) + count
    return sorted(totals.items(), key=lambda row: (-row[1], row[0]))
