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
from demo.trained import Report, TrainedAdapter, TrainedStore

SIDE_BY_SIDE = 2


class TrainingFailedError(RuntimeError):
    """A training process ended without a result; its own message is on standard error."""


def train_all(tasks: Sequence[Task], store: TrainedStore, screen: Screen) -> dict[str, TrainedAdapter]:
    """Every task's finished training by name; what was trained before is not trained again."""
    lock = Lock()

    def report(name: str, done: int, total: int, note: str) -> None:
        with lock:
            screen.report(name, done, total, note)

    with screen, ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        results = list(pool.map(lambda task: _train_in_process(task, store, report), tasks))
    return {result.name: result for result in results}


def _train_in_process(task: Task, store: TrainedStore, report: Report) -> TrainedAdapter:
    result = store.load(task)
    note = "trained before"
    if result is None:
        command = [sys.executable, "-m", "demo.train_all", task.name, str(store.folder)]
        environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
        with subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, text=True) as process:
            for line in process.stdout or ():
                report(**json.loads(line))
        result = store.load(task)
        if process.returncode or result is None:
            raise TrainingFailedError(f"Training {task.name} ended with code {process.returncode}; see above.")
        note = f"trained in {result.seconds:.0f} s"
    report(task.name, 1, 1, f"{note}: head alone {result.head_accuracy:.3f}, adapter {result.accuracy:.3f}")
    return result


def _print_step(name: str, done: int, total: int, note: str) -> None:
    print(json.dumps({"name": name, "done": done, "total": total, "note": note}), flush=True)


if __name__ == "__main__":
    known = {task.name: task for task in (*TASKS, hurried(TASKS[0]))}
    TrainedStore(Path(sys.argv[2])).train(known[sys.argv[1]], _print_step)
