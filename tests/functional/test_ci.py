"""The example CI script, run as a CI job would: push, wait, fail the build when the hub says no."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.functional.conftest import People
from tests.functional.hub_process import REPOSITORY, Api, HubProcess
from tests.functional.test_bad_input import with_weights

SCRIPT = REPOSITORY / "examples" / "ci" / "push.sh"


def run_script(hub: HubProcess, api: Api | None, *arguments: str, base: str = "") -> subprocess.CompletedProcess[str]:
    """The script with a CI's environment: no terminal, no home, two variables."""
    tools = Path(sys.executable).parent
    if not (tools / "hubclient").exists():
        pytest.skip("needs hubclient installed beside this Python (make venv does it)")
    home = str(hub.data_dir / "ci-home")
    environment = {
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
        "HOME": home,
        "HUB_URL": hub.url,
        "HUB_BASE": base,
    }
    if api is not None:
        environment["HUB_TOKEN"] = api.token
    return subprocess.run(
        ["sh", str(SCRIPT), *arguments], env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL
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
