"""Compressed pulls from a hub that answers for real: the basis once, then coefficients, an ordinary LoRA on disk."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from catalog.accounts.tokens import issue_token
from hubclient import Hub
from hubclient.cli import main
from hubclient.compressed_plan import CompressedPlan
from hubclient.errors import ConflictError, IntegrityError, UnsafePathError, UsageError
from kernels.lowrank_io import load_updates
from tests.unit.catalog.factories import PROJECTION, make_user
from tests.unit.catalog.fixtures import sent, store  # noqa: F401  (fixtures, found by name)
from tests.unit.hubclient.compressed_family import HEAD, CompressedFamily, damage, make_compressed_family


@pytest.fixture
def films(live_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CompressedFamily:
    """The family on a running hub, and its owner's token in the environment."""
    made = make_compressed_family(make_user("owner"), tmp_path / "pushed")
    monkeypatch.setenv("HUB_URL", live_server.url)
    monkeypatch.setenv("HUB_TOKEN", issue_token(made.owner, name="ci", scopes=["read", "write"]).secret)
    monkeypatch.chdir(tmp_path)
    return made


@pytest.fixture
def run(films: CompressedFamily, capsys: pytest.CaptureFixture[str]):
    """A function that runs one command and returns exit code, standard output and standard error."""

    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    return call


def test_the_folder_is_an_ordinary_lora_with_its_head_and_its_other_files(films: CompressedFamily) -> None:
    with Hub() as hub:
        result = hub.pull_compressed(films.names[0], "here")
    updates = load_updates("here")
    pushed = films.update(0).dense()
    assert torch.allclose(updates[PROJECTION].dense(), pushed, atol=1e-5 * float(pushed.norm()))
    assert torch.equal(load_file("here/adapter_model.safetensors")[HEAD], torch.zeros(2, 16))
    config = json.loads(Path("here/adapter_config.json").read_text())
    assert (config["base_model_name_or_path"], config["modules_to_save"]) == ("tiny/llama", ["score"])
    assert Path("here/README.md").read_bytes() == (films.folder / "0" / "README.md").read_bytes()
    assert (result.form, result.member.adapter) == ("lora", "lab/film-0")


def test_the_basis_is_fetched_once_for_all_its_members(films: CompressedFamily) -> None:
    with Hub() as hub:
        first = hub.pull_compressed(films.names[0], "first")
        second = hub.pull_compressed(films.names[1], "second")
    assert first.transferred_bytes == first.plan.basis.size_bytes + first.member.size_bytes
    assert second.transferred_bytes <= second.member.size_bytes


def test_a_folder_that_holds_just_that_is_left_as_it_is(films: CompressedFamily) -> None:
    with Hub() as hub:
        hub.pull_compressed(films.names[0], "here")
        written = Path("here/adapter_model.safetensors").stat().st_mtime_ns
        assert hub.pull_compressed(films.names[0], "here").transferred_bytes == 0
        assert Path("here/adapter_model.safetensors").stat().st_mtime_ns == written
        with pytest.raises(UsageError) as refused:
            hub.pull_compressed(films.names[1], "here")
        assert refused.value.code == "destination_occupied"
        hub.pull_compressed(films.names[1], "here", is_forced=True)
    assert json.loads(Path("here/compressed.json").read_text())["adapter"] == "lab/film-1"


def test_a_file_that_was_changed_is_noticed_and_not_written_over(films: CompressedFamily) -> None:
    with Hub() as hub:
        hub.pull_compressed(films.names[0], "here")
        Path("here/adapter_config.json").write_text("{}")
        with pytest.raises(UsageError, match="holds something else"):
            hub.pull_compressed(films.names[0], "here")


def test_the_compressed_form_can_be_kept_and_expanded_later(films: CompressedFamily, run: Any) -> None:
    code, out, err = run("pull", films.names[0], "--compressed", "--keep-compressed", "--dest", "kept")
    assert code == 0, err
    assert sorted(path.name for path in Path("kept").iterdir()) == [
        "README.md",
        "basis.safetensors",
        "coefficients.safetensors",
        "compressed.json",
    ]
    assert "hubclient family expand kept DIR" in out
    code, out, err = run("family", "expand", "kept", "made")
    assert (code, "PeftModel.from_pretrained" in out) == (0, True), err
    pushed = films.update(0).dense()
    assert torch.allclose(load_updates("made")[PROJECTION].dense(), pushed, atol=1e-5 * float(pushed.norm()))


def test_a_folder_without_the_compressed_form_cannot_be_expanded(films: CompressedFamily, run: Any) -> None:
    Path("plain").mkdir()
    code, _, err = run("family", "expand", "plain", "made")
    assert (code, "--keep-compressed" in err) == (2, True)


