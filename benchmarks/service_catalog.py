"""What the hub's pages and lists cost with a million adapters behind them: requests a second, latencies, CPU."""

import json
import os
import random
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from urllib.parse import quote
from urllib.request import Request, urlopen

import psycopg

from benchmarks.load import Load, get, load
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
class Row:
    """One line of the table."""

    name: str
    found: Load
    cpu_ms: float
    database_ms: float
    remark: str = ""

    def line(self) -> str:
        """The line as Markdown."""
        found = self.found
        numbers = f"{found.rate:.0f} | {found.p50 * 1e3:.1f} | {found.p99 * 1e3:.0f} | {found.slowest * 1e3:.0f}"
        size = found.bytes_in / max(found.requests, 1) / 1e3
        return f"| {self.name} | {numbers} | {self.cpu_ms:.2f} | {self.database_ms:.2f} | {size:.1f} | {self.remark} |"


HEAD = [
    "| what | requests/s | p50 ms | p99 ms | slowest ms | web CPU ms | PostgreSQL CPU ms | kB | remark |",
    "|---|---:|---:|---:|---:|---:|---:|---:|---|",
]


class Bench:
    """One running hub and what is measured on it."""

    def __init__(self, server: Postgres, web: Gunicorn, *, seconds: float, rows: int) -> None:
        self.server, self.web, self.seconds, self.rows = server, web, seconds, rows
        self.random = random.Random(4)
        self.token = issue_token(server)

    def measure(self, name: str, paths: list[str], *, token: str = "", remark: str = "") -> Row:
        """Send the paths in turn over 16 connections."""
        web, database = self.web.cpu_seconds(), cpu_seconds_below(self.server.pid)
        requests = [get(path, token=token) for path in paths]
        found = load("127.0.0.1", self.web.port, requests, connections=CONNECTIONS, seconds=self.seconds)
        # The warming's requests cost as much as the others and are not counted among them.
        share = found.seconds / (found.seconds + 1) / max(found.requests, 1) * 1e3
        web, database = self.web.cpu_seconds() - web, cpu_seconds_below(self.server.pid) - database
        row = Row(name, found, web * share, database * share, remark)
        print(row.line(), flush=True)
        return row

    def ask(self, path: str, *, token: str = "") -> dict:
        """One answer as JSON."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        with urlopen(Request(f"http://127.0.0.1:{self.web.port}{path}", headers=headers), timeout=60) as answer:
            return json.load(answer)

    def deep_pages(self, count: int = 200) -> list[str]:
        """List requests whose cursors stand at random depths."""
        offsets = [self.random.randrange(self.rows * 9 // 10) for _ in range(count)]
        return [f"{_LIST}?cursor={quote(cursor)}" for cursor in cursors_at(self.server, offsets)]

    def adapters(self, count: int = 200) -> list[str]:
        """Full names of public adapters, the more downloaded ones more often; large enough to come from the store."""
        wanted = "SELECT full_name FROM search_searchentry WHERE is_public AND size_bytes > 1100000"
        sql = f"{wanted} ORDER BY downloads DESC, id LIMIT {self.rows // 2}"
        names = [str(row[0]) for row in self.server.execute(sql, database=DATABASE)]
        return [names[int(len(names) ** self.random.random()) - 1] for _ in range(count)]


def rows_of(bench: Bench) -> list[Row]:
    """Every measurement, calibration first."""
    made = [bench.measure("calibration: an empty view (`/healthz`)", ["/healthz"])]
    made.append(bench.measure("list, first page, anonymous", [_LIST], remark=f"goal {LIST_GOAL}/s, p99 250 ms"))
    made.append(bench.measure("list, first page, with a token", [_LIST], token=bench.token, remark="20 private spaces"))
    made.append(bench.measure("list, random depth", bench.deep_pages()))
    made.append(bench.measure("list, random depth, with a token", bench.deep_pages(), token=bench.token))
    for name, paths in filters(bench).items():
        made.append(bench.measure(name, paths))
    names = bench.adapters()
    made.append(bench.measure("one adapter as JSON", [f"{_LIST}/{name}" for name in names]))
    made.append(bench.measure("one adapter's page", [f"/{name}" for name in names]))
    files = [f"{_LIST}/{name}/files/1.0.0/adapter_model.safetensors" for name in names]
    made.append(bench.measure("presigned redirect of a file", files, remark=f"goal {REDIRECT_GOAL}/s"))
    made.append(bench.measure("search page, no query", ["/search"]))
    made.append(bench.measure("search page, by base model", [f"/search?base={base(n)}" for n in bench_bases(bench)]))
    made.append(bench.measure("front page", ["/"]))
    return made


def filters(bench: Bench) -> dict[str, list[str]]:
    """List requests with filters, values drawn as people would: frequent ones more often."""
    bases, rng = bench_bases(bench), bench.random
    tags = [word_at(bench, 9000 + int(4000 ** rng.random())) for _ in range(40)]
    words = [word(bench, n) for n in range(40)]
    return {
        "list by base model": [f"{_LIST}?base={base(n)}" for n in bases],
        "list by base model and method": [f"{_LIST}?base={base(n)}&method=dora&sort=newest" for n in bases],
        "list by namespace": [f"{_LIST}?namespace=team-{int(bench.rows // 20 ** rng.random()) or 1}" for _ in bases],
        "list by tag": [f"{_LIST}?tag={tag}" for tag in tags],
        "list by language and licence": [f"{_LIST}?language={lang}&license=MIT" for lang in ("de", "fr", "vi", "fa")],
        "text search, one word": [f"{_LIST}?q={text}" for text in words],
        "text search, two words": [f"{_LIST}?q={a}%20{b}" for a, b in zip(words, words[7:], strict=False)],
    }


def bench_bases(bench: Bench) -> list[int]:
    """Numbers of base models, the frequent ones more often."""
    return [int(1500 ** bench.random.random()) for _ in range(100)]


def base(number: int) -> str:
    """The id of a base model of the filling."""
    return f"lab-{number % 97}/base-{number}"


def word(bench: Bench, number: int) -> str:
    """A word of the cards: rank ``n`` is found in about 24/(n ln 20000) of the adapters."""
    rank = int(20000 ** ((number + 0.5) / 40))
    return word_at(bench, rank)


def word_at(bench: Bench, rank: int) -> str:
    """The word of that rank, as the filling spells it."""
    return str(bench.server.execute(f"SELECT bench_word({rank})", database=DATABASE)[0][0])


def issue_token(server: Postgres) -> str:
    """A token of a user who is a member of 20 namespaces."""
    code = (
        "from catalog.accounts.models import User; from catalog.accounts.tokens import issue_token as i;"
        f"print(i(User.objects.get(username='{READER}'), name='bench', scopes=['read']).secret)"
    )
    return manage("shell", "--verbosity", "0", "-c", code, DATABASE_URL=server.url(DATABASE)).split()[-1]


def cursors_at(server: Postgres, offsets: list[int]) -> list[str]:
    """Cursors of the list by downloads, as the hub itself signs them."""
    code = (
        "import json; from catalog.paging import _write_cursor as w, list_name;"
        "from catalog.search.models import SearchEntry as E;"
        "o = ['-downloads', '-id']; rows = list(E.objects.order_by(*o).only('downloads', 'id'));"
        f"print(json.dumps([w(rows[n], list_name(E, o)) for n in {offsets}]))"
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


def measure_catalog(*, rows: int, seconds: float) -> list[str]:
    """The section's lines."""
    with filled_database(rows) as server, tempfile.TemporaryDirectory() as folder:
        lines = bare(server)
        # Signing asks nobody: no store needs to listen there.
        store = {"HUB_STORAGE_URL": "s3://adapters?endpoint=http://127.0.0.1:9&region=us-east-1"}
        store |= {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "only for benchmarks"}
        with Gunicorn(Path(folder), DATABASE_URL=server.url(DATABASE), **store) as web:
            made = rows_of(Bench(server, web, seconds=seconds, rows=rows))
    return [*lines, "", *HEAD, *(row.line() for row in made)]
