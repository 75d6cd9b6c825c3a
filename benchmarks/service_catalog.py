"""What the hub's pages and lists cost with a million adapters behind them: requests a second, latencies, CPU."""

import json
import os
import random
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from urllib.parse import quote
from urllib.request import Request, urlopen

import psycopg

from benchmarks.load import Load, get, load, post
from benchmarks.service_data import BASES, TAGS, VOCABULARY, base, tag, word
from benchmarks.service_hub import DATABASE, Gunicorn, filled_database, manage
from cluster.postgres import Postgres

CONNECTIONS = 16
READER = "user-1"
LIST_GOAL, REDIRECT_GOAL, P99_GOAL_SECONDS = 400, 1500, 0.25
_LIST = "/api/v1/adapters"
_LIST_SQL = (
    "SELECT * FROM search_searchentry WHERE is_public ORDER BY downloads DESC, id DESC LIMIT 21",
    "SELECT * FROM (SELECT 1 FROM search_searchentry WHERE is_public LIMIT 10001) AS found",
)


@dataclass(frozen=True)
class Case:
    """Requests that are sent in turn, and what is to be reached."""

    name: str
    requests: list[str]
    goal: int = 0
    remark: str = ""


EMPTY = Case("calibration: an empty view (`/healthz`)", [get("/healthz")])


@dataclass(frozen=True)
class Round:
    """One measurement of a case: what was answered, and processor time for each answer in milliseconds."""

    found: Load
    cpu_ms: float
    database_ms: float


@dataclass(frozen=True)
class Row:
    """One line of the table: the medians of a case's rounds."""

    case: Case
    rounds: list[Round]
    empty_rate: float
    """Answers per second of the empty view, median."""

    def line(self) -> str:
        """The line as Markdown."""
        found = [one.found for one in self.rounds]
        rate = median(load.rate for load in found)
        spread = f"{min(load.rate for load in found):.0f} to {max(load.rate for load in found):.0f}"
        p50, p99 = (median(getattr(load, name) for load in found) * 1e3 for name in ("p50", "p99"))
        size = found[0].bytes_in / max(found[0].requests, 1) / 1e3
        goal = f"goal {self.case.goal}/s: {rate / self.case.goal:.0%} of it" if self.case.goal else ""
        cells = [
            self.case.name, f"{rate:.0f}", spread, f"{rate / self.empty_rate:.2f}", f"{p50:.1f}", f"{p99:.0f}",
            f"{max(load.slowest for load in found) * 1e3:.0f}", f"{median(one.cpu_ms for one in self.rounds):.2f}",
            f"{median(one.database_ms for one in self.rounds):.2f}", f"{size:.1f}",
            "; ".join(filter(None, [goal, self.case.remark])),
        ]  # fmt: skip
        return f"| {' | '.join(cells)} |"


HEAD = [
    "| what | requests/s | slowest to fastest round | of an empty view | p50 ms | p99 ms | slowest ms | web CPU ms "
    "| PostgreSQL CPU ms | kB | remark |",
    "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|",
]


