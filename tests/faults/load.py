"""People who keep asking while something breaks: what they were answered, and how long they waited."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import httpx

from tests.functional.hub_process import Api


@dataclass(frozen=True)
class Answer:
    """One request: when it began, how long it took, its status (0: no answer), and what matters of the rest."""

    at: float
    seconds: float
    status: int
    retry_after: str = ""
    body: str = ""


@dataclass
class Load:
    """``with Load(ask, threads=4) as load``: each thread calls ``ask(number)`` again and again until the block ends."""

    ask: Callable[[int], httpx.Response]
    threads: int = 4
    pause_seconds: float = 0.05
    answers: list[Answer] = field(default_factory=list)

    def __enter__(self) -> "Load":
        self._stopped = threading.Event()
        self._running = [threading.Thread(target=self._repeat, args=(number,)) for number in range(self.threads)]
        for thread in self._running:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        for thread in self._running:
            thread.join(120)

    @property
    def statuses(self) -> Counter[int]:
        """How often each status came."""
        return Counter(answer.status for answer in list(self.answers))

    def since(self, moment: float) -> list[Answer]:
        """Answers to requests that began after ``moment``."""
        return [answer for answer in list(self.answers) if answer.at >= moment]

    def _repeat(self, number: int) -> None:
        while not self._stopped.wait(self.pause_seconds):
            self.answers.append(timed(lambda: self.ask(number)))


def timed(ask: Callable[[], httpx.Response]) -> Answer:
    """Ask once."""
    began, at = time.perf_counter(), time.monotonic()
    try:
        response = ask()
    except httpx.TransportError as error:
        return Answer(at, time.perf_counter() - began, 0, body=f"{type(error).__name__}: {error}")
    seconds = time.perf_counter() - began
    told = "" if response.status_code < 400 else response.text[:500]
    return Answer(at, seconds, response.status_code, response.headers.get("Retry-After", ""), told)


def quantile(answers: list[Answer], share: float) -> float:
    """The waiting time in seconds that ``share`` of the answers did not exceed."""
    waits = sorted(answer.seconds for answer in answers)
    return waits[min(int(len(waits) * share), len(waits) - 1)]


def at_once(count: int, work: Callable[[int], Any]) -> list[Any]:
    """What ``work(0)`` to ``work(count - 1)`` return, all begun at the same moment."""
    barrier = threading.Barrier(count)

    def one(number: int) -> Any:
        barrier.wait(60)
        return work(number)

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(one, range(count)))


def get_adapters(api: Api) -> Callable[[int], httpx.Response]:
    """A reader of the listing."""
    return lambda _: api.client.get("/adapters", params={"limit": 5})
