"""A file is served as bytes: never shown inline, with ETag, Range and HEAD."""

import hashlib

import pytest

from catalog.search.models import DownloadCount
from tests.unit.catalog.factories import make_namespace, make_user, publish
from tests.unit.hub.calling import API, assert_error, client_of

pytestmark = pytest.mark.django_db
DATA = bytes(range(256)) * 40
URL = f"{API}/adapters/lab/ner/files/1.0.0/notes.txt"
ETAG = f'"{hashlib.sha256(DATA).hexdigest()}"'
SIZE = len(DATA)


@pytest.fixture
def client():
    """An anonymous caller; ``lab/ner@1.0.0`` holds notes.txt, page.html, empty.txt and a weights file."""
    owner = make_user("owner")
    make_namespace(owner)
    files = {"notes.txt": DATA, "empty.txt": b"", "sub/page.html": b"<script>1</script>", "w.safetensors": b"12345678"}
    publish(owner, files, version="1.0.0")
    return client_of(None)


def body_of(response) -> bytes:
    return b"".join(response.streaming_content) if response.streaming else response.content


@pytest.mark.parametrize("ref", ["1.0.0", "main"])
def test_the_whole_file(client, ref):
    response = client.get(URL.replace("1.0.0", ref))
    assert (response.status_code, body_of(response)) == (200, DATA)
    assert (response["ETag"], response["Content-Length"], response["Accept-Ranges"]) == (ETAG, str(SIZE), "bytes")


def test_a_page_among_the_files_is_downloaded_and_not_shown(client):
    response = client.get(f"{API}/adapters/lab/ner/files/1.0.0/sub/page.html")
    assert response["Content-Type"] == "application/octet-stream"
    assert response["Content-Disposition"] == 'attachment; filename="page.html"'
    assert response["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("tag", [ETAG, f"W/{ETAG}", f'"other", {ETAG}', "*"])
def test_what_the_caller_has_already_is_not_sent_again(client, tag):
    response = client.get(URL, HTTP_IF_NONE_MATCH=tag)
    assert (response.status_code, body_of(response), response["ETag"]) == (304, b"", ETAG)


@pytest.mark.parametrize("tag", ['"other"', ETAG.strip('"'), ""])
def test_another_tag_gets_the_file(client, tag):
    assert client.get(URL, HTTP_IF_NONE_MATCH=tag).status_code == 200


@pytest.mark.parametrize(
    ("header", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-99", 0, 100),
        ("bytes=100-199", 100, 200),
        ("bytes=100-", 100, SIZE),
        ("bytes=-7", SIZE - 7, SIZE),
        ("bytes=-999999999", 0, SIZE),
        ("bytes=0-999999999", 0, SIZE),
        (f"bytes={SIZE - 1}-", SIZE - 1, SIZE),
    ],
)
def test_one_range(client, header, start, end):
    response = client.get(URL, HTTP_RANGE=header)
    assert (response.status_code, body_of(response)) == (206, DATA[start:end])
    assert response["Content-Range"] == f"bytes {start}-{end - 1}/{SIZE}"
    assert response["Content-Length"] == str(end - start)


@pytest.mark.parametrize("header", [f"bytes={SIZE}-", f"bytes={SIZE + 5}-{SIZE + 9}", "bytes=-0"])
def test_a_range_beyond_the_end_cannot_be_met(client, header):
    response = client.get(URL, HTTP_RANGE=header)
    assert_error(response, 416, "range_not_satisfiable")
    assert response["Content-Range"] == f"bytes */{SIZE}"


@pytest.mark.parametrize(
    "header",
    ["bytes=0-1,5-9", "items=0-5", "bytes=", "bytes=-", "bytes=a-b", "bytes=5-2", "0-5", f"bytes={'9' * 5000}-"],
)
def test_a_range_of_another_form_is_ignored(client, header):
    response = client.get(URL, HTTP_RANGE=header)
    assert (response.status_code, len(body_of(response))) == (200, SIZE)


@pytest.mark.parametrize(("tag", "status"), [(ETAG, 206), ('"older"', 200)])
def test_a_resumed_download_gets_the_rest_only_of_the_same_file(client, tag, status):
    assert client.get(URL, HTTP_RANGE="bytes=5-", HTTP_IF_RANGE=tag).status_code == status


@pytest.mark.parametrize(("headers", "status", "length"), [({}, 200, SIZE), ({"HTTP_RANGE": "bytes=0-9"}, 206, 10)])
def test_head_answers_the_same_without_the_bytes(client, headers, status, length):
    response = client.head(URL, **headers)
    assert (response.status_code, response["Content-Length"], response["ETag"]) == (status, str(length), ETAG)
    assert body_of(response) == b""


def test_an_empty_file(client):
    response = client.get(f"{API}/adapters/lab/ner/files/1.0.0/empty.txt")
    assert (response.status_code, body_of(response), response["Content-Length"]) == (200, b"", "0")


@pytest.mark.parametrize("path", ["absent.txt", "../../../etc/passwd", "..%2f..%2fetc%2fpasswd", "sub", "sub/", "%00"])
def test_only_the_revisions_own_paths_are_served(client, path):
    response = client.get(f"{API}/adapters/lab/ner/files/1.0.0/{path}")
    assert_error(response, 404, "not_found")


@pytest.mark.parametrize("ref", ["1.0.0", "main"])
def test_a_file_is_found_by_one_question_to_the_database(client, django_assert_num_queries, ref):
    with django_assert_num_queries(1):
        client.head(URL.replace("1.0.0", ref))


def test_a_token_costs_one_question_more(client, django_assert_num_queries):
    caller = client_of(make_user("reader"))
    caller.head(URL)
    with django_assert_num_queries(2):
        assert caller.head(URL).status_code == 200


@pytest.mark.parametrize("user", [None, "stranger"])
def test_a_stranger_cannot_tell_a_private_file_from_none(client, user):
    shy = make_user("shy")
    make_namespace(shy, "hidden")
    publish(shy, {"w.safetensors": b"secret"}, "hidden/one", visibility="private", version="1.0.0")
    caller = client_of(make_user(user) if user else None)
    answers = []
    for name in ("hidden/one", "hidden/two"):
        answer = caller.get(f"{API}/adapters/{name}/files/1.0.0/w.safetensors")
        headers = {key: value for key, value in answer.items() if key != "X-Request-ID"}
        content = answer.content.replace(answer["X-Request-ID"].encode(), b"REQUEST")
        answers.append((answer.status_code, headers, content.replace(name.encode(), b"hidden/any")))
    assert answers[0] == answers[1]
    assert answers[0][0] == 404


def test_a_download_counts_once_and_only_for_weights(client):
    url = f"{API}/adapters/lab/ner/files/1.0.0/w.safetensors"
    body_of(client.get(URL))
    client.head(url)
    body_of(client.get(url, HTTP_RANGE="bytes=4-"))
    assert not DownloadCount.objects.exists()
    body_of(client.get(url, HTTP_RANGE="bytes=0-3"))
    body_of(client.get(url))
    assert DownloadCount.objects.get().count == 2
