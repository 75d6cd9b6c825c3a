"""`hubclient why` and `hubclient diff` against a hub that answers for real."""

import json
from typing import Any

import pytest

from catalog.accounts.tokens import issue_token
from hubclient import Hub
from hubclient.cli import main
from tests.unit.catalog.factories import lora_files, make_base, make_namespace, make_user
from tests.unit.catalog.fixtures import sent, store
from tests.unit.catalog.shaping import make_wide_base, published

__all__ = ["sent", "store"]


@pytest.fixture
def run(live_server: Any, monkeypatch: Any, capsys: Any):
    """Return a function that runs one command and returns exit code, standard output and standard error."""
    owner = make_user("owner")
    make_namespace(owner)
    base = make_base(owner)
    make_wide_base(owner)
    published(owner, base, files=lora_files(rank=4), version="1.0.0")
    second = lora_files(rank=8, seed=2) | {"README.md": b"---\nlicense: mit\nlanguage: de\n---\n# A better one\n"}
    published(owner, base, files=second, version="1.1.0")
    monkeypatch.setenv("HUB_URL", live_server.url)
    monkeypatch.setenv("HUB_TOKEN", issue_token(owner, name="ci", scopes=["read"]).secret)

    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    return call


def test_why_names_the_tensor_both_shapes_and_what_it_does_fit(run):
    code, out, err = run("why", "lab/ner@1.1.0", "tiny/wide")
    lines = out.splitlines()
    assert (code, lines[0]) == (0, "lab/ner@1.1.0 does not fit tiny/wide")
    assert lines[1].endswith("needs [8, 32].")
    assert lines[2] == "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight\t8 x 32\t8 x 16"
    assert "It fits tiny/llama" in err
    assert Hub().why("lab/ner", "tiny/llama")["verdict"] == "fits"


def test_why_of_an_unknown_base_model_is_refused(run):
    code, _, err = run("why", "lab/ner", "no/such")
    assert code == 1
    assert "unknown_base_model" in err


def test_diff_shows_facts_files_and_the_card(run):
    code, out, _ = run("diff", "lab/ner", "1.0.0", "1.1.0")
    lines = out.splitlines()
    assert (code, lines[0]) == (0, "lab/ner@1.0.0 -> lab/ner@1.1.0")
    assert "rank\t4\t8" in lines
    assert any(line.startswith("adapter_model.safetensors\tchanged") for line in lines)
    assert [line for line in lines if line.startswith(("-", "+"))] == ["- # An adapter", "+ # A better one"]


def test_diff_as_json_is_the_answer_of_the_hub_and_without_a_second_version_means_the_default_one(run):
    code, out, err = run("diff", "lab/ner", "1.1.0", "--json")
    assert (code, json.loads(out)["is_equal"]) == (0, True)
    code, out, err = run("diff", "lab/ner", "1.1.0")
    assert "Nothing that is compared is different." in err
