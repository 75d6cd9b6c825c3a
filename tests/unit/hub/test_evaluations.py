"""Sets and evaluations over HTTP: from a form of rows to a score with every answer."""

import json
from functools import partial

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from catalog.adapters.models import Blob
from catalog.evaluations.models import Evaluation, EvaluationSet
from catalog.evaluations.recording import record_results
from catalog.jobs.models import Job
from storage import StorageError
from storage.local import LocalBlobStore
from tests.unit.catalog.evaluating import LABELS, MANIFEST, ROWS, classifier, json_lines, make_set, measured_row
from tests.unit.catalog.factories import make_base, make_namespace, make_user, together
from tests.unit.hub.calling import API, assert_error, client_of

pytestmark = pytest.mark.django_db
SETS = f"{API}/evaluation-sets"


@pytest.fixture
def owner():
    """The owner of ``lab``."""
    owner = make_user("owner")
    make_namespace(owner)
    return owner


@pytest.fixture
def base(owner):
    return make_base(owner)


def form(files: dict[str, bytes], suffix: str = ".jsonl", **manifest):
    sent = {split: SimpleUploadedFile(f"{split}{suffix}", data) for split, data in files.items()}
    return {"manifest": json.dumps({**MANIFEST, **manifest}), **sent}


def add(client, files: dict[str, bytes], name: str = "lab/mood", suffix: str = ".jsonl", **manifest):
    body = form(files, suffix, **manifest)
    return client.post(f"{SETS}/{name}/revisions", body, format="multipart")


def make(client, name: str = "mood", **body):
    return client.post(SETS, {"namespace": "lab", "name": name, **body})


def ask(client, *adapters: str, on: str = "lab/mood", **settings):
    body = {"adapters": list(adapters), "evaluation_set": on, "settings": settings}
    return client.post(f"{API}/evaluations", body)


def test_from_rows_to_a_score(owner, base):
    client = client_of(owner)
    assert make(client).status_code == 201
    added = add(client, {"test": json_lines(ROWS), "train": json_lines(ROWS[:4])})
    assert added.status_code == 201, added.content
    shown = added.json()
    assert (shown["reference"], shown["rows"], shown["labels"]) == ("lab/mood@1", 6, LABELS)
    assert (shown["license"], shown["languages"]) == ("CC-BY-4.0", ["de"])
    assert len(shown["digest"]) == 64
    file = client_of(None).get(f"{SETS}/lab/mood/revisions/1/files/test")
    assert b"".join(file.streaming_content) == json_lines(ROWS)
    classifier(owner, base, version="1.0.0")
    answer = ask(client, "lab/ner@1.0.0", seed=3)
    assert answer.status_code == 202, answer.content
    [asked, of_base] = answer.json()["evaluations"]
    [job] = answer.json()["jobs"]
    assert (asked["adapter"], asked["version"], asked["state"], asked["job"]) == (
        "lab/ner",
        "1.0.0",
        "waiting",
        job["id"],
    )
    assert (of_base["adapter"], of_base["cause"], of_base["settings"]["with_probe"]) == (None, "baseline", True)
    assert (job["kind"], job["queue"]) == ("evaluate", "gpu")
    rows = [measured_row(row, 0.75) for row in Evaluation.objects.all()]
    result = record_results(Job.objects.get(pk=job["id"]), {"versions": {"torch": "2.1"}, "results": rows})
    assert (result["measured"], result["failed"]) == (2, 0)
    seen = client_of(None).get(f"{API}/evaluations/{asked['id']}").json()
    assert (seen["state"], seen["score"], seen["score_low"], seen["versions"]) == (
        "measured",
        0.75,
        0.65,
        {"torch": "2.1"},
    )
    assert (seen["settings"]["seed"], seen["job"]) == (3, None)
    answers = client_of(None).get(f"{API}/evaluations/{asked['id']}/predictions").json()
    assert answers["columns"]["right"] == [1, 1, 1, 0, 0, 0]
    assert answers["digest"] == seen["predictions_digest"]
    listed = client_of(None).get(f"{API}/evaluations?adapter=lab/ner@1.0.0&set=lab/mood@1&state=measured").json()
    assert [row["id"] for row in listed["results"]] == [asked["id"]]


