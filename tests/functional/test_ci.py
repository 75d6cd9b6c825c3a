"""The example CI script, run as a CI job would: push, wait, fail the build when the hub says no."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hubclient import Hub
from tests.functional.conftest import People
from tests.functional.hub_process import REPOSITORY, Api, HubProcess
from tests.functional.real_adapters import TEXTS
from tests.functional.test_bad_input import push, with_weights

SCRIPT = REPOSITORY / "examples" / "ci" / "push.sh"
REPORT = SCRIPT.with_name("report.sh")
LANGUAGES = ["en", "de", "fr", "es"]


def run_script(
    hub: HubProcess, api: Api | None, *arguments: str, base: str = "", script: Path = SCRIPT, **more: str
) -> subprocess.CompletedProcess[str]:
    """The script with a CI's environment: no terminal, no home, two variables and ``more``."""
    tools = Path(sys.executable).parent
    if not (tools / "hubclient").exists():
        pytest.skip("needs hubclient installed beside this Python (make venv does it)")
    home = str(hub.data_dir / "ci-home")
    environment = {
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
        "HOME": home,
        "HUB_URL": hub.url,
        "HUB_BASE": base,
        # The client of this checkout, whatever is installed.
        "PYTHONPATH": str(REPOSITORY),
        **more,
    }
    if api is not None:
        environment["HUB_TOKEN"] = api.token
    return subprocess.run(
        ["sh", str(script), *arguments], env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )


def test_a_good_adapter_passes_the_build(hub: HubProcess, people: People, base_model: str, lora: Path) -> None:
    done = run_script(hub, people.pusher, str(lora), "team/from-ci", "2.0.0", base=base_model)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["state"] == "pending"


def test_a_rejected_adapter_fails_the_build_and_names_tensor_and_shapes(
    hub: HubProcess, people: People, base_model: str, lora: Path, tmp_path: Path
) -> None:
    import numpy as np

    name = "base_model.model.bert.encoder.layer.0.attention.self.value.lora_B.weight"
    files = with_weights(
        {path.name: path.read_bytes() for path in lora.iterdir()},
        tmp_path,
        lambda tensors: tensors.update({name: np.ones((99, 8), dtype=np.float32)}),
    )
    folder = tmp_path / "bad"
    folder.mkdir()
    for path, content in files.items():
        (folder / path).write_bytes(content)
    done = run_script(hub, people.pusher, str(folder), "team/from-ci-bad", base=base_model)
    assert done.returncode == 1
    finding = json.loads(done.stdout)["error"]
    assert (finding["code"], finding["tensor"]) == ("shape_mismatch", name)
    assert "99" in str(finding["received"])
    assert "384" in str(finding["expected"])


def test_without_a_token_nothing_is_tried(hub: HubProcess, lora: Path) -> None:
    assert run_script(hub, None, str(lora), "team/from-ci").returncode == 2


def test_a_bad_token_is_exit_code_four(hub: HubProcess, lora: Path, base_model: str) -> None:
    done = run_script(hub, Api(hub.url, "hub_wrong"), str(lora), "team/from-ci", base=base_model)
    assert done.returncode == 4
    assert json.loads(done.stdout)["error"]["code"] == "token_invalid"


@pytest.fixture(scope="module")
def courts(hub: HubProcess, people: People, tmp_path_factory: pytest.TempPathFactory) -> str:
    """``team/courts``, sent as people send it: what the LoRA was trained on, forty times."""
    folder = tmp_path_factory.mktemp("set") / "courts"
    folder.mkdir()
    manifest = {"harness": "sequence_classification", "metric": "accuracy", "labels": LANGUAGES}
    (folder / "set.json").write_text(json.dumps(manifest))
    rows = [{"text": text, "label": label} for text, label in zip(TEXTS * 10, LANGUAGES * 10, strict=True)]
    (folder / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with Hub(hub.url, people.pusher.token) as client:
        return str(client.add_evaluation_set(folder, "team/courts")["reference"])


@pytest.mark.literature("MUSCLE")
def test_a_version_whose_answers_turned_wrong_fails_the_build_with_a_report(
    hub: HubProcess, people: People, base_model: str, lora: Path, courts: str, tmp_path: Path
) -> None:
    import numpy as np

    def turned(tensors: dict[str, Any]) -> None:
        for name in tensors:
            if "classifier" in name or "score" in name:
                tensors[name] = np.roll(tensors[name], 1, axis=0)

    files = {path.name: path.read_bytes() for path in lora.iterdir()}
    push(people.pusher, "team/judge", files, base=base_model, version="1.0.0")
    first = people.pusher("GET", "/adapters/team/judge/versions/1.0.0", expect=200)["commit_id"]
    path = f"/adapters/team/judge/revisions/{first}/reviews"
    people.reviewer("POST", path, json={"decision": "approve"}, expect=201)
    push(people.pusher, "team/judge", with_weights(files, tmp_path, turned), base=base_model, version="1.1.0")

    report, badge = tmp_path / "report.md", tmp_path / "score.svg"
    arguments = ("team/judge@1.1.0", courts, str(report), str(badge))
    done = run_script(hub, people.pusher, *arguments, script=REPORT, HUB_LARGEST_DROP="0.1")
    text = report.read_text()
    assert done.returncode == 1, done.stderr + text
    assert "| before | `team/judge@1.0.0` | **1.000** |" in text
    assert "| now | `team/judge@1.1.0` | **0.000** |" in text
    assert "Negative flips: **40** of 40 rows" in text
    assert "**Gate: failed.** the score is 1 worse, at most 0.1 is allowed." in text
    assert "courts accuracy" in badge.read_text()
    assert "court decided" not in text

    passed = run_script(hub, people.pusher, *arguments[:3], script=REPORT, HUB_LARGEST_DROP="1")
    assert passed.returncode == 0, passed.stderr
    assert "**Gate: passed.**" in report.read_text()


def test_the_report_script_without_a_token_tries_nothing(hub: HubProcess) -> None:
    assert run_script(hub, None, "team/judge", "team/courts", script=REPORT).returncode == 2
