"""One server as a process: start it, wait for it, pause it, kill it, start it again on the same port and data."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

REPOSITORY = Path(__file__).resolve().parent.parent
# What an operator's shell may hold about another hub must not reach this one.
_FOREIGN = ("HUB_", "DATABASE_URL", "DJANGO_", "AWS_", "PG", "GUNICORN_", "PROMETHEUS_")
_POLL_SECONDS = 0.05
# A forkserver with torch loaded takes a second to end, and more on a busy machine.
_ORPHAN_SECONDS = 10.0


class ServerFailedError(RuntimeError):
    """A server did not start or ended by itself; the message holds the end of its log."""


class Server:
    """A process with a name, a folder and a log. Subclasses say what to run and when it is ready."""

    stop_signal = signal.SIGTERM
    stop_seconds = 15.0
    start_seconds = 60.0
    user: str | None = None
    """The account it runs as; None is ours."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.folder = folder
        self.environment: dict[str, str] = {}
        """Added to what every process gets; may be changed before a start."""
        self.prefix: list[str] = []
        """Put before the command, for example ``["faketime", "-f", "+1h"]``."""
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *error: object) -> None:
        self.stop()

    def command(self) -> Sequence[str]:
        """What to run. Raises MissingProgramError."""
        raise NotImplementedError

    def prepare(self) -> None:
        """Write configuration and data folders; called before each start."""

    def is_ready(self) -> bool:
        """Whether it does its work."""
        return True

    @property
    def log_file(self) -> Path:
        """Where standard output and standard error go."""
        return self.folder / f"{self.name}.log"

    @property
    def pid(self) -> int:
        """The id of the running process."""
        if self._process is None:
            raise ServerFailedError(f"{self.name} was never started.")
        return self._process.pid

    def is_running(self) -> bool:
        """Whether the process exists; a paused one does."""
        return self._process is not None and self._process.poll() is None

    def has_ended(self) -> bool:
        """Whether it is gone without having been stopped."""
        return self._process is not None and self._process.poll() is not None

    def start(self) -> Self:
        """Start and wait until it is ready. Raises ServerFailedError, MissingProgramError."""
        self.launch()
        self.wait_until_ready()
        return self

    def launch(self) -> None:
        """Start without waiting. Raises MissingProgramError."""
        command = [*self.prefix, *self.command()]
        self.folder.mkdir(parents=True, exist_ok=True)
        _end_leftover(self._pid_file)
        self.prepare()
        with self.log_file.open("ab") as log:
            # A session of its own: Ctrl-C in a terminal reaches only the orchestrator, which stops all in order.
            self._process = subprocess.Popen(
                command, cwd=REPOSITORY, env=self._full_environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True, user=self.user, group=self.user, extra_groups=[] if self.user else None,
            )  # fmt: skip
        self._pid_file.write_text(f"{self._process.pid} {_started_at(self._process.pid)}")

    def wait_until_ready(self) -> None:
        """Return when it is ready; one that ends or takes too long is killed. Raises ServerFailedError."""
        deadline = time.monotonic() + self.start_seconds
        while time.monotonic() < deadline:
            if not self.is_running():
                self.kill()
                raise ServerFailedError(self.last_words(f"{self.name} did not start."))
            if self.is_ready():
                return
            time.sleep(_POLL_SECONDS)
        self.kill()
        raise ServerFailedError(self.last_words(f"{self.name} was not ready within {self.start_seconds:g} s."))

    def stop(self) -> str:
        """End it in order, by force when it does not answer; how it ended, in words."""
        if self._process is None:
            return "not started"
        how = self._stop(self._process)
        self.kill()
        self._process = None
        return how

    def _stop(self, process: subprocess.Popen[bytes]) -> str:
        if process.poll() is not None:
            return f"had ended before (status {process.returncode})"
        started = time.monotonic()
        self.resume()
        members = {pid: _started_at(pid) for pid in self._family()}
        process.send_signal(self.stop_signal)
        try:
            process.wait(self.stop_seconds)
        except subprocess.TimeoutExpired:
            return f"killed after {self.stop_seconds:g} s"
        how = f"stopped in {time.monotonic() - started:.1f} s"
        left = _end_orphans(members)
        return f"{how}, {left} of its children killed" if left else how

    def terminate(self) -> None:
        """Ask it to end (SIGTERM) and return at once."""
        self.signal(signal.SIGTERM, whole=False)

    def kill(self) -> None:
        """SIGKILL it and all its descendants, as a power cut would."""
        if self._process is not None:
            _kill_family(self._process.pid)
            self._process.wait(10)
        self._pid_file.unlink(missing_ok=True)

    def pause(self) -> None:
        """SIGSTOP it and all its descendants: it holds its connections and says nothing."""
        self.signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT after ``pause``."""
        self.signal(signal.SIGCONT)

    def signal(self, number: signal.Signals, *, whole: bool = True) -> None:
        """Send a signal to the process, and with ``whole`` to its descendants too."""
        for pid in self._family() if whole else {self.pid}:
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def restart(self) -> Self:
        """Stop in order and start again on the same port and data."""
        self.stop()
        return self.start()

    def log(self) -> str:
        """Everything it has written."""
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def last_words(self, message: str, lines: int = 20) -> str:
        """``message`` and the end of the log."""
        return "\n".join([message, f"The end of {self.log_file}:", *self.log().splitlines()[-lines:]])

    @property
    def _pid_file(self) -> Path:
        return self.folder / f"{self.name}.pid"

    def _full_environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
        return kept | {"PYTHONUNBUFFERED": "1"} | self.environment

    def _family(self) -> set[int]:
        return family(self._process.pid) if self._process is not None else set()


def run(command: Sequence[str], *, environment: Mapping[str, str], user: str | None = None) -> str:
    """Run a program to its end and return its standard output. Raises ServerFailedError with what it said."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    done = subprocess.run(
        command, cwd=REPOSITORY, env={**kept, **environment}, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        user=user, group=user, extra_groups=[] if user else None,
    )  # fmt: skip
    if done.returncode:
        said = "\n".join(f"{done.stdout}\n{done.stderr}".strip().splitlines()[-15:])
        raise ServerFailedError(f"{' '.join(command[:4])} ended with status {done.returncode}:\n{said}")
    return done.stdout