class Bench:
    """One running hub and what is measured on it."""

    def __init__(self, server: Postgres, web: Gunicorn, *, seconds: float, rows: int) -> None:
        self.server, self.web, self.seconds, self.rows = server, web, seconds, rows
        self.random = random.Random(4)
        self.token = issue_token(server)

    def measure(self, case: Case) -> Round:
        """Send the requests in turn over 16 connections."""
        web, database = self.web.cpu_seconds(), cpu_seconds_below(self.server.pid)
        found = load("127.0.0.1", self.web.port, case.requests, connections=CONNECTIONS, seconds=self.seconds)
        # The warming's requests cost as much as the others and are not counted among them.
        share = found.seconds / (found.seconds + 1) / max(found.requests, 1) * 1e3
        web, database = self.web.cpu_seconds() - web, cpu_seconds_below(self.server.pid) - database
        print(
            f"{case.name}: {found.rate:.0f}/s, web {web * share:.2f} ms, PostgreSQL {database * share:.2f} ms",
            flush=True,
        )
        return Round(found, web * share, database * share)

    def table(self, cases: list[Case], rounds: int) -> list[Row]:
        """Every case once, then every case again: what else runs on the machine meets all alike."""
        measured: dict[str, list[Round]] = {case.name: [] for case in cases}
        for _ in range(rounds):
            for case in cases:
                measured[case.name].append(self.measure(case))
        empty = median(one.found.rate for one in measured[cases[0].name])
        return [Row(case, measured[case.name], empty) for case in cases]

    def ask(self, path: str, *, token: str = "") -> dict:
        """One answer as JSON."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        with urlopen(Request(f"http://127.0.0.1:{self.web.port}{path}", headers=headers), timeout=60) as answer:
            return json.load(answer)

    def deep_pages(self, count: int = 200) -> list[str]:
        """List requests whose cursors stand at random depths."""
        offsets = [1 + self.random.randrange(self.rows * 9 // 10) for _ in range(count)]
        return [f"{_LIST}?cursor={quote(cursor)}" for cursor in cursors_at(self.server, offsets)]

    def adapters(self, count: int = 200) -> list[str]:
        """Full names of public adapters, the more downloaded ones more often; large enough to come from the store."""
        wanted = "SELECT full_name FROM search_searchentry WHERE is_public AND size_bytes > 1100000"
        sql = f"{wanted} ORDER BY downloads DESC, id LIMIT {self.rows // 2}"
        names = [str(row[0]) for row in self.server.execute(sql, database=DATABASE)]
        return [names[int(len(names) ** self.random.random()) - 1] for _ in range(count)]


def cases_of(bench: Bench) -> list[Case]:
    """Everything that is measured, the calibration first."""
    names = bench.adapters()
    files = [f"{_LIST}/{name}/files/1.0.0/adapter_model.safetensors" for name in names]
    bases = [f"/search?base={base(n)}" for n in bench_bases(bench)]
    deep = bench.deep_pages()
    return [
        EMPTY,
        Case("list, first page, anonymous", [get(_LIST)], LIST_GOAL, "p99 goal 250 ms"),
        Case("list, first page, with a token", [get(_LIST, token=bench.token)], remark="20 private spaces"),
        Case("list, random depth", [get(path) for path in deep]),
        Case("list, random depth, with a token", [get(path, token=bench.token) for path in deep]),
        *(Case(name, [get(path) for path in paths]) for name, paths in filters(bench).items()),
        Case("one adapter as JSON", [get(f"{_LIST}/{name}") for name in names]),
        Case("plan of a pull", [post("/api/v1/resolve", {"adapter": name}) for name in names]),
        Case("one adapter's page", [get(f"/{name}") for name in names]),
        Case("presigned redirect of a file", [get(path) for path in files], REDIRECT_GOAL),
        Case("presigned redirect, with a token", [get(path, token=bench.token) for path in files]),
        Case("search page, no query", [get("/search")]),
        Case("search page, by base model", [get(path) for path in bases]),
        Case("front page", [get("/")]),
    ]


def filters(bench: Bench) -> dict[str, list[str]]:
    """List requests with filters, values drawn as people would: frequent ones more often."""
    bases, rng = bench_bases(bench), bench.random
    tags = [tag(int(TAGS ** rng.random())) for _ in range(40)]
    words = [card_word(n) for n in range(40)]
    return {
        "list by base model": [f"{_LIST}?base={base(n)}" for n in bases],
        "list by base model and method": [f"{_LIST}?base={base(n)}&method=dora&sort=newest" for n in bases],
        "list by namespace": [f"{_LIST}?namespace=team-{int((bench.rows // 20) ** rng.random())}" for _ in bases],
        "list by tag": [f"{_LIST}?tag={wanted}" for wanted in tags],
        "list by language and licence": [f"{_LIST}?language={lang}&license=MIT" for lang in ("de", "fr", "vi", "fa")],
        "text search, one word": [f"{_LIST}?q={text}" for text in words],
        "text search, two words": [f"{_LIST}?q={a}%20{b}" for a, b in zip(words, words[7:], strict=False)],
    }


def bench_bases(bench: Bench) -> list[int]:
    """Numbers of base models, the frequent ones more often."""
    return [int(BASES ** bench.random.random()) for _ in range(100)]


def card_word(number: int) -> str:
    """A word of the cards: rank ``n`` is found in about 24/(n ln 20000) of the adapters."""
    return word(int(VOCABULARY ** ((number + 0.5) / 40)))


def issue_token(server: Postgres) -> str:
    """A token of a user who is a member of 20 namespaces."""
    code = (
        "from catalog.accounts.models import User; from catalog.accounts.tokens import issue_token as i;"
        f"print(i(User.objects.get(username='{READER}'), name='bench', scopes=['read']).secret)"
    )
    return manage("shell", "--verbosity", "0", "-c", code, DATABASE_URL=server.url(DATABASE)).split()[-1]


def cursors_at(server: Postgres, offsets: list[int]) -> list[str]:
    """Cursors of the list by downloads, as the hub itself signs them."""
    numbered = "SELECT downloads, id, row_number() OVER (ORDER BY downloads DESC, id DESC) AS n FROM search_searchentry"
    wanted = ", ".join(map(str, offsets))
    rows = server.execute(f"SELECT downloads, id FROM ({numbered}) AS rows WHERE n IN ({wanted})", database=DATABASE)
    code = (
        "import json; from types import SimpleNamespace as R; from catalog.paging import _write_cursor as w, list_name;"
        "from catalog.search.models import SearchEntry as E; name = list_name(E, ['-downloads', '-id']);"
        f"print(json.dumps([w(R(downloads=d, id=i), name) for d, i in {[tuple(row) for row in rows]}]))"
    )
    return json.loads(
        manage("shell", "--verbosity", "0", "-c", code, DATABASE_URL=server.url(DATABASE)).splitlines()[-1]
    )


def cpu_seconds_below(pid: int) -> float:
    """Processor time of a process and its children, living and ended, in seconds."""
    ticks = 0
    for process in [pid, *(Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]:
        try:
            fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        except FileNotFoundError:
            continue
        ticks += int(fields[11]) + int(fields[12]) + (int(fields[13]) + int(fields[14]) if process == pid else 0)
    return ticks / os.sysconf("SC_CLK_TCK")


def bare(server: Postgres, *, seconds: float = 3.0) -> list[str]:
    """Calibration: the list's SQL over one psycopg connection, rows fetched and thrown away."""
    lines = []
    with psycopg.connect(server.url(DATABASE), autocommit=True) as connection:
        for name, statement in zip(("20 rows by downloads", "counting to 10,001"), _LIST_SQL, strict=True):
            took = timed_for(lambda statement=statement: connection.execute(statement).fetchall(), seconds)
            lines.append(f"bare psycopg, one connection: {name} {took * 1e3:.2f} ms")
    return lines