def test_what_is_refused_leaves_nothing_behind(owner, settings):
    settings.HUB_MAX_SET_BYTES, settings.HUB_MAX_SET_ROWS = 2000, 8
    client = client_of(owner)
    make(client)
    rows = json_lines(ROWS)
    refusals = [
        (add(client, {"test": b""}), 422, "set_empty"),
        (add(client, {"test": b"\n \n"}), 422, "set_empty"),
        (add(client, {"test": b"text,label\n"}, suffix=".csv"), 422, "set_empty"),
        (add(client, {"test": rows}, columns={"text": "sentence"}), 422, "columns_missing"),
        (add(client, {"test": rows + b'{"text": "no label"}\n'}), 422, "columns_missing"),
        (add(client, {"test": rows}, labels=["good", "bad"]), 422, "labels_do_not_fit"),
        (add(client, {"test": json_lines(ROWS[:1])}, labels=[]), 422, "labels_do_not_fit"),
        (add(client, {"test": rows * 2}), 413, "set_too_large"),
        (add(client, {"test": json_lines([{"text": "x" * 2000, "label": "positive"}])}), 413, "set_too_large"),
        (add(client, {"test": b"x" * (1 << 20)}), 413, "set_too_large"),
        (add(client, {"test": b"[1, 2]\n"}), 422, "rows_malformed"),
        (add(client, {"test": b'{"text": \n'}), 422, "rows_malformed"),
        (add(client, {"test": b"[" * 900 + b"\n"}), 422, "rows_malformed"),
        (add(client, {"test": b"text,label\n\xff\xfe,positive\n"}, suffix=".csv"), 422, "rows_malformed"),
        (add(client, {"test": b"text,label\na,positive,more\n"}, suffix=".csv"), 422, "rows_malformed"),
        (add(client, {"test": rows}, suffix=".txt"), 422, "rows_malformed"),
        (add(client, {"test": rows}, suffix=".pkl"), 422, "pickle_refused"),
        (add(client, {"test": rows}, metric="beauty"), 422, "metric_unknown"),
        (add(client, {"test": rows}, harness="guessing"), 400, "invalid_input"),
        (add(client, {"test": rows}, is_hiden=True), 400, "unknown_field"),
        (add(client, {"test": rows}, columns=["text"]), 400, "invalid_input"),
        (add(client, {"train": rows}), 400, "invalid_input"),
        (add(client, {"test": rows, "Test 2": rows}), 400, "invalid_input"),
        (client.post(f"{SETS}/lab/mood/revisions", {"manifest": "{"}, format="multipart"), 400, "invalid_input"),
        (client.post(f"{SETS}/lab/mood/revisions", {}, format="multipart"), 400, "invalid_input"),
        (client.post(f"{SETS}/lab/mood/revisions", {"x": "y"}, format="multipart"), 400, "unknown_field"),
        (client.post(f"{SETS}/lab/mood/revisions", {}, format="json"), 415, "unsupported_media_type"),
    ]
    for response, status, code in refusals:
        assert_error(response, status, code)
    assert client.get(f"{SETS}/lab/mood").json()["revision"] is None
    assert not Blob.objects.exists()


def test_the_same_rows_are_the_same_revision_and_hidden_stays_hidden(owner):
    client = client_of(owner)
    make(client)
    files = {"test": json_lines(ROWS)}
    assert [add(client, files).status_code for _ in range(2)] == [201, 200]
    assert add(client, files, metric="macro_f1").json()["number"] == 2
    assert_error(add(client, files, is_hidden=True), 409, "set_exists")
    assert client.get(f"{SETS}/lab/mood").json()["revisions"] == [2, 1]


