"""Exit codes, the JSON forms, plain lines where there is no terminal, and a help that answers at once."""

from __future__ import annotations

import io
import json
import resource
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from hubclient.cli import main
from hubclient.config import Config, resolve_token
from hubclient.output import clean
from tests.unit.hubclient.small_hub import SmallHub

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture
def run(small_hub: SmallHub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Return a function that runs one command and returns exit code, standard output and standard error."""
    monkeypatch.setenv("HUB_URL", small_hub.url)
    monkeypatch.setenv("HUB_TOKEN", "hub_right")
    monkeypatch.setattr("time.sleep", lambda seconds: None)

    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main([str(each) for each in arguments])
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    return call


def test_0_done_and_the_last_line_loads_the_adapter(run, small_hub: SmallHub, tmp_path: Path):
    small_hub.blobs = {"adapter_config.json": b"{}", "adapter_model.safetensors": b"x"}
    code, out, _ = run("pull", "team/one", "--dest", tmp_path / "dest")
    assert code == 0
    assert out.splitlines()[-1].endswith(f"PeftModel.from_pretrained(base_model, {str(tmp_path / 'dest')!r})")


def test_a_relative_destination_is_written_so_that_no_library_takes_it_for_an_id(
    run, small_hub: SmallHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    small_hub.blobs = {"adapter_config.json": b"{}", "adapter_model.safetensors": b"x"}
    _, out, _ = run("pull", "team/one")
    assert out.splitlines()[-1].endswith("(base_model, './one')")


def test_1_refused_and_it_ends_with_finding_tensor_and_both_shapes(run, small_hub: SmallHub, adapter: Path):
    small_hub.revision_state = "invalid"
    finding = {"code": "shape_mismatch", "severity": "error", "message": "Wrong.", "hint": "Look.",
               "tensor": "layer.0.lora_A", "expected": [4, 64], "received": [4, 32]}  # fmt: skip
    small_hub.report = {"verdict": "refused", "findings": [finding]}
    code, out, err = run("push", adapter, "team/one")
    assert code == 1
    assert out == ""
    tail = err.splitlines()[-5:]
    assert tail[0] == "error: shape_mismatch: Wrong."
    assert [line.split() for line in tail[2:]] == [
        ["tensor", "layer.0.lora_A"], ["expected", "(4,", "64)"], ["received", "(4,", "32)"],
    ]  # fmt: skip


def test_2_wrong_usage(run, tmp_path: Path):
    assert run("pull", "no-namespace")[0] == 2
    assert run("push", tmp_path / "absent", "team/one")[0] == 2
    assert run("push")[0] == 2
    assert run("yank", "team/one", "--reason", "x")[0] == 2


def test_3_network(run, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HUB_URL", "http://127.0.0.1:9")
    code, _, err = run("whoami")
    assert code == 3
    assert "127.0.0.1:9" in err


def test_3_a_mistake_of_the_hub_names_the_request_for_whoever_runs_it(run, small_hub: SmallHub):
    said = {"code": "internal_error", "detail": "a mistake of the hub", "request_id": "7f3a"}
    small_hub.mistakes["GET /whoami"] = said
    code, _, err = run("whoami")
    assert code == 3
    assert "request   7f3a" in err
    assert json.loads(run("whoami", "--json")[1])["error"] == said


def test_4_not_permitted_with_code_detail_and_hint(run, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HUB_TOKEN", "hub_wrong")
    code, _, err = run("whoami")
    assert code == 4
    assert err.splitlines() == ["error: token_invalid: The token is not known.", "  hint      hubclient login"]


def test_5_integrity(run, small_hub: SmallHub, tmp_path: Path):
    small_hub.blobs, small_hub.promised = {"a.json": b"{}"}, {"a.json": "0" * 64}
    assert run("pull", "team/one", "--dest", tmp_path / "dest")[0] == 5


def test_json_is_one_document_also_for_an_error(run, adapter: Path, tmp_path: Path):
    code, out, err = run("push", adapter, "team/one", "--json")
    assert (code, err) == (0, "")
    pushed = json.loads(out)
    assert {"adapter", "version", "commit_id", "state", "is_unchanged", "skipped", "job", "revision"} == set(pushed)
    code, out, err = run("info", "team/absent", "--json")
    assert (code, err) == (1, "")
    assert json.loads(out)["error"]["code"] == "not_found"


def test_progress_is_plain_lines_on_standard_error_without_a_terminal(run, adapter: Path):
    _, out, err = run("push", adapter, "team/one")
    assert "\x1b" not in out + err
    assert "Sending 3.5 kB of 3.5 kB" in err
    assert out.startswith("team/one@0.1.0 is valid and waits for review")


def test_nothing_is_asked_where_there_is_no_terminal(run, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("hub_right\n"))
    code, _, err = run("login")
    assert code == 2
    assert "not_a_terminal" in err


def test_a_table_without_a_terminal_is_one_line_a_row_parted_by_tabs(run, small_hub: SmallHub):
    code, out, _ = run("search", "one", "--language", "en")
    assert (code, out) == (0, "team/one\t0.1.0\tgpt2\tlora\t8\tner\tone tab\ufffd[2J\n")
    assert small_hub.asked("GET", "^/adapters")[0][1] == "/adapters?q=one&language=en&limit=20"


def test_login_keeps_the_token_privately_and_for_one_hub(run, small_hub: SmallHub, home: Path):
    assert run("login", "--token", "hub_right")[0] == 0
    kept = home / "config.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert list(Config.load().tokens.values()) == ["hub_right"]
    assert run("logout")[0] == 0
    assert Config.load().tokens == {}


def test_a_kept_token_is_not_used_for_another_hub(run, small_hub: SmallHub, monkeypatch: pytest.MonkeyPatch):
    run("login", "--token", "hub_right")
    monkeypatch.delenv("HUB_TOKEN")
    assert resolve_token(small_hub.url) == "hub_right"
    assert resolve_token("http://127.0.0.1:1") is None


def test_text_of_others_cannot_steer_the_terminal():
    assert "\x1b" not in clean("\x1b]0;title\x07 and \x1b[2J")
    assert "\u202e" not in clean("abc\u202etxt")


def test_help_answers_at_once_and_loads_nothing_heavy():
    heavy = ("torch", "numpy", "httpx", "transformers", "peft", "rich.progress", "kernels", "adapterkernels")
    program = (
        "import sys\nfrom hubclient.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit as ended:\n    assert not ended.code\n"
        f"print([name for name in {heavy!r} if name in sys.modules], file=sys.stderr)\n"
    )
    seconds = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        ended = subprocess.run(
            [sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=True, timeout=60
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        assert ended.stderr.strip() == "[]"
        assert "push" in ended.stdout
    # Time of the processor, of which a shared core still makes twice as much. Usual here: 0.2.
    assert min(seconds) < 0.6, f"--help took {seconds}"