def timed_for(work: Callable[[], object], seconds: float) -> float:
    """Median seconds of as many runs as fit."""
    end, found = time.perf_counter() + seconds, list[float]()
    while (start := time.perf_counter()) < end:
        work()
        found.append(time.perf_counter() - start)
    return median(found)


def measure_catalog(*, rows: int, seconds: float, rounds: int) -> list[str]:
    """The section's lines."""
    with filled_database(rows) as server, tempfile.TemporaryDirectory() as folder:
        lines = bare(server)
        # Signing asks nobody: no store needs to listen there.
        store = {"HUB_STORAGE_URL": "s3://adapters?endpoint=http://127.0.0.1:9&region=us-east-1"}
        store |= {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "only for benchmarks"}
        store |= {"DATABASE_URL": server.url(DATABASE)}
        with Gunicorn(Path(folder), **store) as web:
            bench = Bench(server, web, seconds=seconds, rows=rows)
            cases = cases_of(bench)
            made = bench.table(cases, rounds)
        with Gunicorn(Path(folder), HUB_LOG_LEVEL="INFO", HUB_LOG_FORMAT="json", **store) as web:
            bench.web = web
            logged = [EMPTY, *(replace(case, name=f"{case.name}, logged") for case in cases if case.goal)]
            made += bench.table(logged, rounds)[1:]
    return [*lines, "", *HEAD, *(row.line() for row in made)]
