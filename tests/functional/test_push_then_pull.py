"""The main job, from the outside: push, validate, review, browse, pull, stitch. Read this first.

Everything goes through `hubclient`'s command line, the public HTTP API and the web dashboard of a real hub.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.functional.conftest import PASSWORD, People
from tests.functional.hub_process import REPOSITORY, Api, HubProcess
from tests.functional.real_adapters import logits

NAME = "team/court-language"
STITCH = """
import hashlib, sys
from pathlib import Path
from hubclient import Hub
from tests.functional.real_adapters import logits
base = Path(sys.argv[1])
model = Hub().stitch(base, sys.argv[2])
print(hashlib.sha256(logits(model, base).numpy().tobytes()).hexdigest())
"""


def run_client(hub: HubProcess, api: Api, *arguments: str, status: int = 0) -> Any:
    """`hubclient ... --json` as a new process with nothing but the hub's URL and a token."""
    done = subprocess.run(
        [sys.executable, "-m", "hubclient", *arguments, "--json"],
        cwd=REPOSITORY,
        env=client_environment(hub, api),
        capture_output=True,
        text=True,
    )
    assert done.returncode == status, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return json.loads(done.stdout)


def client_environment(hub: HubProcess, api: Api) -> dict[str, str]:
    """What a CI job sets."""
    home = {"HOME": str(hub.data_dir / "home"), "XDG_CACHE_HOME": str(hub.data_dir / "cache")}
    return {**os.environ, **home, "HUB_URL": hub.url, "HUB_TOKEN": api.token, "HF_HUB_OFFLINE": "1"}


@pytest.fixture(scope="module")
def pushed(hub: HubProcess, people: People, base_model: str, lora: Path) -> dict[str, Any]:
    """What `hubclient push --wait` answers."""
    answer: dict[str, Any] = run_client(
        hub, people.pusher, "push", str(lora), NAME, "--base", base_model, "--version", "1.0.0", "--task",
        "language-identification", "--language", "de", "--language", "fr", "--license", "Apache-2.0", "--tag", "court",
        "--summary", "Tells which language a court decision is in", "--wait",
    )  # fmt: skip
    return answer


@pytest.fixture(scope="module")
def published(hub: HubProcess, people: People, pushed: dict[str, Any]) -> dict[str, Any]:
    """The same after a reviewer approved it in the web dashboard."""
    commit_id = people.pusher("GET", "/adapters/team/court-language/revisions", expect=200)["results"][0]["commit_id"]
    approve_in_dashboard(hub, "reviewer", f"/review/{NAME}/{commit_id}/")
    adapter: dict[str, Any] = people.stranger("GET", f"/adapters/{NAME}", expect=200)
    return adapter


def approve_in_dashboard(hub: HubProcess, username: str, page: str) -> None:
    """Sign in with the form, open the review page, press approve."""
    with httpx.Client(base_url=hub.url, follow_redirects=True) as browser:
        login = {"username": username, "password": PASSWORD, "csrfmiddlewaretoken": csrf_of(browser.get("/login/"))}
        assert browser.post("/login/", data=login).status_code == 200
        opened = browser.get(page)
        assert opened.status_code == 200, opened.text[:500]
        decision = {"decision": "approve", "reason": "", "csrfmiddlewaretoken": csrf_of(opened)}
        decided = browser.post(page, data=decision, headers={"Referer": f"{hub.url}{page}"})
        assert decided.status_code == 200, decided.text[:500]


def csrf_of(page: httpx.Response) -> str:
    """The form's token."""
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
    assert found, page.text[:500]
    return found.group(1)


def test_validation_types_the_adapter_from_its_file(people: People, pushed: dict[str, Any]) -> None:
    revision = people.pusher("GET", f"/adapters/{NAME}/revisions", expect=200)["results"][0]
    facts = revision["facts"]
    assert revision["state"] == "pending"
    assert (facts["method"], facts["rank"], facts["alpha"], facts["scaling"]) == ("lora", 8, 16, 2.0)
    assert facts["target_modules"] == ["query", "value"]
    assert facts["layers"] == [0, 1, 2, 3, 4, 5]
    assert [head["module"] for head in facts["heads"]] == ["classifier"]
    assert facts["base"]["confirmed"] is True
    assert revision["report"]["verdict"] == "accepted"


