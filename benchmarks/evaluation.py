"""Twenty adapters on one set of 500 rows: through the hub, in twenty processes, and the bare forward passes."""

import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

# Everything heavy is imported where it is used.
from benchmarks.machine import calibration, machine, record

ROWS, ADAPTERS, RUNS = 500, 20, 3
QUICK_ROWS, QUICK_ADAPTERS, QUICK_RUNS = 100, 4, 1
SHARED = Path(__file__).resolve().parents[2] / "shared" / "data" / "eval_sets" / "clinc_domain10" / "test.jsonl"
TITLE = "Evaluation (`make bench-eval`)"


def main() -> None:
    """Measure in alternating rounds, and record."""
    quick = "--quick" in sys.argv
    count, adapters, runs = (QUICK_ROWS, QUICK_ADAPTERS, QUICK_RUNS) if quick else (ROWS, ADAPTERS, RUNS)
    if not SHARED.is_file():
        raise SystemExit(f"needs {SHARED.relative_to(SHARED.parents[4])} beside this checkout")
    from tests.functional.hub_process import HubProcess
    from tests.functional.real_adapters import minilm_folder

    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        rows = _rows(count)
        labels = sorted({row["label"] for row in rows})
        (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        places = _make_adapters(minilm_folder(), folder / "adapters", adapters, len(labels))
        world = (str(minilm_folder()), places, folder / "rows.jsonl", labels)
        hub = HubProcess(folder / "hub").start()
        try:
            pusher, names = _fill(hub, world)
            seconds: dict[str, list[float]] = {"forward": [], "hub": [], "measured": [], "processes": []}
            _through_the_hub(pusher, names[:1], efficiency=False)
            for number in range(runs):
                seconds["forward"].append(_forward(world))
                seconds["hub"].append(_through_the_hub(pusher, names, efficiency=False))
                seconds["measured"].append(_through_the_hub(pusher, names, efficiency=True))
                # Minutes: once is enough to be seen from afar.
                if number == 0:
                    seconds["processes"].append(_processes(world))
        finally:
            hub.stop()
    _record({name: median(found) for name, found in seconds.items()}, adapters, count, runs, quick=quick)


def _record(seconds: dict[str, float], adapters: int, rows: int, runs: int, *, quick: bool) -> None:
    names = {
        "forward": "forward passes alone: sorted, tokenised and loaded before the clock runs",
        "hub": "through the hub, from the request to the last score",
        "measured": "the same, and what each adapter costs (latency beside the base and merged)",
        "processes": f"{adapters} processes, one after the other: PeftModel.from_pretrained, then predict",
    }
    lines = [
        f"{datetime.now(UTC):%Y-%m-%d}, {machine('torch', 'transformers', 'peft', 'Django')}",
        "",
        calibration(),
        "",
        f"{adapters} LoRAs of rank 8 with heads on all-MiniLM-L6-v2, {rows} rows of CLINC150's domains, one thread "
        f"each; medians of {runs} alternating rounds, the processes once. Goal: at most 1.2 of the forward passes.",
        "",
        "| what | seconds | per adapter | of the forward passes |",
        "|---|---:|---:|---:|",
    ]
    for name, what in names.items():
        own = seconds[name]
        lines.append(f"| {what} | {own:.1f} | {own / adapters:.2f} | {own / seconds['forward']:.2f} |")
    if quick:
        print("\n".join(lines))
    else:
        record(TITLE, lines)


def _rows(count: int) -> list[dict[str, Any]]:
    lines = SHARED.read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines[:: len(lines) // count][:count]]


def _make_adapters(base: Path, folder: Path, count: int, labels: int) -> list[Path]:
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForSequenceClassification

    plain = AutoModelForSequenceClassification.from_pretrained(base, num_labels=labels, local_files_only=True)
    model = get_peft_model(plain, LoraConfig(task_type="SEQ_CLS", r=8, target_modules=["query", "value"]))
    torch.manual_seed(0)
    places = []
    for number in range(count):
        for parameter in model.parameters():
            if parameter.requires_grad:
                torch.nn.init.normal_(parameter, std=0.05)
        places.append(folder / f"lora-{number:02}")
        model.save_pretrained(places[-1])
    return places


def _fill(hub: Any, world: Any) -> tuple[Any, list[str]]:
    """People, the base model, the set and all adapters; returns the pusher's API and the adapters' names."""
    from tests.functional.conftest import BASE, WEIGHTS
    from tests.functional.hub_process import bootstrap
    from tests.functional.test_bad_input import push

    base, places, rows, labels = world
    api = bootstrap(hub)
    api("POST", "/namespaces", json={"name": "bench"}, expect=201)
    config = json.loads((Path(base) / "config.json").read_text())
    made = api("POST", "/base-models", json={"id": BASE, "config": config, "weights": WEIGHTS}, expect=202)
    api.wait(made["job"])
    names = []
    for place in places:
        files = {path.name: path.read_bytes() for path in place.iterdir()}
        push(api, f"bench/{place.name}", files, base=BASE, version="1.0.0")
        names.append(f"bench/{place.name}@1.0.0")
    api("POST", "/evaluation-sets", json={"namespace": "bench", "name": "domains"}, expect=201)
    manifest = {"harness": "sequence_classification", "metric": "accuracy", "labels": labels}
    sent = {"test": ("test.jsonl", rows.read_bytes())}
    api("POST", "/evaluation-sets/bench/domains/revisions", data={"manifest": json.dumps(manifest)}, files=sent)
    return api, names


def _through_the_hub(api: Any, names: list[str], *, efficiency: bool) -> float:
    body = {"adapters": names, "evaluation_set": "bench/domains", "settings": {"efficiency": efficiency}}
    start = time.perf_counter()
    asked = api("POST", "/evaluations", json=body, expect=202)
    for job in asked["jobs"]:
        while (state := api("GET", f"/jobs/{job['id']}", expect=200)["state"]) in ("queued", "running"):
            time.sleep(0.02)
        if state != "succeeded":
            raise SystemExit(f"a job of the benchmark {state}: {job['id']}")
    seconds = time.perf_counter() - start
    for row in asked["evaluations"]:
        found = api("GET", f"/evaluations/{row['id']}", expect=200)
        if found["state"] != "measured":
            raise SystemExit(f"an evaluation of the benchmark {found['state']}: {found['error']}")
    return seconds


def _script(*arguments: Any) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.evaluation_scripts", *map(str, arguments)]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return dict(json.loads(output.splitlines()[-1]))


def _forward(world: Any) -> float:
    base, places, rows, labels = world
    return float(_script("forward", base, os.pathsep.join(map(str, places)), rows, len(labels))["seconds"])


def _processes(world: Any) -> float:
    base, places, rows, labels = world
    start = time.perf_counter()
    for place in places:
        _script("predict", base, place, rows, len(labels))
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
