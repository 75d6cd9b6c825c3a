"""`hubclient uncertainty` against a hub that answers for real; only the computing is played."""

import json
from typing import Any

import pytest

from catalog.accounts.models import User
from catalog.accounts.tokens import issue_token
from catalog.adapters.models import Revision
from catalog.evaluations.uncertainty import record_uncertainty
from catalog.jobs.models import Job
from catalog.jobs.services import claim, complete
from hubclient.cli import main
from tests.unit.catalog.evaluating import make_set
from tests.unit.frontend.conftest import catalog, measured, quick_passwords  # noqa: F401  (fixtures, found by name)

outcome: dict[str, Any] = {}
FOUND = {
    "sigma": 0.02,
    "before": {"accuracy": 0.9, "ece": 0.2, "nll": 0.6},
    "after": {"accuracy": 0.89, "ece": 0.1, "nll": 0.4},
    "used": {},
    "seconds": 3.5,
}


def send(job_id: str, queue: str) -> bool:
    """A job sender that plays the worker: the search ends at once."""
    if outcome and Job.objects.get(pk=job_id).kind == "bayesianise":
        claimed = claim(queue, worker="at-once")
        assert claimed is not None
        complete(claimed, lambda: record_uncertainty(claimed.job, outcome))
    return True


@pytest.fixture
def run(live_server: Any, measured: Any, settings: Any, monkeypatch: Any, capsys: Any):  # noqa: F811
    """Return a function that runs one command and returns exit code, standard output and standard error."""
    writer = User.objects.get(username="writer")
    monkeypatch.setenv("HUB_URL", live_server.url)
    monkeypatch.setenv("HUB_TOKEN", issue_token(writer, name="ci", scopes=["read", "write"]).secret)
    settings.HUB_JOB_SENDER = f"{__name__}.send"
    outcome.clear()
    make_set(User.objects.get(username="owner"), "team/mood")
    for revision in Revision.objects.filter(adapter__name="sentiment"):
        revision.facts = {**revision.facts, "method": "lora"}
        revision.save()

    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["uncertainty", *arguments])
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    return call


def test_it_waits_and_shows_calibration_before_and_after(run):
    outcome.update({"versions": {}, "result": FOUND})
    code, out, err = run("team/sentiment@1.1.0", "--set", "team/mood", "--wait")
    assert code == 0, err
    assert out.splitlines() == [
        "team/sentiment@1.1.0 on team/mood@1: sigma 0.02",
        "  accuracy           0.9 -> 0.89",
        "  calibration error  0.2 -> 0.1",
        "  mean loss          0.6 -> 0.4",
    ]


def test_json_is_the_hubs_answer(run):
    outcome.update({"versions": {}, "result": FOUND})
    code, out, _ = run("team/sentiment", "--set", "team/mood", "--samples", "3", "--measure", "nll", "--wait", "--json")
    answer = json.loads(out)
    assert code == 0
    assert (answer["version"], answer["sigma"], answer["settings"]["samples"]) == ("1.1.0", 0.02, 3)
    assert answer["settings"]["measure"] == "nll"


def test_without_wait_the_job_is_named(run):
    code, out, _ = run("team/sentiment@1.1.0", "--set", "team/mood")
    assert code == 0
    assert "waiting" in out
    assert "hubclient jobs" in out


def test_what_the_search_refused_ends_the_command_with_its_code(run):
    outcome.update({"versions": {}, "error": {"code": "no_tokenizer", "detail": "there is none", "hint": "add one"}})
    code, _, err = run("team/sentiment@1.1.0", "--set", "team/mood", "--wait")
    assert code == 1
    assert "no_tokenizer" in err
    assert "add one" in err


def test_a_set_that_is_not_there_is_refused_at_once(run):
    code, _, err = run("team/sentiment@1.1.0", "--set", "team/nothing", "--wait")
    assert code == 1
    assert "set_not_found" in err
