"""`hubclient merge`, `reduce` and `reproduce` against a hub that answers for real; only the computing is played."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from catalog.accounts.models import User
from catalog.accounts.tokens import issue_token
from catalog.adapters.models import Revision
from catalog.adapters.publication import record_verdict
from catalog.derivations.drafting import abandon_derivation
from catalog.derivations.models import Derivation
from catalog.jobs.models import Job
from catalog.jobs.services import Claim, claim, complete, fail
from hubclient.cli import main
from tests.unit.catalog.deriving import record_merge, store_made
from tests.unit.catalog.factories import ACCEPTED, lora_files, make_base, make_namespace, make_user, publish
from tests.unit.catalog.fixtures import store  # noqa: F401  (a fixture, found by name)
from tests.unit.frontend.test_deriving_pages import SEEN

played: dict[str, Any] = {}
FILES = [{"path": "README.md", "then": "a" * 64, "now": "a" * 64, "is_same": True}]
AGAIN = {"derivation": 1, "is_same": True, "files": FILES, "largest_difference": 0.0, "made_with": {}, "changed": []}


def send(job_id: str, queue: str) -> bool:
    """A job sender that plays the worker: whatever waits in the queue ends at once."""
    while played and (claimed := claim(queue, worker="at-once")) is not None:
        _play(claimed)
    return True


def _play(claimed: Claim) -> None:
    job = claimed.job
    if "error" in played and job.kind == "merge":
        error = played["error"]
        effects = partial(abandon_derivation, job, error)
        fail(claimed, code=error["code"], detail=error["detail"], is_final=True, effects=effects)
    elif job.kind in ("merge", "reduce"):
        receipts = store_made(played["folder"])
        complete(claimed, lambda: _made(job, receipts))
    elif job.kind == "validate_revision":
        complete(claimed, lambda: _validated(job))
    else:
        complete(claimed, lambda: {"preview_merge": SEEN, "reproduce": played.get("again", {})}.get(job.kind, {}))


def _made(job: Job, receipts: dict[str, Any]) -> dict[str, Any]:
    heads = [{"adapter": "team/one@1.0.0", "modules": "classifier", "fate": "kept as it was", "bytes": 8}]
    report = {"relative_error": 0.0123, "weights_bytes": 2000, "heads": heads}
    derivation = record_merge(job, receipts, **report)
    assert derivation.revision is not None
    return {"derivation": derivation.pk, "job": str(derivation.revision.validation_job_id)}


def _validated(job: Job) -> dict[str, Any]:
    record_verdict(Revision.objects.get(pk=job.payload["revision_id"]), inspection=ACCEPTED, base=None)
    return {}


@pytest.fixture
def run(live_server: Any, store: Any, settings: Any, monkeypatch: Any, capsys: Any, tmp_path: Path):  # noqa: F811
    """Return a function that runs one command and returns exit code, standard output and standard error."""
    played.clear()
    writer = make_user("writer")
    make_namespace(writer, "team")
    base = make_base(writer)
    for seed, name in enumerate(("team/one", "team/two")):
        publish(writer, lora_files(seed=seed + 1), name, version="1.0.0")
    Revision.objects.update(base_model=base)
    monkeypatch.setenv("HUB_URL", live_server.url)
    monkeypatch.setenv("HUB_TOKEN", issue_token(User.objects.get(), name="ci", scopes=["read", "write"]).secret)
    settings.HUB_JOB_SENDER = f"{__name__}.send"
    played["folder"] = tmp_path / "made"

    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    return call


def test_a_merge_ends_with_its_draft_its_parents_and_what_became_of_heads(run):
    code, out, err = run("merge", "team/both@2.0.0", "team/one@1.0.0=0.6", "team/two=-1", "--wait")
    assert code == 0, err
    assert out.splitlines() == [
        "draft  team/both@2.0.0 (pending)",
        "from   team/one@1.0.0 x 0.6, team/two@1.0.0 x -1",
        "error  0.0123 of the update's norm",
        "size   2.0 kB",
        "heads: classifier of team/one@1.0.0 kept as it was",
    ]
    assert Derivation.objects.get().recipe["weights"] == [0.6, -1.0]


def test_a_dry_run_shows_norms_pairs_and_what_would_be_refused(run):
    code, out, err = run("merge", "team/both", "team/one", "team/two", "--dry-run")
    assert code == 0, err
    assert "team/ner-de@1.0.0 and team/b@1.0.0\t0.250\t0.125\t0.500" in out
    assert "0.375 of the weighted magnitude" in out
    assert "classifier of team/b@1.0.0" in err
    assert not Derivation.objects.exists()


def test_heads_may_be_named_without_the_version(run):
    Revision.objects.update(facts={"method": "lora", "head_parameters": 8})
    code, _, err = run("merge", "team/both", "team/one@1.0.0", "team/two")
    assert code == 1
    assert "heads_undecided" in err
    code, out, err = run("merge", "team/both", "team/one@1.0.0", "team/two", "--heads", "team/one", "--json")
    assert code == 0, err
    assert json.loads(out)["recipe"]["heads"] == "team/one@1.0.0"


def test_why_a_merge_failed_ends_the_command(run):
    played["error"] = {"code": "changes_nothing", "detail": "every update would be zero", "hint": "raise a weight"}
    code, _, err = run("merge", "team/both", "team/one", "--wait")
    assert code == 1
    assert "changes_nothing" in err
    assert "raise a weight" in err


def test_a_reduction_says_how_in_one_way(run):
    code, _, err = run("reduce", "team/small", "team/one", "--rank", "2", "--bits", "4")
    assert code == 2
    assert "one way" in err
    code, out, err = run("reduce", "team/small", "team/one", "--ranks", "*.layer.0.*=2", "--ranks", "*=1", "--wait")
    assert code == 0, err
    assert "team/small@0.1.0" in out
    recipe = Derivation.objects.get().recipe
    assert (recipe["operation"], recipe["ranks"]) == ("subrank", {"*.layer.0.*": 2, "*": 1})


def test_what_is_made_again_exits_by_whether_it_is_the_same(run):
    run("merge", "team/both", "team/one", "--wait")
    played["again"] = AGAIN
    code, out, err = run("reproduce", "team/both")
    assert code == 0, err
    assert out.splitlines()[-1] == "The same, byte for byte."
    played["again"] = AGAIN | {"is_same": False, "largest_difference": 0.5, "changed": ["torch"]}
    code, out, _ = run("reproduce", "team/both@0.1.0")
    assert code == 1
    assert "Changed since then: torch." in out
    code, _, err = run("reproduce", "team/one")
    assert code == 1
    assert "not computed by this hub" in err


@pytest.mark.parametrize("members", [["team/one=much"], ["nothing"]])
def test_a_member_that_is_none_is_refused_here(run, members):
    assert run("merge", "team/both", *members)[0] == 2