def test_a_pending_revision_is_not_public(people: People, pushed: dict[str, Any]) -> None:
    if people.pusher("GET", f"/adapters/{NAME}/revisions", expect=200)["results"][0]["state"] == "pending":
        assert people.stranger("GET", f"/adapters/{NAME}").status_code == 404


def test_review_in_the_dashboard_publishes(published: dict[str, Any]) -> None:
    assert published["default_version"] == "1.0.0"
    assert published["revision"]["state"] == "published"
    assert published["revision"]["review"]["reviewer"] == "reviewer"
    assert published["revision"]["license"] == "Apache-2.0"


@pytest.mark.parametrize(
    "query",
    [
        {"q": "court"},
        {"base": "all-MiniLM-L6-v2"},
        {"method": "lora", "rank_max": 8},
        {"language": "de"},
        {"tag": "court"},
    ],
)
def test_everybody_finds_it(hub: HubProcess, published: dict[str, Any], query: dict[str, Any]) -> None:
    found = Api(hub.url)("GET", "/adapters", params=query, expect=200)
    assert NAME in [entry["full_name"] for entry in found["results"]]
    page = httpx.get(f"{hub.url}/search", params=query)
    assert page.status_code == 200
    assert NAME in page.text


def test_the_client_finds_and_describes_it(hub: HubProcess, people: People, published: dict[str, Any]) -> None:
    assert NAME in json.dumps(run_client(hub, people.stranger, "search", "court"))
    assert "1.0.0" in json.dumps(run_client(hub, people.stranger, "info", NAME))


def test_pull_brings_home_the_same_bytes(
    hub: HubProcess, people: People, published: dict[str, Any], lora: Path, tmp_path: Path
) -> None:
    run_client(hub, people.stranger, "pull", f"{NAME}@1.0.0", "--dest", str(tmp_path / "home"))
    for name in ("adapter_model.safetensors", "adapter_config.json", "README.md"):
        assert (tmp_path / "home" / name).read_bytes() == (lora / name).read_bytes()


def test_peft_loads_what_was_pulled_and_the_logits_are_the_same_bit_for_bit(
    hub: HubProcess, people: People, published: dict[str, Any], lora: Path, minilm: Path, tmp_path: Path
) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForSequenceClassification

    run_client(hub, people.stranger, "pull", NAME, "--dest", str(tmp_path / "home"))

    def loaded(folder: Path) -> Any:
        torch.manual_seed(0)
        plain = AutoModelForSequenceClassification.from_pretrained(minilm, num_labels=4, local_files_only=True)
        return PeftModel.from_pretrained(plain, str(folder))

    assert torch.equal(logits(loaded(tmp_path / "home"), minilm), logits(loaded(lora), minilm))


def test_stitch_in_a_new_process_gives_the_trained_model(
    hub: HubProcess, people: People, published: dict[str, Any], lora: Path, minilm: Path, tmp_path: Path
) -> None:
    """The new process gets the hub's URL, a token and the base model; the training folder is gone."""
    import hashlib

    from peft import PeftModel
    from transformers import AutoModelForSequenceClassification

    plain = AutoModelForSequenceClassification.from_pretrained(minilm, num_labels=4, local_files_only=True)
    expected = hashlib.sha256(logits(PeftModel.from_pretrained(plain, str(lora)), minilm).numpy().tobytes()).hexdigest()
    away = shutil.move(lora, tmp_path / "away")
    try:
        done = subprocess.run(
            [sys.executable, "-c", STITCH, str(minilm), f"{NAME}@1.0.0"],
            cwd=REPOSITORY, env=client_environment(hub, people.stranger), capture_output=True, text=True,
        )  # fmt: skip
    finally:
        shutil.move(away, lora)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-1] == expected


def test_the_adapter_page_shows_it_to_everybody(hub: HubProcess, published: dict[str, Any]) -> None:
    page = httpx.get(f"{hub.url}/{NAME}")
    assert page.status_code == 200
    for text in ("1.0.0", "Apache-2.0", "LoRA", published["revision"]["files"][0]["sha256"][:12]):
        assert text in page.text


def test_ci_pushing_the_same_files_again_is_no_error(
    hub: HubProcess, people: People, published: dict[str, Any], base_model: str, lora: Path
) -> None:
    again = run_client(
        hub, people.pusher, "push", str(lora), NAME, "--base", base_model, "--version", "1.0.0", "--wait"
    )
    assert published["revision"]["commit_id"] in json.dumps(again)
