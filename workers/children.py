"""Run a function in a fresh child of a warm forkserver, under memory and time limits.

The forkserver has the heavy libraries loaded, so that a child starts in milliseconds; each child does one job and
ends, so that nothing that a file does to it can reach the next. The caller's thread only supervises.
"""

import importlib
import json
import multiprocessing
import os
import resource
import signal
import threading
import time
from collections.abc import Callable
from multiprocessing import forkserver, spawn
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

Tick = Callable[[float | None, str], bool]
Beat = Callable[[float | None, str], None]
_TICK_SECONDS = 0.25
_WATCH_SECONDS = 0.05
_MOST_BYTES = 256 << 20
_FILE_BYTES = 1 << 20
_WARM_SECONDS = 600
MAIN_SCRIPT = "HUB_CHILD_MAIN_SCRIPT"
"""Tells the forkserver which script its children need not run."""
_context = multiprocessing.get_context("forkserver")
_warming = threading.Lock()


class ChildFailed(Exception):
    """The child ended without a result. ``is_final`` says that another try would end the same way."""

    def __init__(self, code: str, detail: str, *, is_final: bool) -> None:
        super().__init__(detail)
        self.code, self.detail, self.is_final = code, detail, is_final


class ChildStopped(Exception):
    """The supervisor was told to stop, and killed the child."""


def warm_up() -> None:
    """Start the forkserver with the heavy libraries, if it does not run yet. Returns before they are loaded."""
    root = str(Path(__file__).resolve().parent.parent)
    path = os.environ.get("PYTHONPATH")
    # The forkserver ignores sys.path of its parent (before Python 3.12), but not its environment.
    given = {"PYTHONPATH": root if not path else f"{root}{os.pathsep}{path}", MAIN_SCRIPT: _main_script()}
    with _warming:
        before = {name: os.environ.get(name) for name in given}
        os.environ.update(given)
        try:
            _context.set_forkserver_preload(["workers.preload"])
            forkserver.ensure_running()
        finally:
            for name, value in before.items():
                os.environ.pop(name)
                if value is not None:
                    os.environ[name] = value


def _main_script() -> str:
    """The script of this process, which multiprocessing would run again in each child: celery's loads for long."""
    return str(spawn.get_preparation_data("").get("init_main_from_path", ""))


def wait_until_warm() -> None:
    """Return when children start in milliseconds. A job claimed before would spend its lease on loading libraries."""
    run_in_child("workers.computing:nothing", {}, memory_bytes=_MOST_BYTES, seconds=_WARM_SECONDS)


def run_in_child(
    function: str,
    argument: dict[str, Any],
    *,
    memory_bytes: int,
    seconds: int,
    on_tick: Tick | None = None,
    is_memory_watched: bool = False,
    file_bytes: int = _FILE_BYTES,
) -> dict[str, Any]:
    """Call ``function`` (``module:name``) with ``argument`` in a child, and return its result.

    ``memory_bytes`` limits the address space that it may add; with ``is_memory_watched`` the resident memory instead,
    for children that load CUDA, which maps far more addresses than it uses. ``file_bytes`` is the largest file that it
    may write.

    ``on_tick(progress, note)`` is called with every report of the child and a few times a second besides (then with
    None); when it returns False the child is killed.

    Raises:
        ChildFailed: ``resource_limit`` (final), ``child_died`` (try again), or what the function raised (final).
        ChildStopped: ``on_tick`` said so.
    """
    warm_up()
    ours, theirs = _context.Pipe()
    limits = (memory_bytes, seconds, is_memory_watched, file_bytes)
    child = _context.Process(target=_child_main, args=(theirs, function, argument, *limits), daemon=True)
    child.start()
    theirs.close()
    memory = _WatchedMemory(child.pid, memory_bytes) if is_memory_watched else None
    try:
        return _supervise(child, ours, seconds=seconds, on_tick=on_tick, memory=memory)
    finally:
        if child.is_alive():
            child.kill()
        child.join()
        child.close()
        ours.close()


