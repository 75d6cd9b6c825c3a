"""eval, compare, eval-set and ci-report against a hub that answers for real; only the computing is played."""

import json
from pathlib import Path
from typing import Any

import pytest

from catalog.accounts.models import User
from catalog.accounts.tokens import issue_token
from catalog.reviews.services import decide
from hubclient import Hub
from hubclient.cli import main
from hubclient.errors import JobFailedError, UsageError
from tests.unit.frontend.conftest import catalog, measured, quick_passwords  # noqa: F401  (fixtures, found by name)
from tests.unit.hubclient import measuring_at_once as worker

ROWS = [{"sentence": f"film {at} | `x` <b> @team", "class": "good" if at % 2 else "bad"} for at in range(10)]


@pytest.fixture(autouse=True)
def hub(live_server: Any, measured: Any, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Any:  # noqa: F811
    """The hub of the pages' tests, the writer's token in the environment, and a worker that is done at once."""
    writer = User.objects.get(username="writer")
    monkeypatch.setenv("HUB_URL", live_server.url)
    monkeypatch.setenv("HUB_TOKEN", issue_token(writer, name="ci", scopes=["read", "write"]).secret)
    settings.HUB_JOB_SENDER = "tests.unit.hubclient.measuring_at_once.send"
    worker.shares.clear()
    worker.errors.clear()
    with Hub() as client:
        yield client


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]):
    """Return a function that runs one command and returns exit code, standard output and standard error."""

    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main([str(each) for each in arguments])
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    return call


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A set as a folder."""
    made = tmp_path / "films"
    made.mkdir()
    manifest = {
        "harness": "sequence_classification",
        "metric": "accuracy",
        "columns": {"text": "sentence", "label": "class"},
        "license": "MIT",
        "languages": ["en"],
        "task": "text-classification",
        "summary": "Sentences about films",
        "visibility": "private",
    }
    (made / "set.json").write_text(json.dumps(manifest))
    (made / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return made


def test_a_folder_becomes_a_set_and_the_same_folder_the_same_revision(run, folder):
    code, out, err = run("eval-set", "add", folder, "team/reviews-en")
    assert code == 0, err
    assert out.splitlines()[0] == "team/reviews-en@1: 10 rows, accuracy."
    again = json.loads(run("eval-set", "add", folder, "team/reviews-en", "--json")[1])
    assert (again["number"], again["labels"]) == (1, ["bad", "good"])
    (folder / "test.jsonl").write_text(json.dumps(ROWS[0]) + "\n" + json.dumps(ROWS[1]) + "\n")
    assert run("eval-set", "add", folder, "team/reviews-en")[1].startswith("team/reviews-en@2: 2 rows")
    shown = run("eval-set", "show", "team/reviews-en")[1]
    assert "private" in shown
    assert "revisions   2, 1" in shown
    assert "team/reviews-en@2\tsequence_classification\taccuracy\t2" in run("eval-set", "list", "reviews")[1]


def test_a_row_without_its_column_is_refused_by_the_hub_with_the_row(run, folder):
    (folder / "test.jsonl").write_text('{"sentence": "x"}\n')
    code, _, err = run("eval-set", "add", folder, "team/reviews-en")
    assert code == 1
    assert "columns_missing" in err
    assert "row 1" in err


@pytest.mark.parametrize(
    ("manifest", "code"),
    [(None, "usage"), ('{"files": {"test": "../set.json"}}', "path_refused"), ("[]", "usage"), ("{", "usage")],
)
def test_a_folder_that_is_no_set_is_refused_before_anything_is_sent(hub, folder, manifest, code):
    (folder / "set.json").unlink()
    if manifest is not None:
        (folder / "set.json").write_text(manifest)
    with pytest.raises(UsageError) as refused:
        hub.add_evaluation_set(folder, "team/reviews-en")
    assert refused.value.code == code


def test_eval_waits_and_shows_the_score_with_its_interval(run):
    worker.shares.append(0.9)
    code, out, _ = run("eval", "team/sentiment@1.1.0", "--set", "team/films", "--seed", "7", "--wait")
    assert (code, out.splitlines()[0]) == (0, "team/sentiment@1.1.0 on team/films@1: accuracy 0.9 (0.8 to 1)")


def test_eval_without_wait_names_the_job(run, settings):
    settings.HUB_JOB_SENDER = "tests.unit.catalog.sending.record"
    code, out, _ = run("eval", "team/sentiment@1.1.0", "--set", "team/films", "--seed", "7")
    assert code == 0
    assert "waiting" in out
    assert "hubclient jobs" in out


def test_eval_as_json_is_the_hubs_answer(run):
    worker.shares.append(0.9)
    code, out, err = run(
        "eval", "team/sentiment@1.1.0", "--set", "team/films", "--limit", "20", "--analysis", "--wait", "--json"
    )
    answer = json.loads(out)
    assert (code, err) == (0, "")
    assert answer["evaluations"][0]["score"] == 0.9
    settings = answer["evaluations"][0]["settings"]
    assert (settings["limit"], settings["analysis"], settings["with_probe"]) == (20, True, False)
    assert answer["jobs"][0]["kind"] == "evaluate"


def test_a_second_adapter_acts_too_where_it_is_named(run, catalog):  # noqa: F811
    catalog.push(catalog.writer, "team/german", approve=catalog.owner)
    worker.shares.append(0.9)
    out = run("eval", "team/sentiment@1.1.0", "--with", "team/german", "--set", "team/films", "--wait")[1]
    assert out.splitlines()[0].startswith("team/sentiment@1.1.0 with team/german@1.0.0 on team/films@1: accuracy 0.9")
    code, _, err = run("eval", "team/sentiment@1.1.0", "--with", "team/sentiment@1.0.0", "--set", "team/films")
    assert (code, "companion_does_not_fit" in err) == (1, True)


def test_a_dead_letter_is_acknowledged(run, monkeypatch, measured):  # noqa: F811
    from catalog.jobs.models import Job
    from catalog.jobs.services import submit

    job = submit("describe_base", {}, created_by=User.objects.get(username="writer"))
    Job.objects.filter(pk=job.pk).update(state="failed", is_dead_letter=True)
    assert str(job.pk) in run("jobs", "--dead")[1]
    assert run("jobs", str(job.pk), "--acknowledge", "bad memory")[0] == 4
    User.objects.filter(username="owner").update(is_staff=True)
    secret = issue_token(User.objects.get(username="owner"), name="ci", scopes=["read", "admin"]).secret
    monkeypatch.setenv("HUB_TOKEN", secret)
    assert run("jobs", str(job.pk), "--acknowledge", "bad memory")[0] == 0
    assert str(job.pk) not in run("jobs", "--dead")[1]
    assert run("jobs", "--acknowledge", "x")[0] == 2


def test_an_evaluation_that_fails_ends_with_its_code_and_exit_code_1(run, hub):
    worker.errors.append({"code": "no_head", "detail": "no head for labels", "hint": "Ask for a probe."})
    code, _, err = run("eval", "team/sentiment@1.1.0", "--set", "team/films", "--seed", "8", "--wait")
    assert code == 1
    assert "no_head: no head for labels" in err
    assert "Ask for a probe." in err
    with pytest.raises(JobFailedError) as failed:
        hub.evaluate("team/sentiment@1.1.0", "team/films", seed=9)
    assert (failed.value.code, failed.value.hint) == ("no_head", "Ask for a probe.")


def test_what_cannot_be_measured_is_refused_before_a_job(run):
    code, _, err = run("eval", "team/sentiment@1.1.0", "--set", "team/absent")
    assert code == 1
    assert "set_not_found" in err
    code, _, err = run("eval", "team/reviews", "--set", "team/films", "--wait")
    assert code == 1
    assert "no_head" in err


@pytest.mark.literature("MUSCLE")
def test_compare_shows_flips_and_mcnemars_test(run):
    code, out, _ = run("compare", "team/sentiment@1.0.0", "team/sentiment@1.1.0", "--set", "team/films")
    assert code == 0
    facts = dict(line.split("  ", 1) for line in out.splitlines() if "\t" not in line)
    assert facts["negative"].strip().endswith("rows right before, wrong now")
    assert "(exact binomial)" in facts["p"]
    flipped = [line.split("\t") for line in out.splitlines() if "\t" in line]
    assert flipped[0][1:4] == ["negative", "negative", "positive"]
    document = json.loads(run("compare", "team/sentiment@1.0.0", "team/sentiment", "--set", "team/films", "--json")[1])
    assert document["negative_flips"] == sum(row[1] == "negative" for row in flipped)


def test_compare_without_a_set_puts_adapters_side_by_side(run):
    code, out, err = run("compare", "team/sentiment@1.0.0", "team/sentiment@1.1.0")
    assert code == 0, err
    rows = {line.split("\t")[0]: line.split("\t")[1:] for line in out.splitlines()}
    assert rows["team/films@1 accuracy"][0].startswith("0.8 (0.7 to 0.9)")
    assert "the same: state published" in err
    document = json.loads(run("compare", "team/sentiment@1.0.0", "team/sentiment@1.1.0", "--json")[1])
    assert [row["version"] for row in document["adapters"]] == ["1.0.0", "1.1.0"]


def test_compare_refuses_one_alone_and_three_on_a_set(run):
    assert run("compare", "team/sentiment")[0] == 1
    code, _, err = run("compare", "team/a", "team/b", "team/c", "--set", "team/films")
    assert code == 2
    assert "on a set two compare" in err


def report(run, *arguments):
    return run("ci-report", "team/sentiment@1.2.0", "--set", "team/films", *arguments)


def test_a_ci_report_sets_the_new_version_against_the_published_one(run, tmp_path):
    badge = tmp_path / "score.svg"
    code, out, err = report(run, "--badge", badge)
    assert code == 0, err
    assert out.startswith("### `team/sentiment@1.2.0` on `team/films@1`\n")
    assert "| before | `team/sentiment@1.1.0` | **0.850** | 0.750 to 0.950 |" in out
    assert "| now | `team/sentiment@1.2.0` | **0.700** | 0.600 to 0.800 |" in out
    assert "Negative flips: **" in out
    assert "McNemar's test: p = " in out
    assert "No gate is set" in out
    assert "films accuracy: 0.7 (0.6 to 0.8)" in badge.read_text()


@pytest.mark.literature("MUSCLE")
@pytest.mark.parametrize(
    ("gate", "code", "said"),
    [
        (("--largest-drop", "0.2"), 0, "**Gate: passed.**"),
        (("--largest-drop", "0.1"), 1, "the score is 0.15 worse, at most 0.1 is allowed"),
        (("--most-flips", "0.5"), 0, "**Gate: passed.**"),
        (("--most-flips", "0.01"), 1, "of the rows turned wrong, at most 1.0% may"),
    ],
)
def test_the_gate_decides_the_exit_code(run, gate, code, said):
    ended, out, _ = report(run, *gate)
    assert ended == code
    assert said in out


def test_without_a_gate_of_its_own_the_policies_of_the_namespace_hold(run, measured):  # noqa: F811
    from catalog.evaluations.models import Policy

    found = measured.films.evaluation_set
    Policy.objects.create(namespace=found.namespace, evaluation_set=found, largest_drop=0.05)
    code, out, _ = report(run)
    assert code == 1
    assert "at most 0.05 is allowed" in out


def test_what_has_no_score_yet_is_measured_first(run, catalog):  # noqa: F811
    heads = {"heads": [{"module": "classifier", "tensors": {"weight": [2, 64]}}]}
    catalog.push(catalog.writer, "team/sentiment", "1.3.0", facts=heads)
    worker.shares.append(0.95)
    code, out, _ = run("ci-report", "team/sentiment", "--set", "team/films", "--largest-drop", "0")
    assert code == 0
    assert "| now | `team/sentiment@1.3.0` | **0.950** |" in out


def test_a_report_without_a_version_passes_over_what_was_refused(run, catalog):  # noqa: F811
    heads = {"heads": [{"module": "classifier", "tensors": {"weight": [2, 64]}}]}
    refused = catalog.push(catalog.writer, "team/sentiment", "1.3.0", facts=heads)
    decide(catalog.owner, refused, decision="reject", reason="too large")
    catalog.push(catalog.writer, "team/sentiment", "1.3.0", content="x", report={"verdict": "invalid"})
    code, out, err = run("ci-report", "team/sentiment", "--set", "team/films")
    assert code == 0, err
    assert "| now | `team/sentiment@1.2.0` |" in out


def test_a_report_on_nothing_but_refused_pushes_says_so(run, catalog):  # noqa: F811
    catalog.push(catalog.writer, "team/fresh", "0.1.0", report={"verdict": "invalid"})
    code, _, err = run("ci-report", "team/fresh", "--set", "team/films")
    assert code == 1
    assert "no revision that could be measured" in err


def test_a_set_is_changed_and_withdrawn(run, folder, monkeypatch, measured):  # noqa: F811
    assert run("eval-set", "add", folder, "team/reviews-en")[0] == 0
    changed = run("eval-set", "change", "team/reviews-en", "--visibility", "public", "--summary", "Reviews")[1]
    assert changed == "team/reviews-en is public: Reviews\n"
    assert run("eval-set", "change", "team/reviews-en")[0] == 2
    code, _, err = run("eval-set", "withdraw", "team/reviews-en@1", "--reason", "licence")
    assert (code, "not_permitted" in err) == (4, True)
    owner = issue_token(User.objects.get(username="owner"), name="ci", scopes=["read", "write"]).secret
    monkeypatch.setenv("HUB_TOKEN", owner)
    out = run("eval-set", "withdraw", "team/reviews-en@1", "--reason", "licence")[1]
    assert out.startswith("team/reviews-en@1 is withdrawn on 20")
    assert out.endswith(": licence.\n")
    out = run("eval-set", "withdraw", "team/reviews-en", "--reason", "all of it")[1]
    assert "team/reviews-en is withdrawn on 20" in out
    assert "withdrawn" in run("eval-set", "show", "team/reviews-en")[1]
    assert "reviews-en" not in run("eval-set", "list")[1]


def test_a_first_version_has_nothing_to_be_compared_with(run, catalog):  # noqa: F811
    heads = {"heads": [{"module": "classifier", "tensors": {"weight": [2, 64]}}]}
    catalog.push(catalog.writer, "team/fresh", "0.1.0", facts=heads)
    worker.shares.append(0.6)
    code, out, _ = run("ci-report", "team/fresh", "--set", "team/films", "--largest-drop", "0.1")
    assert code == 0
    assert "There is no published version to compare with." in out
    assert "**0.600**" in out


def test_a_report_tells_rows_only_where_asked_and_they_stay_text(run, hub, folder, catalog):  # noqa: F811
    hub.add_evaluation_set(folder, "team/wild")
    worker.shares += [0.5, 0.8]
    quiet = run("ci-report", "team/sentiment@1.2.0", "--set", "team/wild", "--against", "1.0.0")[1]
    assert "film" not in quiet.replace("team/wild", "")
    out = run("ci-report", "team/sentiment@1.2.0", "--set", "team/wild", "--against", "1.0.0", "--rows", "2")[1]
    rows = [line for line in out.splitlines() if "sentence: film" in line]
    assert len(rows) == 2
    assert all(line.replace("\\|", "").count("|") == 6 for line in rows), rows
    assert "<b>" not in out
    assert "@team" not in out
    assert "1 more." in out


def test_as_json_the_report_holds_evaluation_comparison_gate_and_markdown(run):
    code, out, err = report(run, "--largest-drop", "0.1", "--json")
    document = json.loads(out)
    assert (code, err) == (1, "")
    assert set(document) == {
        "name",
        "evaluation",
        "comparison",
        "size_bytes",
        "size_bytes_before",
        "gate",
        "markdown",
    }
    assert document["gate"]["has_passed"] is False
    assert document["evaluation"]["score"] == 0.7


def test_the_badge_is_an_svg_or_nothing(run, tmp_path):
    assert report(run, "--badge", tmp_path / "score.png")[0] == 2


def test_the_library_evaluates_compares_and_lists(hub):
    worker.shares.append(0.75)
    measured_now = hub.evaluate("team/sentiment@1.1.0", "team/films", seed=3)
    assert (measured_now["score"], measured_now["settings"]["seed"]) == (0.75, 3)
    assert hub.compare("team/sentiment@1.0.0", "team/sentiment@1.1.0", "team/films")["b"]["score"]["value"] == 0.75
    assert hub.leaderboard("team/films")["results"][0]["adapter"] == "team/sentiment"
    assert hub.evaluations(adapter="team/sentiment@1.1.0", limit=1)["results"][0]["id"] == measured_now["id"]
