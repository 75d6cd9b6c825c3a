"""A path that could mean more than one plain file is refused before any byte is sent, and nothing leaves the store."""

import json
from pathlib import Path

import pytest

from catalog.errors import DomainError
from catalog.uploads.metadata import Metadata
from catalog.uploads.models import Upload
from catalog.uploads.paths import PICKLES, PROGRAMS, check_path
from catalog.uploads.services import AnnouncedFile, open_upload
from kernels.formats.folder import is_plain_path
from tests.unit.catalog.factories import make_namespace, make_user
from tests.unit.hub.calling import API, assert_error, client_of

HOSTILE = [
    "",
    ".",
    "..",
    "../x",
    "a/../x",
    "a/..",
    "/etc/passwd",
    "//x",
    "a//b",
    "a/",
    "./a",
    "a/./b",
    "..\\x",
    "a\\b",
    "C:\\x",
    "C:/x",
    "c:x",
    "\\\\host\\share",
    "file:///x",
    "~/x",
    "$HOME/x",
    "a\0b",
    "a\nb",
    "a\rb",
    "a\tb",
    "a b",
    " a",
    "a ",
    "a.",
    "a./b",
    "%2e%2e/x",
    "%252e%252e%252fx",
    "a%00b",
    "CON",
    "con.txt",
    "a/NUL",
    "aux.json",
    "COM1",
    "lpt9.md",
    "prn",
    "a:stream",
    "a*b",
    "a?b",
    "a|b",
    'a"b',
    "<a>",
    ".hidden",
    ".git/config",
    "a/.ssh",
    ".gitattributes",
    "-rf",
    "--help",
    "x" * 300,
    "a/" * 200 + "b",
    "a/b/c/d/e/f",
    "ａ.txt",
    "é.txt",
    "a\u202etxt.exe",
    "a\u200b.txt",
    "\ufeffa",
    "．．/x",
    "a∕b",
    "\ud800",
]


@pytest.mark.parametrize("path", HOSTILE, ids=ascii)
def test_the_service_refuses_it_by_name(path):
    with pytest.raises(DomainError) as refused:
        check_path(path)
    assert refused.value.code == "path_refused"


@pytest.mark.django_db
@pytest.mark.parametrize("path", HOSTILE, ids=ascii)
def test_the_api_refuses_it_and_keeps_nothing(path, settings):
    owner = make_user("owner")
    make_namespace(owner)
    # Written by hand, because the test client cannot send half of a surrogate pair.
    body = json.dumps({"adapter": "lab/ner", "files": [{"path": path, "size_bytes": 1}]})
    response = client_of(owner).generic("POST", f"{API}/uploads", body, content_type="application/json")
    assert response.status_code in (400, 422), response.content
    assert response.json()["code"] in ("path_refused", "invalid_input")
    assert not Upload.objects.exists()
    assert not Path(settings.HUB_STORAGE_URL).exists()


@pytest.mark.parametrize(
    "path",
    ["a", "a.txt", "a/b/c/d/e.json", "README.md", "model-00001-of-00002.safetensors", "a+b@c=d.txt", "_x", "console"],
)
def test_plain_paths_pass_here_and_in_the_inspection(path):
    check_path(path)
    assert is_plain_path(path)


@pytest.mark.parametrize("suffix", sorted(PICKLES))
@pytest.mark.parametrize("name", ["adapter_model{}", "a/b/x{}", "x.safetensors{}"])
def test_a_pickle_by_its_name_is_refused_unopened(name, suffix):
    for path in (name.format(suffix), name.format(suffix.upper())):
        with pytest.raises(DomainError) as refused:
            check_path(path)
        assert refused.value.code == "pickle_refused"


@pytest.mark.parametrize("suffix", sorted(PROGRAMS))
def test_a_program_is_refused(suffix):
    with pytest.raises(DomainError, match="program"):
        check_path(f"modeling{suffix}")


@pytest.mark.django_db
@pytest.mark.parametrize(
    "adapter",
    ["../x", "lab/..", "lab/../lab", "lab/%2e%2e", "lab/x/y", "/lab/x", "lab\\x", "lab/x\0", "lab/.x", "lab/con/x"],
)
def test_an_adapter_is_named_by_two_plain_words(adapter):
    owner = make_user("owner")
    make_namespace(owner)
    body = {"adapter": adapter, "files": [{"path": "a", "size_bytes": 1}]}
    response = client_of(owner).post(f"{API}/uploads", body)
    assert response.status_code in (400, 404)
    assert response.json()["code"] in ("invalid_name", "not_found", "invalid_input")


@pytest.mark.django_db
@pytest.mark.parametrize(
    "place", ["../../../../etc/passwd", "%2e%2e/%2e%2e/etc/passwd", "..%5c..%5cetc", "a%00", "blobs"]
)
@pytest.mark.parametrize("kind", ["files/main", "files/..", "revisions", "versions"])
def test_no_url_reaches_a_file_of_the_machine(place, kind):
    assert_error(client_of(None).get(f"{API}/adapters/lab/ner/{kind}/{place}"), 404, "not_found")


@pytest.mark.django_db
def test_a_list_of_files_may_not_hold_one_twice_in_another_spelling():
    owner = make_user("owner")
    make_namespace(owner)
    for pair in (("a.txt", "A.TXT"), ("x/a", "X/a"), ("a", "a/b")):
        files = [AnnouncedFile(path, 1) for path in pair]
        with pytest.raises(DomainError):
            open_upload(owner, adapter="lab/ner", files=files, metadata=Metadata())