def _supervise(
    child: BaseProcess, pipe: Connection, *, seconds: int, on_tick: Tick | None, memory: "_WatchedMemory | None"
) -> dict[str, Any]:
    deadline = time.monotonic() + seconds
    while True:
        kind, value = _next_message(pipe, _TICK_SECONDS if memory is None else _WATCH_SECONDS)
        if kind == "result":
            return dict(value)
        if kind == "error":
            raise ChildFailed(value["code"], value["detail"], is_final=value["is_final"])
        if kind == "end":
            child.join()
            raise _death(child.exitcode)
        if time.monotonic() > deadline:
            raise ChildFailed("resource_limit", f"it took longer than {seconds} s", is_final=True)
        if memory is not None:
            memory.check()
        progress, note = value if kind == "progress" else (None, "")
        if on_tick is not None and not on_tick(progress, note):
            raise ChildStopped


class _WatchedMemory:
    """The resident memory of a child beyond what it shared with the forkserver at its start."""

    def __init__(self, pid: int | None, most_bytes: int) -> None:
        self._statm = Path(f"/proc/{pid}/statm")
        self._most_bytes = most_bytes
        self._at_start = self._resident()

    def check(self) -> None:
        """Raise ChildFailed ``resource_limit`` when it holds too much."""
        if self._resident() - self._at_start > self._most_bytes:
            raise ChildFailed("resource_limit", _too_much_memory(self._most_bytes), is_final=True)

    def _resident(self) -> int:
        try:
            return int(self._statm.read_text().split()[1]) * resource.getpagesize()
        except (OSError, IndexError):
            return 0


def _too_much_memory(most_bytes: int) -> str:
    return f"it needed more than {most_bytes >> 20} MiB of memory"


def _next_message(pipe: Connection, tick_seconds: float) -> tuple[str, Any]:
    """What the child says, as JSON: a child that a file has taken over must not hand its supervisor a pickle."""
    try:
        if not pipe.poll(tick_seconds):
            return ("tick", None)
        kind, value = json.loads(pipe.recv_bytes(_MOST_BYTES))
    except (EOFError, OSError, ValueError):
        return ("end", None)
    return (str(kind), value)


def _say(pipe: Connection, kind: str, value: Any) -> None:
    pipe.send_bytes(json.dumps([kind, value]).encode())


def _death(exitcode: int | None) -> ChildFailed:
    if exitcode == -signal.SIGXCPU:
        return ChildFailed("resource_limit", "it used up its processor time", is_final=True)
    name = signal.Signals(-exitcode).name if exitcode is not None and exitcode < 0 else f"exit status {exitcode}"
    return ChildFailed("child_died", f"the child process ended without a result ({name})", is_final=False)


def _child_main(
    pipe: Connection,
    function: str,
    argument: dict[str, Any],
    memory_bytes: int,
    seconds: int,
    is_watched: bool,
    file_bytes: int,
) -> None:
    # What may use a device may use several threads too; the supervisor ends it in time.
    cores = (os.cpu_count() or 1) if is_watched else 1
    _limit(None if is_watched else memory_bytes, seconds * cores, file_bytes)
    try:
        module, _, name = function.partition(":")
        work = getattr(importlib.import_module(module), name)
        _say(pipe, "result", work(argument, lambda share, note="": _say(pipe, "progress", [share, note])))
    except Exception as error:
        _say(pipe, "error", _described(error, memory_bytes))
    finally:
        pipe.close()


def _described(error: Exception, memory_bytes: int) -> dict[str, Any]:
    """Code and detail of what the function raised: its own, a limit, or an internal error."""
    # torch reports a failed allocation as a RuntimeError.
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and "allocate memory" in str(error)):
        code, detail = "resource_limit", _too_much_memory(memory_bytes)
    else:
        code = str(getattr(error, "code", None) or "internal_error")
        detail = str(getattr(error, "detail", None) or f"{type(error).__name__}: {error}")
    return {"code": code, "detail": detail[:2000], "is_final": True}


def _limit(memory_bytes: int | None, seconds: int, file_bytes: int) -> None:
    """Address space beyond what the warm libraries already map, if any; processor time; no core, few files."""
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    address_space = [] if memory_bytes is None else [(resource.RLIMIT_AS, mapped + memory_bytes)]
    for limit, value in (
        *address_space,
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 512),
        (resource.RLIMIT_FSIZE, file_bytes),
    ):
        _, hard = resource.getrlimit(limit)
        resource.setrlimit(limit, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))