def test_hidden_rows_leave_by_no_door_for_nobody(owner, base):
    admin = make_user("boss", is_admin=True)
    revision = make_set(owner, is_hidden=True)
    classifier(owner, base, version="1.0.0")
    client = client_of(owner)
    evaluation = Evaluation.objects.get(pk=ask(client, "lab/ner").json()["evaluations"][0]["id"])
    record_results(evaluation.job, {"results": [measured_row(evaluation, 0.5)]})
    file = revision.files.get(split="test")
    for viewer in (client, client_of(admin), client_of(None)):
        assert_error(viewer.get(f"{SETS}/lab/mood/revisions/1/files/test"), 403, "rows_hidden")
        assert_error(viewer.get(f"{SETS}/lab/mood/revisions/1/files/nothing"), 403, "rows_hidden")
        assert_error(viewer.get(f"{API}/evaluations/{evaluation.pk}/predictions"), 403, "rows_hidden")
        assert viewer.get(f"{API}/evaluations/{evaluation.pk}").json()["score"] == 0.5
        shown = viewer.get(f"{SETS}/lab/mood").content
        assert file.blob_id.encode() not in shown
        assert b"words 1" not in shown


def test_single_hidden_rows_are_measured_for_their_keepers_alone(owner, base):
    make_set(owner, is_hidden=True)
    stranger = make_user("stranger")
    classifier(stranger, base, "stranger/probe", version="1.0.0")
    assert_error(ask(client_of(stranger), "stranger/probe", limit=1), 403, "rows_hidden")
    assert not Evaluation.objects.exists()
    whole = ask(client_of(stranger), "stranger/probe")
    assert whole.status_code == 202
    evaluation = Evaluation.objects.get(pk=whole.json()["evaluations"][0]["id"])
    quoting = {"evaluation_id": str(evaluation.pk), "error": {"code": "internal_error", "detail": "bad row: words 1"}}
    record_results(evaluation.job, {"results": [quoting]})
    shown = client_of(stranger).get(f"{API}/evaluations/{evaluation.pk}")
    assert shown.json()["error"]["code"] == "internal_error"
    assert b"words 1" not in shown.content
    assert ask(client_of(owner), "stranger/probe", limit=1).status_code == 202


def test_scores_of_a_private_adapter_look_absent_byte_for_byte(owner, base):
    make_set(owner)
    classifier(owner, base, "lab/secret", version="1.0.0", visibility="private")
    asked, of_base = ask(client_of(owner), "lab/secret").json()["evaluations"]
    absent = "00000000-0000-0000-0000-000000000000"
    for viewer in (client_of(None), client_of(make_user("stranger"))):
        for path in ("", "/predictions"):
            private = viewer.get(f"{API}/evaluations/{asked['id']}{path}")
            assert plain(private) == plain(viewer.get(f"{API}/evaluations/{absent}{path}"))
        private, missing = (viewer.get(f"{API}/evaluations?adapter=lab/{name}") for name in ("secret", "absent"))
        assert plain(private) == plain(missing)
        [seen] = viewer.get(f"{API}/evaluations").json()["results"]
        assert (seen["id"], seen["job"]) == (of_base["id"], None)


def test_a_base_model_with_a_head_needs_none_of_the_adapter(owner, base):
    make_set(owner, files={"test": json_lines(ROWS)})
    headless = classifier(owner, base, "lab/headless")
    headless.facts = {**headless.facts, "heads": []}
    headless.save()
    assert_error(ask(client_of(owner), "lab/headless"), 422, "no_head")
    base.architecture = "BertForSequenceClassification"
    base.save()
    asked, of_base = ask(client_of(owner), "lab/headless").json()["evaluations"]
    assert (asked["adapter"], of_base["adapter"], of_base["settings"]["with_probe"]) == ("lab/headless", None, False)