def test_a_member_on_no_basis_is_pulled_as_it_is_with_the_reason(films: CompressedFamily, run: Any) -> None:
    with Hub() as hub, pytest.raises(ConflictError) as refused:
        hub.pull_compressed(films.names[2])
    assert refused.value.code == "not_compressed"
    code, _, err = run("pull", films.names[2], "--compressed", "--dest", "whole")
    assert code == 0
    assert "its error is too large" in err
    pushed = films.folder / "2" / "adapter_model.safetensors"
    assert Path("whole/adapter_model.safetensors").read_bytes() == pushed.read_bytes()


def test_a_family_comes_with_all_its_members(films: CompressedFamily, run: Any) -> None:
    code, out, err = run("pull-family", "lab/films", "--dest", "all", "--json")
    assert code == 0, err
    answer = json.loads(out)
    assert [row["adapter"] for row in answer["compressed"]] == films.names[:2]
    assert [row["adapter"] for row in answer["whole"]] == films.names[2:]
    for place in (0, 1):
        pushed = films.update(place).dense()
        pulled = load_updates(f"all/lab/film-{place}")[PROJECTION].dense()
        assert torch.allclose(pulled, pushed, atol=1e-5 * float(pushed.norm()))
    assert Path("all/lab/film-2/adapter_model.safetensors").is_file()
    everything = answer["basis_bytes"] + sum(row["size_bytes"] for row in answer["compressed"] + answer["whole"])
    assert answer["basis_bytes"] < answer["transferred_bytes"] <= everything


def test_a_pull_says_what_it_saved_and_how_to_load(films: CompressedFamily, run: Any) -> None:
    code, out, err = run("pull", films.names[0], "--compressed")
    assert code == 0, err
    said, load = out.splitlines()
    assert said.startswith("lab/film-0@0.1.0 in film-0 (on lab/films@1, ")
    assert "transferred instead of" in said
    assert load == "from peft import PeftModel; model = PeftModel.from_pretrained(base_model, './film-0')"


def test_bytes_that_are_not_those_promised_leave_no_folder(films: CompressedFamily) -> None:
    assert films.basis.blob is not None
    damage(films.basis.blob)
    with Hub() as hub, pytest.raises(IntegrityError):
        hub.pull_compressed(films.names[0], "here")
    assert not Path("here").exists()


def test_families_are_made_listed_and_shown_from_the_command_line(films: CompressedFamily, run: Any) -> None:
    arguments = ("--base", "tiny/llama", "--rule", "task=films", "--rank", "8", "--dtype", "float16", "--json")
    code, out, err = run("family", "create", "lab/more", *arguments)
    assert code == 0, err
    made = json.loads(out)
    assert (made["rule"], made["options"]) == ({"task": "films"}, {"rank": 8, "dtype": "float16"})
    code, out, _ = run("family", "list", "--base", "tiny/llama")
    assert (code, [line.split("\t")[0] for line in out.splitlines()]) == (0, ["lab/films", "lab/more"])
    code, out, err = run("family", "show", "lab/films")
    assert code == 0, err
    assert "lab/films@1" in out
    assert "uncompressed" in out
    code, out, _ = run("family", "show", "lab/more")
    assert (code, "hubclient compress lab/more" in out) == (0, True)


def test_a_rule_that_is_no_pair_is_wrong_usage(films: CompressedFamily, run: Any) -> None:
    code, _, err = run("family", "create", "lab/more", "--base", "tiny/llama", "--rule", "films")
    assert (code, "KEY=VALUE" in err) == (2, True)


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"family": "../../etc"}, UnsafePathError),
        ({"members": [{}]}, IntegrityError),
        ({"basis": None}, IntegrityError),
        ({"number": "x"}, IntegrityError),
    ],
)
def test_a_plan_that_is_not_sound_is_refused(change: dict[str, Any], kind: type[Exception]) -> None:
    with pytest.raises(kind):
        CompressedPlan.from_answer(_answer() | change)


@pytest.mark.parametrize("path", ["../out", "basis.safetensors", "adapter_config.json", "Compressed.json"])
def test_a_member_cannot_bring_a_file_that_the_client_writes_itself(path: str) -> None:
    answer = _answer()
    answer["members"][0]["files"][0]["path"] = path
    with pytest.raises(UnsafePathError):
        CompressedPlan.from_answer(answer)


def _answer() -> dict[str, Any]:
    file = {"sha256": "a" * 64, "size_bytes": 1, "url": "http://hub/x"}
    member = {
        "adapter": "team/one",
        "version": None,
        "commit_id": "c" * 40,
        "state": "compressed",
        "relative_squared_error": 0.1,
        "original_bytes": 9,
        "coefficients": file,
        "files": [file | {"path": "README.md"}],
    }
    return {
        "family": "team/f",
        "number": 1,
        "method": "jd_full",
        "base_model": None,
        "basis": file,
        "members": [member],
    }
