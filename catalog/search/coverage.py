"""How many adapters of a base model there are for each task and language, and where there is none."""

from collections import Counter
from dataclasses import dataclass

from django.core.exceptions import EmptyResultSet
from django.db import connection

from catalog.accounts.querysets import Actor
from catalog.bases.models import BaseModel
from catalog.counting import believed
from catalog.search.queries import FACET_LIMIT, matching
from catalog.search.query import SearchQuery

MOST_TASKS = 16
MOST_LANGUAGES = 12


@dataclass(frozen=True)
class Coverage:
    """Tasks down, languages across, the most frequent first; ``cells[task][language]`` is 0 for a gap.

    An adapter of two languages counts in both. ``without`` counts those that name no task or no language.
    """

    tasks: list[str]
    languages: list[str]
    cells: list[list[int]]
    without: int
    left_out: int
    is_exact: bool

    @property
    def gaps(self) -> int:
        """Cells without an adapter."""
        return sum(count == 0 for row in self.cells for count in row)


def coverage(viewer: Actor, base: BaseModel) -> Coverage:
    """What there is for ``base``, of the ``FACET_LIMIT`` most downloaded adapters that ``viewer`` may see."""
    found = matching(SearchQuery(base=base.name), viewer).filter(adapter__isnull=False)
    sample = found.order_by("-downloads", "-id").values_list("task", "languages")[: FACET_LIMIT + 1]

    def count() -> Coverage:
        try:
            sql, parameters = sample.query.sql_with_params()
        except EmptyResultSet:
            return _table([])
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT task, languages, count(*) FROM ({sql}) AS sample GROUP BY task, languages", parameters
            )
            return _table([(task, languages.split(), count) for task, languages, count in cursor.fetchall()])

    return believed(sample, count, lambda made: not made.is_exact)


def _table(groups: list[tuple[str, list[str], int]]) -> Coverage:
    by_task: Counter[str] = Counter()
    by_language: Counter[str] = Counter()
    by_place: Counter[tuple[str, str]] = Counter()
    without = 0
    for task, languages, count in groups:
        if not task or not languages:
            without += count
            continue
        by_task[task] += count
        for language in languages:
            by_language[language] += count
            by_place[task, language] += count
    tasks = [task for task, _ in by_task.most_common(MOST_TASKS)]
    languages = [language for language, _ in by_language.most_common(MOST_LANGUAGES)]
    return Coverage(
        tasks,
        languages,
        [[by_place[task, language] for language in languages] for task in tasks],
        without,
        len(by_task) + len(by_language) - len(tasks) - len(languages),
        sum(count for _, _, count in groups) <= FACET_LIMIT,
    )
