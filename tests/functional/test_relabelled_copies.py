"""A real adapter under another name, in other factors and half precision: who is told what, from the outside."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.functional.conftest import PASSWORD, People
from tests.functional.hub_process import REPOSITORY, Api, HubProcess
from tests.functional.test_push_then_pull import client_environment, run_client

WEIGHTS = "adapter_model.safetensors"
SECRET = "stranger/secret-court"
COPY = "team/brand-new"


@pytest.fixture(scope="module")
def original(lora: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter of this file alone: the one that PEFT trained, with every output moved by one place."""
    folder = tmp_path_factory.mktemp("original") / "adapter"
    shutil.copytree(lora, folder)
    tensors = load_file(folder / WEIGHTS)
    moved = {name: value.roll(1, 0) if "lora_B" in name else value for name, value in tensors.items()}
    save_file({name: value.contiguous() for name, value in moved.items()}, folder / WEIGHTS)
    return folder


@pytest.fixture(scope="module")
def disguised(original: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The adapter with every pair factorised anew, twice as strong, in half precision, with another card."""
    folder = tmp_path_factory.mktemp("disguised") / "adapter"
    shutil.copytree(original, folder)
    torch.manual_seed(3)
    tensors = load_file(folder / WEIGHTS)
    for name in [name for name in tensors if name.endswith("lora_A.weight")]:
        other = name.replace("lora_A", "lora_B")
        gauge = torch.linalg.qr(torch.randn(len(tensors[name]), len(tensors[name])))[0] * torch.linspace(
            1, 2, len(tensors[name])
        )
        tensors[name] = torch.linalg.solve(gauge, tensors[name])
        tensors[other] = 2 * tensors[other] @ gauge
    save_file({name: value.half().contiguous() for name, value in tensors.items()}, folder / WEIGHTS)
    (folder / "README.md").write_text("# Brand new\n\nTrained from nothing.\n")
    return folder


@pytest.fixture(scope="module")
def copy(hub: HubProcess, people: People, base_model: str, original: Path, disguised: Path) -> str:
    """Commit of the disguised copy, which waits for review; the original is somebody else's and private."""
    run_client(
        hub,
        people.stranger,
        "push",
        str(original),
        SECRET,
        "--base",
        base_model,
        "--version",
        "1.0.0",
        "--private",
        "--wait",
    )
    pushed = run_client(
        hub, people.pusher, "push", str(disguised), COPY, "--base", base_model, "--version", "1.0.0", "--wait"
    )
    return str(pushed["revision"]["commit_id"] if "revision" in pushed else pushed["commit_id"])


def review_page(hub: HubProcess, username: str, commit: str) -> str:
    """The review page as this person's browser shows it."""
    import re

    import httpx

    with httpx.Client(base_url=hub.url, follow_redirects=True) as browser:
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', browser.get("/login/").text)
        assert token
        body = {"username": username, "password": PASSWORD, "csrfmiddlewaretoken": token[1]}
        browser.post("/login/", data=body, headers={"Referer": f"{hub.url}/login/"})
        answer = browser.get(f"/review/{COPY}/{commit}/")
        assert answer.status_code == 200, answer.text
        return answer.text


def test_the_reviewer_is_told_that_it_is_a_copy_and_not_of_what(hub: HubProcess, people: People, copy: str):
    text = review_page(hub, "reviewer", copy)
    assert "These weights are on the hub already" in text
    assert "An adapter that you may not see holds the same weights." in text
    assert "stranger" not in text
    assert "secret-court" not in text
    told = people.reviewer("GET", f"/adapters/{COPY}/revisions/{copy}/copies", expect=200)
    assert (told["copies"], told["has_hidden_copy"]) == ([], True)
    assert "stranger" not in json.dumps(told)


def test_the_author_is_told_nothing_and_an_administrator_everything(hub: HubProcess, people: People, copy: str):
    people.pusher("GET", f"/adapters/{COPY}/revisions/{copy}/copies", expect=403)
    told = people.admin("GET", f"/adapters/{COPY}/revisions/{copy}/copies", expect=200)
    [row] = told["copies"]
    assert (row["revision"]["adapter"], row["likeness"]) == (SECRET, "copy")
    assert row["cosine"] > 0.999
    assert row["norm_ratio"] == pytest.approx(0.5, rel=0.01)


def test_once_it_may_be_seen_everybody_sees_that_they_are_near(hub: HubProcess, people: People, copy: str):
    anybody = Api(hub.url)
    before = run_client(hub, people.pusher, "similar", f"{COPY}@{copy}")
    assert before["similar"] == []
    people.stranger("PATCH", f"/adapters/{SECRET}", json={"visibility": "public"}, expect=200)
    assert SECRET in review_page(hub, "reviewer", copy)
    found = run_client(hub, people.pusher, "similar", f"{COPY}@{copy}")
    assert [row["revision"]["adapter"] for row in found["similar"]] == [SECRET]
    # The copy itself is not published: the owner of the original does not learn of it from outside.
    assert COPY not in json.dumps(anybody("GET", f"/adapters/{SECRET}/similar", expect=200))


def test_the_command_line_says_it_in_words(hub: HubProcess, people: People, copy: str):
    done = subprocess.run(
        [sys.executable, "-m", "hubclient", "similar", f"{COPY}@{copy}"],
        cwd=REPOSITORY,
        env=client_environment(hub, people.pusher),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[0].split("\t")[:2] == [f"{SECRET}@1.0.0", "copy"]