def test_a_store_that_is_away_leaves_no_revision(owner, monkeypatch):
    client = client_of(owner)
    make(client)

    def away(*given, **named):
        raise StorageError("storage_unavailable", "no answer")

    monkeypatch.setattr(LocalBlobStore, "promote", away)
    assert_error(add(client, {"test": json_lines(ROWS)}), 503, "storage_unavailable")
    assert client.get(f"{SETS}/lab/mood").json()["revisions"] == []
    monkeypatch.undo()
    assert add(client, {"test": json_lines(ROWS)}).status_code == 201


@pytest.mark.django_db(transaction=True)
def test_the_same_rows_sent_at_once_by_many_are_one_revision(owner):
    clients = [client_of(owner) for _ in range(4)]
    make(clients[0])
    calls = [partial(add, client, {"test": json_lines(ROWS)}) for client in clients]
    other = partial(add, client_of(owner), {"test": json_lines(ROWS[:4])})
    answers = together([*calls, other])
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 201, 201]
    assert clients[0].get(f"{SETS}/lab/mood").json()["revisions"] == [2, 1]


def test_a_private_set_and_its_scores_look_absent_byte_for_byte(owner, base):
    stranger = make_user("stranger")
    make_set(owner, "lab/secret", visibility="private")
    classifier(owner, base, version="1.0.0")
    evaluation_id = ask(client_of(owner), "lab/ner", on="lab/secret").json()["evaluations"][0]["id"]
    absent_id = "00000000-0000-0000-0000-000000000000"
    paths = ["", "/revisions", "/revisions/1", "/revisions/1/files/test", "/revisions/7"]
    pairs = [(f"{SETS}/lab/secret{path}", f"{SETS}/lab/absent{path}") for path in paths]
    pairs += [
        (f"{API}/evaluations/{evaluation_id}{path}", f"{API}/evaluations/{absent_id}{path}")
        for path in ("", "/predictions")
    ]
    pairs.append((f"{API}/evaluations?set=lab/secret", f"{API}/evaluations?set=lab/absent"))
    for viewer in (client_of(None), client_of(stranger)):
        for private, absent in pairs:
            assert plain(viewer.get(private)) == plain(viewer.get(absent)), private
        assert viewer.get(SETS).json()["count"] == 0
        assert viewer.get(f"{API}/evaluations").json()["count"] == 0
        assert viewer.get(f"{API}/evaluations?adapter=lab/ner").json()["count"] == 0
    writer = client_of(stranger)
    assert plain(ask(writer, "lab/ner", on="lab/secret")) == plain(ask(writer, "lab/ner", on="lab/absent"))
    private, absent = (f"{API}/evaluations/{found}/rerun" for found in (evaluation_id, absent_id))
    assert plain(writer.post(private)) == plain(writer.post(absent))
    assert plain(add(writer, {"test": json_lines(ROWS)}, "lab/secret")) == plain(
        add(writer, {"test": json_lines(ROWS)}, "lab/absent")
    )
    assert client_of(owner).get(f"{API}/evaluations?set=lab/secret").json()["count"] == 2


def plain(response) -> tuple[int, bytes]:
    """Status and body without what is the caller's own: the name that was asked for, and the request's id."""
    body = response.json()
    body.pop("request_id")
    text = json.dumps(body).replace("secret", "absent")
    for word in text.split():
        if word.count("-") == 4:
            text = text.replace(word, "ID")
    return response.status_code, text.encode()


@pytest.mark.parametrize("adapter", ["lab/hidden", "lab/ner@9.9.9", "nobody/x"])
def test_an_adapter_that_one_cannot_see_is_not_found(owner, base, adapter):
    make_set(owner)
    stranger = make_user("stranger")
    classifier(owner, base, "lab/hidden", visibility="private")
    classifier(owner, base, version="1.0.0")
    assert_error(ask(client_of(stranger), adapter), 404, "not_found")
    assert not Evaluation.objects.exists()


