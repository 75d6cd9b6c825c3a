"""What the tests want to know about processes: who runs jobs for a worker, who answers for a web process."""

from pathlib import Path

from cluster.process import family
from cluster.web import Web
from cluster.worker import Worker


def scratch_of(worker: Worker) -> Path:
    """The folder of the worker's temporary files."""
    return worker.folder / "scratch"


def holds(worker: Worker, claimed_by: str) -> bool:
    """Whether a job's row names this worker's process: workers are called ``host-pid-random``."""
    return claimed_by.split("-")[-2:-1] == [str(worker.pid)]


def children_of(worker: Worker) -> set[int]:
    """The processes that run jobs for the worker at this moment: the children of its forkserver."""
    return {pid for pid in family(worker.pid) if "forkserver" in _command_of(pid) and _parent_of(pid) != worker.pid}


def hands_of(web: Web) -> set[int]:
    """The processes that answer requests: all but gunicorn's master."""
    return family(web.pid) - {web.pid}


def _command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _parent_of(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0
