"""``make bench-search``: search over a million adapters in PostgreSQL and SQLite beside its budget."""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from benchmarks.machine import calibration, machine, record
from benchmarks.search_cases import Case, Goal, page_cases, service_cases
from benchmarks.search_client import Answered, ask_all
from benchmarks.search_data import WITH_FILES, postgres_catalog, sqlite_catalog
from benchmarks.service_hub import DATABASE, Gunicorn, environment
from cluster.postgres import Postgres

T = TypeVar("T")
_ROWS, _QUICK_ROWS = 1_000_000, 20_000
_COUNT, _QUICK_COUNT = 40, 8
CLIENTS = (1, 4)
# A case, and what the clients answered: one client, then four.
Found = tuple[Case, list[list[Answered]]]
HEAD = [
    "| what | found | goal p95 (max) ms | p50 | p95 | max | CPU "
    "| p50, 4 clients | p95, 4 clients | max, 4 clients | held |",
    "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|",
]


def main() -> None:
    """Measure and record."""
    asked = _asked()
    began = time.monotonic()
    with postgres_catalog(asked.rows) as server:
        for name in ("PostgreSQL", "SQLite"):
            if asked.only in (None, name.lower()):
                _measure_one(name, server, asked)
    print(f"done in {(time.monotonic() - began) / 60:.1f} minutes")


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="20,000 adapters, few questions, nothing kept")
    parser.add_argument("--rows", type=int, help=f"adapters in the catalog (default {_ROWS:,})")
    parser.add_argument("--count", type=int, help=f"questions of each class and client (default {_COUNT})")
    parser.add_argument("--only", choices=["postgresql", "sqlite"])
    parser.add_argument("--class", dest="part", default="", help="only classes whose name has this in it; nothing kept")
    asked = parser.parse_args()
    asked.rows = asked.rows or (_QUICK_ROWS if asked.quick else _ROWS)
    asked.count = asked.count or (_QUICK_COUNT if asked.quick else _COUNT)
    return asked


def _measure_one(name: str, server: Postgres, asked: argparse.Namespace) -> None:
    url = server.url(DATABASE) if name == "PostgreSQL" else f"sqlite:///{sqlite_catalog(server, asked.rows)}"
    before = calibration()
    print("\n".join([name, "", before, "", *HEAD]), flush=True)
    table = [*HEAD, *(_line(*row) for row in _rows(server, url, asked))]
    remark = (
        f"{asked.rows:,} adapters, warm; each class {asked.count} questions of a client with terms of their own; "
        "nothing is remembered between questions. Service: a call of search (with facets: and of facets) in the "
        "client's own process. Page: a request to gunicorn (2 x 8) on the same cores. Found: the median, 10,001 for "
        "more. CPU: processor time of a question, client and PostgreSQL together, one client."
    )
    lines = [f"{datetime.now(UTC):%Y-%m-%d}, {machine('Django', 'psycopg', 'gunicorn')}", "", before, "", remark, ""]
    if not (asked.quick or asked.part or asked.rows != _ROWS):
        record(f"Search: {name} (`make bench-search`)", [*lines, *table])


def _rows(server: Postgres, url: str, asked: argparse.Namespace) -> Iterator[Found]:
    """Every case with the answers of one client and of four; the pages come last."""
    with tempfile.TemporaryDirectory() as folder:
        variables = environment(DATABASE_URL=url)
        is_sqlite = url.startswith("sqlite")

        def services(seed: int) -> list[Case]:
            return _chosen(service_cases(asked.rows, asked.count, seed=seed, is_sqlite=is_sqlite), asked.part)

        adapters = _public_adapters(server)

        def pages(seed: int) -> list[Case]:
            return _chosen(page_cases(asked.rows, asked.count, seed=seed, adapters=adapters), asked.part)

        yield from _measured(services, variables, port=0)
        with Gunicorn(Path(folder), DATABASE_URL=url) as web:
            yield from _measured(pages, variables, port=web.port)


def _measured(make: Callable[[int], list[Case]], variables: dict[str, str], *, port: int) -> list[Found]:
    if not make(0):
        return []
    by_clients = []
    for clients in CLIENTS:
        by_clients.append(ask_all([make(10 * clients + n) for n in range(clients)], environment=variables, port=port))
    return [(case, [answers[case.name] for answers in by_clients]) for case in make(0)]


def _chosen(cases: list[Case], part: str) -> list[Case]:
    return [case for case in cases if part in case.name]


def _public_adapters(server: Postgres) -> list[str]:
    sql = f"SELECT full_name FROM search_searchentry WHERE is_public AND adapter_id <= {WITH_FILES} ORDER BY id"
    return [str(row[0]) for row in server.execute(sql, database=DATABASE)]


def _line(case: Case, by_clients: list[list[Answered]]) -> str:
    """One row of the table as Markdown."""
    cells, verdicts = list[str](), list[str]()
    for answers in by_clients:
        times = sorted(ms for answer in answers for ms in answer.milliseconds) or [0.0]
        p50, p95, most = _at(times, 0.5), _at(times, 0.95), times[-1]
        cells += [f"{p50:.1f}", f"{p95:.1f}", f"{most:.0f}"]
        if len(answers) == 1:
            cells.append(f"{answers[0].cpu_ms:.1f}" if answers[0].cpu_ms else "")
        verdicts.append(_is_held(case.goal, p95, most))
    sizes = sorted(size for answer in by_clients[0] for size in answer.sizes) or [0]
    errors = [error for answers in by_clients for answer in answers for error in answer.errors]
    for error in errors[:2]:
        print(f"{case.name}: {error}", flush=True)
    verdict = f"{len(errors)} ERRORS" if errors else " / ".join(filter(None, verdicts))
    p95_goal, most_goal = (str(goal) if goal else "" for goal in case.goal)
    goal = f"{p95_goal} ({most_goal})" if most_goal else p95_goal
    line = f"| {' | '.join([case.name, str(_at(sizes, 0.5)), goal, *cells, verdict])} |"
    print(line, flush=True)
    return line


def _at(values: list[T], share: float) -> T:
    return values[min(int(share * len(values)), len(values) - 1)]


def _is_held(goal: Goal, p95: float, most: float) -> str:
    if not goal[0]:
        return ""
    return "yes" if p95 <= goal[0] and (not goal[1] or most <= goal[1]) else "no"


if __name__ == "__main__":
    main()
