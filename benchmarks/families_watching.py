"""How much memory the hub's jobs hold while they run: the most of any process that the hub has started."""

import threading
from collections import defaultdict
from pathlib import Path
from types import TracebackType

_SECONDS = 0.1


class Watch:
    """Looks at every descendant of a process until it is left; `peak` is the most bytes that one of them has held."""

    def __init__(self, root: int) -> None:
        self._root, self._ended = root, threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.peak = 0
        self.steps: list[tuple[str, int]] = []

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def note(self, said: str) -> None:
        """The peak so far belongs to what the job has said last."""
        if said and (not self.steps or self.steps[-1][0] != said):
            self.steps.append((said, self.peak))

    def _look(self) -> None:
        while not self._ended.wait(_SECONDS):
            for process in _descendants(self._root):
                self.peak = max(self.peak, _field(process, "VmHWM:") * 1024)


def _descendants(root: int) -> list[int]:
    children: dict[int, list[int]] = defaultdict(list)
    for folder in Path("/proc").glob("[0-9]*"):
        process = int(folder.name)
        children[_field(process, "PPid:")].append(process)
    found, rest = [], [root]
    while rest:
        own = children.pop(rest.pop(), [])
        found += own
        rest += own
    return found


def _field(process: int, name: str) -> int:
    """A number of the process's status; 0 where it has ended."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(name)), 0)
