"""`check` and `base-model add` read local folders with the kernels and no torch; tables are kept for offline use."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy
import pytest
from safetensors.numpy import save_file

from hubclient.base_folder import read_base_folder
from hubclient.check import ShapeTables, check_folder
from hubclient.errors import NetworkError, RefusedError, UsageError

REPOSITORY = Path(__file__).resolve().parents[3]
QUERY = "encoder.layer.0.attention.self.query"


@pytest.fixture
def base_folder(tmp_path: Path) -> Path:
    """Return a model folder of one linear module of 32 by 32."""
    folder = tmp_path / "base"
    folder.mkdir()
    weights = {f"{QUERY}.weight": numpy.zeros((32, 32), "float32"), f"{QUERY}.bias": numpy.zeros(32, "float32")}
    save_file(weights, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({"model_type": "bert", "hidden_size": 32, "num_hidden_layers": 1}))
    return folder


def lora(folder: Path, d_in: int) -> Path:
    """Write a LoRA adapter of rank 4 for the query module."""
    folder.mkdir()
    prefix = f"base_model.model.bert.{QUERY}"
    random = numpy.random.default_rng(0)
    save_file(
        {
            f"{prefix}.lora_A.weight": random.standard_normal((4, d_in)).astype("float32"),
            f"{prefix}.lora_B.weight": random.standard_normal((32, 4)).astype("float32"),
        },
        folder / "adapter_model.safetensors",
    )
    config = {"peft_type": "LORA", "r": 4, "lora_alpha": 8, "target_modules": ["query"], "task_type": "SEQ_CLS"}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    return folder


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run hubclient in a process of its own that reports which heavy modules it loaded."""
    program = (
        "import sys\nfrom hubclient.cli import main\n"
        "try:\n    main(sys.argv[1:])\nfinally:\n"
        "    print([name for name in ('torch', 'transformers') if name in sys.modules], file=sys.stderr)\n"
    )
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=60)


def test_an_adapter_that_fits_is_accepted_without_torch(base_folder: Path, tmp_path: Path):
    ended = run("check", lora(tmp_path / "adapter", 32), "--base", base_folder, "--json")
    report = json.loads(ended.stdout)
    assert (ended.returncode, report["verdict"]) == (0, "accepted")
    assert (report["facts"]["method"], report["facts"]["rank"]) == ("lora", 4)
    assert report["facts"]["base"]["checked_tensors"] == 2
    assert ended.stderr.splitlines()[-1] == "[]"


def test_an_adapter_for_another_shape_is_refused_with_tensor_and_shapes(base_folder: Path, tmp_path: Path):
    ended = run("check", lora(tmp_path / "adapter", 64), "--base", base_folder, "--json")
    report = json.loads(ended.stdout)
    assert (ended.returncode, report["verdict"]) == (1, "refused")
    finding = next(each for each in report["findings"] if each["severity"] == "error")
    assert QUERY in finding["tensor"]
    assert finding["expected"] != finding["received"]


def test_check_refuses_a_pickle_as_push_does(tmp_path: Path):
    folder = lora(tmp_path / "adapter", 32)
    (folder / "adapter_model.bin").write_bytes(b"\x80\x04N.")
    with pytest.raises(RefusedError) as caught:
        check_folder(folder)
    assert caught.value.code == "pickle_refused"


def test_a_base_folder_tells_config_and_shapes_and_no_weights(base_folder: Path):
    found = read_base_folder(base_folder)
    assert found.shapes == {f"{QUERY}.weight": [32, 32], f"{QUERY}.bias": [32]}
    assert found.config is not None
    assert found.config["model_type"] == "bert"


def test_a_folder_that_is_no_model_is_wrong_usage(tmp_path: Path):
    with pytest.raises(UsageError) as caught:
        read_base_folder(tmp_path)
    assert caught.value.code == "base_not_found"


def test_a_table_once_fetched_serves_offline_and_when_the_hub_is_away(base_folder: Path, tmp_path: Path):
    from kernels.formats.base_shapes import BaseShapes

    table = BaseShapes.from_safetensors_folder(base_folder, id="org/base").as_dict()
    asked: list[tuple[str, str | None]] = []

    def fetch(base_id: str, revision: str | None) -> dict[str, Any]:
        asked.append((base_id, revision))
        return {"table": table}

    def away(base_id: str, revision: str | None) -> dict[str, Any]:
        raise NetworkError("away")

    tables = ShapeTables(tmp_path / "cache", "https://hub.example")
    assert tables.load("org/base@v1", fetch).as_dict() == table
    assert asked == [("org/base", "v1")]
    assert tables.load("org/base@v1", None).as_dict() == tables.load("org/base@v1", away).as_dict() == table
    with pytest.raises(UsageError) as caught:
        tables.load("org/other", None)
    assert caught.value.code == "base_not_cached"
    with pytest.raises(NetworkError):
        tables.load("org/other", away)
    with pytest.raises(UsageError):
        ShapeTables(tmp_path / "cache", "https://other.example").load("org/base@v1", None)


def test_without_the_kernels_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr("hubclient.own_kernels._is_ours", lambda package: False)
    with pytest.raises(UsageError) as caught:
        check_folder(lora(tmp_path / "adapter", 32))
    assert (caught.value.code, caught.value.hint) == ("extra_missing", "pip install 'hubclient[check]'")
