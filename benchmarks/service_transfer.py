"""Push and pull of a large adapter through the hub, beside bare boto3 to the same S3 server, in turns."""

import argparse
import json
import signal
import subprocess
import sys
import tempfile
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.machine import calibration, machine, record
from benchmarks.transfer_clients import PART_BYTES, THREADS
from cluster.swift import ACCESS_KEY, BUCKET, REGION, Swift

NAME = "bench/large"
BASE = "bench/wide"
RANK = 16
MODULES = 4
GOALS = {"push": 0.85, "pull": 0.90}
_PATIENCE_SECONDS = 900
KINDS = ("boto3-push", "hub-push", "boto3-pull", "hub-pull")


def main() -> None:
    """Measure and record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # end the servers too
    from tests.functional.hub_process import HubProcess

    with tempfile.TemporaryDirectory(prefix="transfer-") as name:
        folder = Path(name)
        (folder / "swift").mkdir()
        swift = Swift(folder / "swift").start()
        environment = {"HUB_STORAGE_URL": swift.url("hub"), "HUB_PART_SIZE_BYTES": str(PART_BYTES)}
        hub = HubProcess(folder / "hub", **environment, **swift.environment).start()
        try:
            rows = _measure(swift, hub, folder, options.megabytes, options.rounds)
        except subprocess.CalledProcessError:
            print(f"the hub's log ends:\n{hub.log()[-4000:]}", file=sys.stderr)
            raise
        finally:
            hub.stop()
            swift.stop()
    record("Transfer (`python -m benchmarks.service_transfer`)", _page(rows, options.megabytes, options.rounds))


def _measure(swift: Swift, hub: Any, folder: Path, megabytes: int, rounds: int) -> dict[str, list[dict[str, float]]]:
    from tests.functional.hub_process import bootstrap

    admin = bootstrap(hub)
    admin("POST", "/namespaces", json={"name": "bench", "is_review_required": False}, expect=201)
    width = megabytes * 1_000_000 // (2 * MODULES * RANK * 4)
    shapes = {f"layers.{index}.q_proj.weight": [width, width] for index in range(MODULES)}
    admin("POST", "/base-models", json={"id": BASE, "shapes": shapes}, expect=201)
    adapter = _adapter(folder / "adapter", width)
    given = {
        "s3": {
            "endpoint_url": swift.endpoint,
            "region_name": REGION,
            "aws_access_key_id": ACCESS_KEY,
            "aws_secret_access_key": swift.secret_key,
        },
        "bucket": BUCKET,
        "source": str(adapter / "adapter_model.safetensors"),
        "url": hub.url,
        "token": admin.token,
        "adapter": str(adapter),
        "name": NAME,
        "folder": str(folder),
    }
    rows: dict[str, list[dict[str, float]]] = defaultdict(list)
    for number in range(rounds + 1):
        for kind in KINDS if number % 2 else (*KINDS[1::-1], *KINDS[:1:-1]):
            measured = _run(kind, given)
            print(f"{kind} {measured}", file=sys.stderr)
            if number:  # the first round warms everything up
                rows[kind].append(measured)
    return rows


def _run(kind: str, given: dict[str, Any]) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.transfer_clients", kind]
    done = subprocess.run(
        command, input=json.dumps(given), stdout=subprocess.PIPE, text=True, check=True, timeout=_PATIENCE_SECONDS
    )
    measured: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return measured


def _adapter(folder: Path, width: int) -> Path:
    """A LoRA of few, very wide factors, so that the hub's own numerics take little time."""
    from safetensors.numpy import save_file

    folder.mkdir()
    generator = np.random.default_rng(0)
    tensors = {}
    for index in range(MODULES):
        for letter, shape in (("A", (RANK, width)), ("B", (width, RANK))):
            name = f"base_model.model.layers.{index}.q_proj.lora_{letter}.weight"
            tensors[name] = generator.standard_normal(shape, dtype=np.float32)
    save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    config = {"peft_type": "LORA", "r": RANK, "lora_alpha": RANK, "target_modules": ["q_proj"]}
    (folder / "adapter_config.json").write_text(json.dumps({**config, "base_model_name_or_path": BASE}))
    return folder


def _page(rows: dict[str, list[dict[str, float]]], megabytes: int, rounds: int) -> list[str]:
    seconds = {kind: median(row["seconds"] for row in found) for kind, found in rows.items()}
    memory = {kind: max(row["peak_mib"] for row in found) for kind, found in rows.items()}
    hashed = median(row["hashed_seconds"] for row in rows["hub-push"])
    cpu = {kind: median(row["cpu_seconds"] for row in found) for kind, found in rows.items()}
    table = [
        f"| {kind} | {seconds[kind]:.2f} | {megabytes / seconds[kind]:.0f} | {cpu[kind]:.2f} | {memory[kind]:.0f} |"
        for kind in KINDS
    ]
    ratios = {way: seconds[f"boto3-{way}"] / seconds[f"hub-{way}"] for way in GOALS}
    return [
        f"{datetime.now(UTC):%Y-%m-%d}, {machine('boto3', 'httpx', 'Django', 'swift')}",
        "",
        calibration(),
        "",
        f"{megabytes} MB, parts of {PART_BYTES >> 20} MiB, {THREADS} at a time, {rounds} rounds in turns; client, hub"
        " and S3 server (Swift) share this machine.",
        "",
        "| what | median s | MB/s | client's CPU s | client's peak MiB |",
        "|---|---:|---:|---:|---:|",
        *table,
        "",
        *(f"{way}: {ratio:.0%} of bare boto3's rate (goal {GOALS[way]:.0%})  " for way, ratio in ratios.items()),
        f"from the 202 until the hub has hashed everything: {hashed:.1f} s",
    ]


if __name__ == "__main__":
    main()
