"""The files of an upload: plain paths, one weights file, no code, and no pickle is ever opened."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from kernels.formats.inspection import inspect_folder
from tests.unit.kernels.cases import codes, inspect

CONFIG = {"peft_type": "LORA", "r": 2, "lora_alpha": 2, "target_modules": ["q"]}


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    """A folder with a good LoRA."""
    stem = "base_model.model.layers.0.q"
    tensors = {f"{stem}.lora_A.weight": np.ones((2, 4), "f4"), f"{stem}.lora_B.weight": np.ones((4, 2), "f4")}
    save_file(tensors, tmp_path / "adapter_model.safetensors")
    (tmp_path / "adapter_config.json").write_text(json.dumps(CONFIG), "utf-8")
    return tmp_path


class _Canary:
    """Unpickling this creates a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (str(self.path), "w")


def _pickled(canary: Path) -> bytes:
    return pickle.dumps(_Canary(canary))


def _zipped(canary: Path) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", _pickled(canary))
    return buffer.getvalue()


@pytest.mark.parametrize(
    "name", ["adapter_model.bin", "x.pt", "x.pth", "x.ckpt", "x.pkl", "training_args.bin", "sub/OPTIMIZER.PT"]
)
def test_a_pickle_by_name_is_refused_and_safetensors_named(name: str, adapter: Path) -> None:
    canary = adapter / "canary"
    (adapter / "sub").mkdir()
    (adapter / name).write_bytes(_pickled(canary))
    result = inspect(adapter)
    finding = next(row for row in result.findings if row.code == "pickle_refused")
    assert (result.verdict, finding.file, canary.exists()) == ("refused", name, False)
    assert "safetensors" in finding.hint


@pytest.mark.parametrize("name", ["weights.safetensors", "tokenizer.json", "notes.txt", "tokenizer.model", "LICENSE"])
@pytest.mark.parametrize("kind", ["pickle", "zip"])
def test_a_pickle_under_another_name_is_refused(name: str, kind: str, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    path = tmp_path / "upload"
    path.write_bytes(_pickled(canary) if kind == "pickle" else _zipped(canary))
    result = inspect_folder({name: path})
    assert "pickle_refused" in codes(result)
    assert not canary.exists()


def test_a_pickle_alone_is_refused_with_the_missing_weights(adapter: Path) -> None:
    (adapter / "adapter_model.safetensors").rename(adapter / "adapter_model.bin")
    result = inspect(adapter)
    assert codes(result) == {"pickle_refused", "weights_missing"}
    assert result.facts["base"]["confirmed"] is None


@pytest.mark.parametrize("name", ["modeling_evil.py", "run.sh", "lib.so", "a.exe", "sub/hook.js"])
def test_code_is_refused(name: str, adapter: Path) -> None:
    (adapter / "sub").mkdir()
    (adapter / name).write_bytes(b"print(1)")
    assert codes(inspect(adapter)) == {"code_refused"}


@pytest.mark.parametrize(
    "name",
    [
        "../x.json",
        "/etc/x.json",
        "a\\b.json",
        "a//b.json",
        "./a.json",
        "a\0.json",
        "C:x.json",
        "x/../y.json",
        " a.json",
    ],
)
def test_a_path_that_is_not_plain_is_refused(name: str, adapter: Path) -> None:
    result = inspect_folder(
        {name: adapter / "adapter_config.json", "adapter_model.safetensors": adapter / "adapter_model.safetensors"}
    )
    assert "path_refused" in codes(result)


def test_cards_licences_tokenizers_and_pictures_pass(adapter: Path) -> None:
    for name in (
        "README.md",
        "LICENSE",
        "tokenizer.json",
        "tokenizer.model",
        "merges.txt",
        "chat_template.jinja",
        "a.yaml",
    ):
        (adapter / name).write_text("text", "utf-8")
    (adapter / "loss.png").write_bytes(b"\x89PNG")
    result = inspect(adapter)
    assert (result.verdict, result.findings) == ("accepted", [])


def test_a_file_of_no_known_kind_is_a_warning(adapter: Path) -> None:
    (adapter / "events.out.tfevents").write_bytes(b"x")
    assert codes(inspect(adapter), "warning") == {"file_kind_unknown"}


def test_two_weights_files_are_ambiguous(adapter: Path) -> None:
    (adapter / "other.safetensors").write_bytes((adapter / "adapter_model.safetensors").read_bytes())
    assert codes(inspect(adapter)) == {"weights_ambiguous"}


def test_peft_tensors_without_a_configuration_are_refused(adapter: Path) -> None:
    (adapter / "adapter_config.json").unlink()
    assert codes(inspect(adapter)) == {"config_missing"}


def test_progress_ends_at_one_and_never_falls(adapter: Path) -> None:
    seen: list[float] = []
    inspect(adapter, progress=lambda share, note: seen.append(share))
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


def test_claims_of_the_uploader_are_compared_with_card_and_config(adapter: Path) -> None:
    (adapter / "adapter_config.json").write_text(json.dumps(CONFIG | {"task_type": "CAUSAL_LM"}), "utf-8")
    claims = {
        "task": "token-classification", "license": "mit", "languages": ["en"],
        "card": {"license": "apache-2.0", "language": "en", "base_model": "org/other"},
    }  # fmt: skip
    rows = inspect(adapter, declared_base="org/base", claims=claims).disagreements
    assert {(row["fact"], row["source"]) for row in rows} == {
        ("task", "uploader"), ("license", "card"), ("base_model", "card"),
    }  # fmt: skip
