"""The servers of `make cluster`: they come back on the same port and data, and leave no process behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import psycopg
import pytest
from redis import Redis as RedisClient
from redis import RedisError

from cluster.binaries import MissingProgramError, find_program
from cluster.postgres import Postgres
from cluster.process import Server, ServerFailedError, family
from cluster.redis import Redis, why_not

SLEEP = "import time; time.sleep(99)"
SLEEPER = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {SLEEP!r}], start_new_session=True)"

# A master as nginx and gunicorn have it: whatever ends is replaced at once.
FORK = "import os, time\ndef fork():\n    if not os.fork(): time.sleep(99)"


class Sleeper(Server):
    """A process with a child in a session of its own, as Swift and PostgreSQL have them."""

    def __init__(self, folder: Path, program: str = f"{SLEEPER}; time.sleep(99)") -> None:
        super().__init__("sleeper", folder)
        self.program = program

    def command(self) -> Sequence[str]:
        return [sys.executable, "-c", self.program]


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[Sleeper]:
    server = Sleeper(tmp_path)
    yield server
    server.kill()


def state_of(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def eventually(holds: Callable[[], object], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.02)
    return False


def test_a_kill_takes_the_children_too(sleeper: Sleeper) -> None:
    sleeper.start()
    assert eventually(lambda: len(family(sleeper.pid)) == 2)
    members = family(sleeper.pid)
    sleeper.kill()
    assert eventually(lambda: not any(Path(f"/proc/{pid}").exists() and state_of(pid) != "Z" for pid in members))


def test_a_kill_leaves_no_child_that_a_master_put_in_the_place_of_a_killed_one(tmp_path: Path) -> None:
    children = 40
    master = Sleeper(tmp_path, f"{FORK}\nfor _ in range({children}): fork()\nwhile True: os.wait(); fork()")
    for _ in range(5):
        pid = master.start().pid
        assert eventually(lambda: len(family(pid)) == children + 1)  # noqa: B023
        master.kill()
        time.sleep(0.2)
        left = family(pid)
        for process in left:
            os.kill(process, signal.SIGKILL)
        assert not left


def test_a_stop_takes_the_children_too_and_says_so(sleeper: Sleeper) -> None:
    sleeper.start()
    assert eventually(lambda: len(family(sleeper.pid)) == 2)
    members = family(sleeper.pid)
    assert sleeper.stop().endswith("1 of its children killed")
    assert eventually(lambda: not any(Path(f"/proc/{pid}").exists() and state_of(pid) != "Z" for pid in members))


def test_a_process_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    deaf = Sleeper(tmp_path, "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf'); time.sleep(99)")
    deaf.stop_seconds = 0.3
    deaf.start()
    assert eventually(lambda: "deaf" in deaf.log())
    assert deaf.stop() == "killed after 0.3 s"
    assert not deaf.is_running()


def test_a_paused_process_goes_on_after_resume(sleeper: Sleeper) -> None:
    sleeper.start()
    sleeper.pause()
    assert eventually(lambda: state_of(sleeper.pid) == "T")
    sleeper.resume()
    assert eventually(lambda: state_of(sleeper.pid) != "T")


def test_a_server_that_does_not_start_shows_the_end_of_its_log(tmp_path: Path) -> None:
    class Broken(Sleeper):
        def is_ready(self) -> bool:
            return False

    with pytest.raises(ServerFailedError, match=r"(?s)sleeper did not start\..*no such option"):
        Broken(tmp_path, "raise SystemExit('no such option')").start()


def test_what_a_killed_orchestrator_left_behind_is_ended_by_the_next_one(tmp_path: Path) -> None:
    first = Sleeper(tmp_path).start()
    second = Sleeper(tmp_path).start()
    try:
        assert eventually(lambda: not first.is_running())
        assert second.is_running()
    finally:
        second.kill()


def test_settings_of_another_hub_do_not_reach_a_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_SECRET_KEY", "of another hub")
    monkeypatch.setenv("DATABASE_URL", "postgres://elsewhere/")
    asked = Sleeper(tmp_path, "import os; print(sorted(n for n in os.environ if n.startswith(('HUB', 'DATABASE'))))")
    asked.environment["HUB_PROXIES"] = "1"
    asked.launch()
    assert eventually(lambda: not asked.is_running())
    assert asked.log().strip() == "['HUB_PROXIES']"


def test_a_missing_program_is_named_with_its_package() -> None:
    with pytest.raises(MissingProgramError, match="no-such-server is missing: install some-package"):
        find_program("no-such-server", package="some-package")


def test_the_role_of_the_hub_is_no_superuser(postgres: Postgres) -> None:
    with psycopg.connect(postgres.database()) as connection:
        found = connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
    assert found == (False,)


def test_no_password_shows_in_the_list_of_processes_and_none_gets_in_without(tmp_path: Path) -> None:
    if reason := why_not():
        pytest.skip(reason)
    with Redis(tmp_path, password="a-long-password") as server:
        shown = subprocess.run(["ps", "-ww", "-o", "args=", "-p", str(server.pid)], capture_output=True, text=True)
        assert "redis-server" in shown.stdout
        assert server.password not in shown.stdout
        with pytest.raises(RedisError), RedisClient(port=server.port) as stranger:
            stranger.ping()