def family(pid: int) -> set[int]:
    """The living processes that descend from ``pid`` or share its process group, itself included."""
    parents, found = {}, set()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        state, parent, group = _stat(int(entry.name))
        if state in "ZX":
            continue
        parents[int(entry.name)] = parent
        if int(entry.name) == pid or group == pid:
            found.add(int(entry.name))
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def is_alive(pid: int, word: str) -> bool:
    """Whether the process exists and has ``word`` in its command line."""
    try:
        return word in Path(f"/proc/{pid}/cmdline").read_text() and _stat(pid)[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def end_leftovers(folder: Path) -> None:
    """Kill every process of a ``folder`` whose orchestrator was itself killed."""
    for pid_file in sorted(folder.glob("*/*.pid")):
        _end_leftover(pid_file)


def _stat(pid: int) -> tuple[str, int, int]:
    """State, parent and process group; ``X`` when it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return ("X", 0, 0)
    return (fields[0], int(fields[1]), int(fields[2]))


def _started_at(pid: int) -> str:
    """The kernel's clock when the process began: with the pid it names one process for good."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _kill_family(pid: int) -> None:
    """SIGKILL a process and all its descendants; a master that is killed after its workers would replace them."""
    members = family(pid)
    while members:
        for member in sorted(members, key=lambda member: member != pid):
            with suppress(ProcessLookupError):
                os.kill(member, signal.SIGKILL)
        # Whatever was begun in between shares the group.
        members = family(pid) - members


def _end_orphans(members: Mapping[int, str]) -> int:
    """Give the children of an ended process some seconds to follow it, kill those that do not, and count them."""
    deadline = time.monotonic() + _ORPHAN_SECONDS
    while orphans := [pid for pid, began in members.items() if began == _started_at(pid) and _stat(pid)[0] not in "ZX"]:
        if time.monotonic() > deadline:
            for pid in orphans:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            return len(orphans)
        time.sleep(_POLL_SECONDS)
    return 0


def _end_leftover(pid_file: Path) -> None:
    """Kill what an earlier orchestrator, itself killed, left running under this name."""
    if not pid_file.exists():
        return
    pid, _, began = pid_file.read_text().partition(" ")
    if pid.isdigit() and began and _started_at(int(pid)) == began:
        _kill_family(int(pid))
    pid_file.unlink(missing_ok=True)
