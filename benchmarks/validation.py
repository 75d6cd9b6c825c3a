"""Warm validation of a 1 MB LoRA: the inspection alone, in a supervised child, and through the whole hub."""

import json
import os
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

# Everything heavy is imported where it is used: each child of the forkserver imports this module once more.
from benchmarks.machine import calibration, machine, record

RUNS = 25
RANK = 24
MEMORY_BYTES = 2 << 30


def main() -> None:
    """Measure and record."""
    from tests.functional.real_adapters import make_lora, minilm_folder

    os.environ["HF_HUB_OFFLINE"] = "1"
    with tempfile.TemporaryDirectory() as folder:
        lora = make_lora(minilm_folder(), Path(folder) / "lora", seed=3, rank=RANK, modules=("query", "key", "value"))
        rows = [
            ("inspection alone, in process", *_inspection(lora)),
            ("the same in a child of the warm forkserver", *_child(lora)),
            ("whole hub: finish to verdict, embedded profile", *_hub(lora, Path(folder) / "hub")),
        ]
        size = (lora / "adapter_model.safetensors").stat().st_size
    lines = [
        f"{datetime.now(UTC):%Y-%m-%d}, {machine('numpy', 'torch', 'Django', 'celery')}",
        "",
        calibration(),
        "",
        f"A LoRA of rank {RANK} on query, key and value of all-MiniLM-L6-v2, {size / 1e6:.2f} MB; {RUNS} runs each.",
        "",
        "| what | median ms | slowest ms |",
        "|---|---:|---:|",
        *(f"| {name} | {middle * 1e3:.0f} | {slowest * 1e3:.0f} |" for name, middle, slowest in rows),
    ]
    record("Warm validation (`make bench-validation`)", lines)


def _argument(lora: Path) -> dict[str, Any]:
    from kernels.formats.base_shapes import BaseShapes
    from tests.functional.real_adapters import minilm_folder

    base = BaseShapes.from_safetensors_folder(minilm_folder())
    config = json.loads((minilm_folder() / "config.json").read_text())
    files = {path.name: str(path) for path in lora.iterdir()}
    return {"files": files, "base": base.as_dict(), "base_config": config, "declared_base": base.id, "claims": {}}


def _measure(work: Any) -> tuple[float, float]:
    seconds = []
    for _ in range(RUNS + 1):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return median(seconds[1:]), max(seconds[1:])


def _inspection(lora: Path) -> tuple[float, float]:
    from workers.computing import inspect_revision

    argument = _argument(lora)
    return _measure(lambda: inspect_revision(argument, lambda *_: None))


def _child(lora: Path) -> tuple[float, float]:
    from workers.children import run_in_child

    argument = _argument(lora)
    function = "workers.computing:inspect_revision"
    return _measure(lambda: run_in_child(function, argument, memory_bytes=MEMORY_BYTES, seconds=60))


def _hub(lora: Path, data: Path) -> tuple[float, float]:
    from tests.functional.hub_process import Api, HubProcess, bootstrap
    from tests.functional.real_adapters import minilm_folder

    hub = HubProcess(data).start()
    try:
        api = bootstrap(hub)
        password = "a long password 4 benchmarks"
        api("POST", "/users", json={"username": "bench", "email": "", "password": password}, expect=201)
        body = {"name": "bench", "scopes": ["read", "write"]}
        token = Api(hub.url)("POST", "/tokens", json=body, auth=("bench", password), expect=201)["token"]
        pusher = Api(hub.url, token)
        config = json.loads((minilm_folder() / "config.json").read_text())
        made = api("POST", "/base-models", json={"id": "all-MiniLM-L6-v2", "config": config}, expect=202)
        api.wait(made["job"])
        return _pushes(pusher, {path.name: path.read_bytes() for path in lora.iterdir()})
    finally:
        hub.stop()


def _pushes(pusher: Any, files: dict[str, bytes]) -> tuple[float, float]:
    from tests.functional.test_bad_input import announce, finish, send

    seconds = []
    for number in range(RUNS + 1):
        upload = announce(pusher, f"bench/lora-{number}", files, base="all-MiniLM-L6-v2").json()
        send(pusher, upload, files)
        start = time.perf_counter()
        job = finish(pusher, upload, files).json()["job"]["id"]
        while pusher("GET", f"/jobs/{job}", expect=200)["state"] in ("queued", "running"):
            time.sleep(0.01)
        seconds.append(time.perf_counter() - start)
    return median(seconds[1:]), max(seconds[1:])


if __name__ == "__main__":
    main()