def test_computing_is_for_those_who_write_where_one_of_the_two_lives(owner, base):
    make_set(owner)
    classifier(owner, base, version="1.0.0")
    stranger = make_user("stranger")
    client = client_of(stranger)
    assert_error(ask(client, "lab/ner"), 403, "not_permitted")
    own = make_set(stranger, "stranger/mood")
    assert ask(client, "lab/ner", on=str(own)).status_code == 202
    body = {"base_model": "tiny/llama", "evaluation_set": "lab/mood", "settings": {"with_probe": True}}
    assert_error(client.post(f"{API}/evaluations", body), 403, "not_permitted")
    assert client_of(owner).post(f"{API}/evaluations", body).status_code == 202
    assert_error(client_of(None).post(f"{API}/evaluations", body), 401, "token_missing")
    assert_error(client_of(owner, ["read"]).post(f"{API}/evaluations", body), 403, "scope_missing")


def test_what_cannot_be_measured_is_refused_before_a_job_exists(owner, base):
    client = client_of(owner)
    make_set(owner)
    make_set(owner, "lab/bare", files={"test": json_lines(ROWS)})
    text = {"harness": "generation", "metric": "bleu", "columns": {"prompt": "text", "reference": "label"}}
    make_set(owner, "lab/writing", labels=[], **text)
    EvaluationSet.objects.create(namespace=EvaluationSet.objects.all()[0].namespace, name="empty")
    classifier(owner, base, "lab/three", rows=3)
    classifier(owner, base, "lab/two")
    headless = classifier(owner, base, "lab/headless")
    headless.facts = {**headless.facts, "heads": []}
    headless.save()
    jobs = Job.objects.count()
    refusals = [
        (ask(client, "lab/three"), 422, "labels_do_not_fit"),
        (ask(client, "lab/two", "lab/three"), 422, "labels_do_not_fit"),
        (ask(client, "lab/headless"), 422, "no_head"),
        (ask(client, "lab/headless", on="lab/bare", with_probe=True), 422, "no_head"),
        (ask(client, "lab/two", on="lab/writing"), 422, "harness_mismatch"),
        (ask(client, "lab/two", on="lab/mood@2"), 404, "set_not_found"),
        (ask(client, "lab/two", on="lab/empty"), 404, "set_not_found"),
        (ask(client, "lab/two", on="lab/mood@x"), 400, "invalid_input"),
        (ask(client, "lab/two", on="mood"), 400, "invalid_name"),
        (ask(client, "lab/two", speed=1), 400, "unknown_field"),
        (ask(client, "lab/two", seed=-1), 400, "invalid_input"),
        (ask(client, "lab/two", limit=True), 400, "invalid_input"),
        (ask(client), 400, "invalid_input"),
    ]
    for response, status, code in refusals:
        assert_error(response, status, code)
    assert (Evaluation.objects.count(), Job.objects.count()) == (0, jobs)
    assert ask(client, "lab/headless", with_probe=True).status_code == 202


def test_a_rerun_keeps_the_settings_the_batches_and_the_first_score(owner, base):
    make_set(owner)
    classifier(owner, base, version="1.0.0")
    client = client_of(owner)
    first = Evaluation.objects.get(pk=ask(client, "lab/ner", seed=7, limit=4).json()["evaluations"][0]["id"])
    again = client.post(f"{API}/evaluations/{first.pk}/rerun")
    assert [row["id"] for row in again.json()["evaluations"]] == [str(first.pk)]
    record_results(first.job, {"results": [measured_row(row, 0.5) for row in Evaluation.objects.all()]})
    again = client.post(f"{API}/evaluations/{first.pk}/rerun")
    assert again.status_code == 202
    [second] = again.json()["evaluations"]
    assert second["id"] != str(first.pk)
    assert second["settings"] == first.settings | {"batch_size": 8}
    job = again.json()["jobs"][0]["id"]
    assert client.post(f"{API}/jobs/{job}/cancel").status_code == 200
    first.refresh_from_db()
    assert first.score == 0.5
