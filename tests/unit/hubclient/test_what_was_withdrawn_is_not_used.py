"""What the hub took back is used from no cache; lineage, withdrawal, removal and access from the command line."""

import json
from pathlib import Path
from typing import Any

import pytest

from catalog.accounts.models import User
from catalog.accounts.tokens import issue_token
from catalog.adapters.models import Revision
from catalog.jobs.models import Job
from catalog.jobs.services import claim, complete
from catalog.removals.removing import record_removed, remove_bytes
from hubclient import Hub
from hubclient.cli import main
from hubclient.errors import WithdrawnError
from tests.unit.catalog.deriving import publish_merge
from tests.unit.catalog.factories import lora_files, make_namespace, make_user, publish
from tests.unit.catalog.fixtures import store  # noqa: F401  (a fixture, found by name)

pytestmark = pytest.mark.django_db(transaction=True)


def send(job_id: str, queue: str) -> bool:
    """A job sender that plays the worker: a removal is done at once."""
    if Job.objects.get(pk=job_id).kind == "remove":
        while (claimed := claim(queue, worker="at-once")) is not None and claimed.job.kind != "remove":
            continue
        assert claimed is not None
        outcome = remove_bytes(claimed.job, lambda progress, note: None)
        complete(claimed, lambda: record_removed(claimed.job, outcome))
    return True


@pytest.fixture
def owner(settings: Any) -> User:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.HUB_JOB_SENDER = f"{__name__}.send"
    owner = make_user("owner")
    make_namespace(owner)
    return owner


@pytest.fixture
def parent(owner: User, store: Any) -> Revision:  # noqa: F811
    return publish(owner, lora_files(seed=1), "lab/parent", version="1.0.0")


@pytest.fixture
def child(owner: User, parent: Revision, tmp_path: Path) -> Revision:
    other = publish(owner, lora_files(seed=2), "lab/other", version="1.0.0")
    return publish_merge(owner, "lab/child", parent, other, folder=tmp_path)


@pytest.fixture
def token(owner: User) -> str:
    return issue_token(owner, name="ci", scopes=["read", "write"]).secret


@pytest.fixture
def hub(live_server: Any, token: str) -> Any:
    with Hub(live_server.url, token) as hub:
        yield hub


@pytest.fixture
def run(live_server: Any, token: str, monkeypatch: Any, capsys: Any) -> Any:
    """Return a function that runs one command and returns exit code, standard output and standard error."""
    monkeypatch.setenv("HUB_URL", live_server.url)
    monkeypatch.setenv("HUB_TOKEN", token)

    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    return call


def cached(hub: Hub) -> set[str]:
    return {path.name for path in (hub.cache / "blobs" / "sha256").glob("*/*")}


def weights_of(revision: Revision) -> str:
    return dict(revision.files.values_list("path", "blob_id"))["adapter_model.safetensors"]


def test_a_cached_adapter_is_refused_and_forgotten_once_its_parent_was_withdrawn(run, hub, parent, child):
    kept = hub.pull("lab/other")
    folder, weights = hub.pull("lab/child"), weights_of(child)
    assert weights in cached(hub)
    code, out, _ = run("withdraw", "lab/parent@1.0.0", "--reason", "its data may not be used")
    assert code == 0
    assert "lab/child@0.1.0" in out
    for name in ("lab/child", "lab/child@0.1.0", f"lab/child@{child.commit_id}"):
        with pytest.raises(WithdrawnError, match="its data may not be used"):
            hub.pull(name)
    assert weights not in cached(hub)
    assert not folder.exists()
    assert hub.pull("lab/other") == kept, "the configuration that both had is still there"
    code, out, err = run("pull", "lab/child")
    assert (code, out) == (1, "")
    assert "its data may not be used" in err


def test_the_cache_is_asked_about_as_a_whole_and_a_folder_of_ones_own_is_left(run, hub, parent, tmp_path):
    hub.pull("lab/parent")
    mine = hub.pull("lab/parent", tmp_path / "mine")
    assert run("cache", "check")[:2] == (0, "Nothing here was withdrawn.\n")
    hub.call("POST", "/adapters/lab/parent/withdraw", json={"reason": "wrong labels"})
    code, out, _ = run("cache", "check", "--keep", "--json")
    assert code == 1
    assert {line["reason"] for line in json.loads(out)["withdrawn"]} == {"wrong labels"}
    assert weights_of(parent) in cached(hub)
    code, out, _ = run("cache", "check")
    assert code == 0
    assert "wrong labels" in out
    assert cached(hub) == set()
    assert run("cache", "check", str(mine))[0] == 1
    assert (mine / "adapter_model.safetensors").is_file()


def test_lineage_in_words_and_as_json(run, hub, child):
    code, out, _ = run("lineage", "lab/child@0.1.0")
    assert code == 0
    assert "lab/parent@1.0.0" in out
    assert "merge" in out
    code, out, _ = run("lineage", "lab/parent", "--json")
    assert [row["adapter"] for row in json.loads(out)["descendants"]] == ["lab/child"]


def test_a_removal_is_shown_first_and_done_when_it_is_meant(run, hub, parent, child, store):  # noqa: F811
    code, out, err = run("remove", "lab/parent", "--reason", "its author asks for it")
    assert code == 2
    assert "lab/child@0.1.0" in out
    assert "--yes" in err
    assert hub.resolve("lab/child").version == "0.1.0"
    digests = {weights_of(parent), weights_of(child)}
    code, out, err = run("remove", "lab/parent", "--reason", "its author asks for it", "--yes")
    assert code == 0, err
    assert not [digest for digest in digests if store.has(digest)]
    assert "deleted" in out
    assert "fewer than two of its parents are left" in out
    (row,) = json.loads(run("removals", "--json")[1])["results"]
    assert row["receipt"]["digest"] in run("removals", row["id"])[1]
    with pytest.raises(WithdrawnError) as refusal:
        hub.pull("lab/child@0.1.0")
    assert refusal.value.code == "removed"


def test_access_is_given_listed_and_taken_back(run, live_server, owner):
    publish(owner, lora_files(seed=5), "lab/private", visibility="private")
    with Hub(live_server.url, issue_token(make_user("ada"), name="ci", scopes=["read"]).secret) as ada:
        code, out, _ = run("access", "grant", "lab/private", "--user", "ada", "--days", "30", "--note", "trial")
        assert code == 0
        assert "ada may see lab/private until" in out
        assert ada.resolve("lab/private").version == "0.1.0"
        (row,) = json.loads(run("access", "list", "lab/private", "--json")[1])["results"]
        assert (row["user"], row["note"]) == ("ada", "trial")
        assert run("access", "revoke", "lab/private", str(row["id"]))[0] == 0
        assert ada.search()["results"] == []
    assert run("access", "grant", "lab/private")[0] == 2
    assert run("access", "grant", "lab/private", "--user", "ada", "--days", "1", "--until", "2099-01-01")[0] == 2
