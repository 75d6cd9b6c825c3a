"""Evaluation sets made to do harm: each gets an answer with a reason, and nothing of them stays."""

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from catalog.adapters.models import Blob
from catalog.evaluations.models import SetRevision
from tests.unit.catalog.evaluating import MANIFEST, ROWS, json_lines
from tests.unit.catalog.factories import make_namespace, make_user
from tests.unit.hub.calling import API, assert_error, client_of

pytestmark = pytest.mark.django_db
GOOD = json_lines(ROWS)
DEEP = 700


@pytest.fixture
def client():
    owner = make_user("owner")
    make_namespace(owner)
    client = client_of(owner)
    assert client.post(f"{API}/evaluation-sets", {"namespace": "lab", "name": "mood"}).status_code == 201
    return client


def send(client, manifest: object, *files: SimpleUploadedFile, **more):
    text = manifest if isinstance(manifest, str) else json.dumps(manifest)
    body = {"manifest": text, **{f"test{n or ''}": file for n, file in enumerate(files)}, **more}
    return client.post(f"{API}/evaluation-sets/lab/mood/revisions", body, format="multipart")


def rows(data: bytes, name: str = "test.jsonl") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, data)


MANIFESTS = {
    "nested options": '{"harness": "generation", "metric": "bleu", "options": {"until": '
    + "[" * DEEP
    + "]" * DEEP
    + "}}",
    "nested without end": "[" * 100_000,
    "a number of a million digits": '{"harness": ' + "9" * 1_000_000 + "}",
    "a manifest of a megabyte": {**MANIFEST, "template": "x" * (1 << 20)},
    "labels without end": {**MANIFEST, "labels": [str(n) for n in range(20_000)]},
    "a column named by a list": {**MANIFEST, "columns": {"text": ["text"]}},
    "a metric that is a path": {**MANIFEST, "metric": "../../etc/passwd"},
    "a harness that is a class": {**MANIFEST, "harness": "__class__"},
    "half a surrogate as a label": json.dumps(MANIFEST).replace("negative", "\\ud800"),
    "NUL as a column": {**MANIFEST, "columns": {"text": "te\0xt"}},
    "not an object": [MANIFEST],
    "null": "null",
}


@pytest.mark.parametrize("manifest", MANIFESTS.values(), ids=MANIFESTS)
def test_a_hostile_manifest_is_refused(client, manifest):
    answer = send(client, manifest, rows(GOOD))
    assert answer.status_code in (400, 413, 422), answer.content[:300]
    assert_error(answer, answer.status_code, answer.json()["code"])
    assert not SetRevision.objects.exists()
    assert not Blob.objects.exists()


ROWS_OF_HARM = {
    "half a surrogate as a label": (b'{"text": "x", "label": "\\ud800"}\n', "rows_malformed"),
    "a NUL in a label": (b'{"text": "x", "label": "a\\u0000"}\n', "rows_malformed"),
    "a label of a million signs": (b'{"text": "x", "label": "%s"}\n' % (b"a" * 900_000), "rows_malformed"),
    "a label that is an object": (b'{"text": "x", "label": {"a": 1}}\n', "rows_malformed"),
    "a number of many digits": (b'{"text": "x", "label": %s}\n' % (b"9" * 4000), "rows_malformed"),
    "not a number": (b'{"text": "x", "label": NaN}\n', "rows_malformed"),
    "a row without end": (b'{"text": "' + b"x" * (2 << 20), "set_too_large"),
    "bytes that are no text": (b"\xff\xfe\x00\x01\n", "rows_malformed"),
    "a pickle": (b"\x80\x04\x95\x10\x00.\n", "rows_malformed"),
    "nested without end": (b"[" * 200_000 + b"\n", "rows_malformed"),
    "a key repeated": (b'{"text": "x", "label": "a", "label": null}\n', "columns_missing"),
}


@pytest.mark.parametrize(("data", "code"), ROWS_OF_HARM.values(), ids=ROWS_OF_HARM)
def test_hostile_rows_are_refused(client, data, code):
    answer = send(client, {**MANIFEST, "labels": []}, rows(data + GOOD))
    assert_error(answer, 413 if code == "set_too_large" else 422, code)
    assert not Blob.objects.exists()


def test_a_row_that_is_deep_and_unused_does_no_harm(client):
    deep = b'{"text": "x", "label": "positive", "more": ' + b"[" * DEEP + b"]" * DEEP + b"}\n"
    assert send(client, MANIFEST, rows(deep + GOOD)).status_code == 201


@pytest.mark.parametrize(
    "name", ["../../up.jsonl", "/etc/passwd.jsonl", "a\0b.jsonl", ".hidden.jsonl", "CON.jsonl", "x"]
)
def test_a_file_name_names_no_place(client, name):
    answer = send(client, MANIFEST, rows(GOOD, name))
    assert answer.status_code in (201, 400, 422), answer.content
    if answer.status_code == 201:
        [file] = answer.json()["files"]
        assert "/" not in file["path"]
        assert ".." not in file["path"]


def test_too_many_files_and_fields_are_refused(client):
    assert_error(send(client, MANIFEST, *(rows(GOOD) for _ in range(9))), 413, "too_large")
    assert_error(send(client, MANIFEST, *(rows(GOOD) for _ in range(120))), 400, "invalid_input")
    many = {f"field{n}": "x" for n in range(1500)}
    assert_error(send(client, MANIFEST, rows(GOOD), **many), 400, "invalid_input")
    assert not Blob.objects.exists()


def test_a_form_that_is_cut_short_is_refused(client):
    path = f"{API}/evaluation-sets/lab/mood/revisions"
    for body, kind in [
        (b"--x\r\nContent-Disp", "multipart/form-data; boundary=x"),
        (b"anything", "multipart/form-data"),
        (b"", "multipart/form-data; boundary=x"),
        (b"--x\r\nContent-Disposition: form-data; name=manifest\r\n\r\n{", "multipart/form-data; boundary=x"),
    ]:
        answer = client.generic("POST", path, body, content_type=kind)
        assert_error(answer, 400, "invalid_input")
