"""One client of the bench: a process with a connection of its own, which asks and keeps the milliseconds."""

import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from http.client import HTTPConnection
from multiprocessing import get_context
from pathlib import Path
from queue import Empty
from typing import Any

from benchmarks.search_cases import FACETS, FOUND, LIST, MEAN, PAGE, SUGGEST, Ask, Case

_WARMING = 2
_MOST_SECONDS = 600
# Prepares a question and returns what asks it, which says how much was found.
Asked = Callable[[Ask], Callable[[], int]]


@dataclass(frozen=True)
class Answered:
    """What one client measured of one case."""

    case: str
    milliseconds: list[float]
    sizes: list[int]
    """Rows that were found, at most 10,001; of a page its bytes."""
    errors: list[str]
    cpu_ms: float = 0.0
    """Processor time of the client and its database connection for one question; of a page unknown."""


def ask_all(plans: list[list[Case]], *, environment: dict[str, str], port: int = 0) -> dict[str, list[Answered]]:
    """Let as many clients as there are plans ask at once, case after case in step. Answers by the case's name."""
    spawn = get_context("spawn")
    barrier, answers = spawn.Barrier(len(plans)), spawn.Queue()
    clients = [
        spawn.Process(target=_client, args=(plan, environment, port, barrier, answers), daemon=True) for plan in plans
    ]
    for client in clients:
        client.start()
    found: dict[str, list[Answered]] = {case.name: [] for case in plans[0]}
    try:
        for _ in range(sum(map(len, plans))):
            answer: Answered = _next(answers, clients)
            found[answer.case].append(answer)
    finally:
        for client in clients:
            client.join(10)
            client.kill()
    return found


def _next(answers: Any, clients: list[Any]) -> Answered:
    deadline = time.monotonic() + _MOST_SECONDS
    while time.monotonic() < deadline:
        try:
            found: Answered = answers.get(timeout=1)
            return found
        except Empty:
            if any(client.exitcode for client in clients):
                break
    raise AssertionError("a client ended or hung; its message is above")


def _client(plan: list[Case], environment: dict[str, str], port: int, barrier: Any, answers: Any) -> None:
    try:
        os.environ.update(environment)
        kinds = _kinds(port)
        for case in plan:
            barrier.wait(_MOST_SECONDS)
            answers.put(_measure(case, kinds[case.kind]))
    except BaseException:
        barrier.abort()
        raise


def _measure(case: Case, asked: Asked) -> Answered:
    """The first asks warm plans and imports, and are asked again at the end with the rest."""
    times, sizes, errors = [], [], []
    spent = 0.0
    for number, ask in enumerate(case.asks[-_WARMING:] + case.asks[: -_WARMING or None]):
        work = asked(ask)
        start, spent_before = time.perf_counter(), _cpu_seconds()
        try:
            size = work()
        except Exception as error:
            size = -1
            errors.append(f"{ask.text!r}: {type(error).__name__}: {error}"[:300])
        if number >= _WARMING:
            times.append((time.perf_counter() - start) * 1e3)
            sizes.append(size)
            spent += _cpu_seconds() - spent_before
    return Answered(case.name, times, sizes, errors, spent / max(len(times), 1) * 1e3)


def _cpu_seconds() -> float:
    """Of this process, and of the PostgreSQL process that serves it (in hundredths of a second)."""
    if "django" not in sys.modules:
        return 0.0
    from django.db import connection

    ticks = 0
    if connection.vendor == "postgresql" and connection.connection is not None:
        stat = Path(f"/proc/{connection.connection.info.backend_pid}/stat").read_text()
        ticks = sum(map(int, stat.rpartition(")")[2].split()[11:13]))
    return time.process_time() + ticks / os.sysconf("SC_CLK_TCK")


def _kinds(port: int) -> dict[str, Asked]:
    if port:
        return {PAGE: _pages(port)}
    import django

    django.setup()
    return _service()


def _service() -> dict[str, Asked]:
    """Functions that ask the catalog as a page does, with nothing remembered from before."""
    from django.contrib.auth.models import AnonymousUser

    from catalog import counting
    from catalog.accounts.models import User
    from catalog.search import samples
    from catalog.search.alternatives import alternatives
    from catalog.search.language import parse
    from catalog.search.queries import facets, search
    from catalog.search.suggesting import suggest

    anybody, reader = AnonymousUser(), User.objects.get(pk=1)

    def forget() -> None:
        counting._remembered.clear()
        samples.forget()

    def listed(ask: Ask) -> Callable[[], int]:
        forget()
        cursor, viewer = _cursor(ask.depth), reader if ask.is_signed_in else anybody

        def work() -> int:
            query = parse(ask.text)
            found = search(replace(query, sort=ask.sort or query.sort), viewer, cursor=cursor)
            return found.count + (not found.is_count_exact)

        return work

    def found(ask: Ask) -> Callable[[], int]:
        rows, viewer = listed(ask), reader if ask.is_signed_in else anybody

        def work() -> int:
            count = rows()
            facets(parse(ask.text), viewer)
            return count

        return work

    def counted(ask: Ask) -> Callable[[], int]:
        forget()
        return lambda: len(facets(parse(ask.text), anybody).method)

    return {
        LIST: listed,
        FOUND: found,
        FACETS: counted,
        SUGGEST: lambda ask: lambda: len(suggest(ask.text, anybody)),
        MEAN: lambda ask: lambda: len(alternatives(parse(ask.text), anybody).meant),
    }


def _cursor(depth: float) -> str | None:
    """A cursor of the list by downloads, as the hub signs them, at the row before which ``depth`` of the rows lie."""
    if not depth:
        return None
    from catalog.paging import _write_cursor, list_name
    from catalog.search.models import SearchEntry
    from catalog.search.queries import SORTS

    order = SORTS["downloads"]
    last = SearchEntry.objects.order_by("-pk").values_list("pk", flat=True)[0]
    row = SearchEntry.objects.filter(pk__gte=int(depth * last)).order_by("pk")[0]
    return _write_cursor(row, list_name(SearchEntry, order))


def _pages(port: int) -> Asked:
    connection = HTTPConnection("127.0.0.1", port, timeout=60)

    def asked(ask: Ask) -> int:
        connection.request("GET", ask.text)
        response = connection.getresponse()
        body = response.read()
        if response.status != 200:
            raise AssertionError(f"status {response.status}")
        return len(body)

    return lambda ask: lambda: asked(ask)
