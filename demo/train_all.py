"""Trains the tasks in processes of their own, two side by side; run as a module it is one such process.

python -m demo.train_all TASK FOLDER

prints one JSON line for each step: name, done, total, note.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock

from demo.console import Screen
from demo.hub_process import REPOSITORY
from demo.tasks import TASKS, Task, hurried
from demo.trained import TrainedAdapter, TrainedStore

SIDE_BY_SIDE = 2


class TrainingFailedError(RuntimeError):
    """A training process ended without a result; its own message is on standard error."""


def train_all(tasks: Sequence[Task], store: TrainedStore, screen: Screen) -> dict[str, TrainedAdapter]:
    """Every task's finished training by name; what was trained before is not trained again."""
    with screen, ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        trainings = _Trainings(store, screen)
        try:
            results = list(pool.map(trainings.run, tasks))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            trainings.stop()
            raise
    return {result.name: result for result in results}


class _Trainings:
    """The training processes that run now, and their common screen."""

    def __init__(self, store: TrainedStore, screen: Screen) -> None:
        self.store = store
        self.screen = screen
        self.running: set[subprocess.Popen[str]] = set()
        self.lock = Lock()

    def run(self, task: Task) -> TrainedAdapter:
        """The finished training of one task, from a process of its own where there is none yet."""
        result = self.store.load(task)
        note = "trained before"
        if result is None:
            returncode = self._train(task)
            result = self.store.load(task)
            if result is None:
                raise TrainingFailedError(f"Training {task.name} ended with code {returncode}; see above.")
            note = f"trained in {result.seconds:.0f} s"
        self._report(task.name, 1, 1, f"{note}: head alone {result.head_accuracy:.3f}, adapter {result.accuracy:.3f}")
        return result

    def stop(self) -> None:
        """End every training that still runs."""
        for process in tuple(self.running):
            process.terminate()

    def _train(self, task: Task) -> int:
        command = [sys.executable, "-m", "demo.train_all", task.name, str(self.store.folder)]
        environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
        with subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, text=True) as process:
            self.running.add(process)
            for line in process.stdout or ():
                step = json.loads(line)
                self._report(step["name"], step["done"], step["total"], step["note"])
        self.running.discard(process)
        return process.returncode

    def _report(self, name: str, done: int, total: int, note: str) -> None:
        with self.lock:
            self.screen.report(name, done, total, note)


def _print_step(name: str, done: int, total: int, note: str) -> None:
    print(json.dumps({"name": name, "done": done, "total": total, "note": note}), flush=True)


if __name__ == "__main__":
    known = {task.name: task for task in (*TASKS, hurried(TASKS[0]))}
    TrainedStore(Path(sys.argv[2])).train(known[sys.argv[1]], _print_step)
