"""hubclient review: the queue, threads, several at once, who needs no review, the log, against a hub that answers."""

import json

import pytest

from catalog.accounts.services import set_member
from catalog.accounts.tokens import issue_token
from catalog.adapters.models import Revision
from catalog.reviews.models import Case
from tests.unit.frontend.conftest import (  # noqa: F401  (fixtures, found by name)
    catalog,
    measured,
    published,
    quick_passwords,
)
from tests.unit.hubclient.test_scores_from_the_command_line import hub, run  # noqa: F401


@pytest.fixture
def of_the_owner(run, catalog, hub, monkeypatch):  # noqa: F811
    """The command line of somebody who may review in ``team``."""
    set_member(catalog.owner, catalog.team, username="writer", role="owner")
    scopes = ["read", "write", "review", "admin"]
    monkeypatch.setenv("HUB_TOKEN", issue_token(catalog.writer, name="all", scopes=scopes).secret)
    return run


@pytest.fixture
def pending(catalog):  # noqa: F811
    """``team/pos-de`` 0.1.0, pushed by the other owner, waiting."""
    return catalog.push(catalog.owner, "team/pos-de", "0.1.0")


def test_the_queue_is_listed_and_narrowed(of_the_owner, pending):
    code, out, _ = of_the_owner("review", "list", "--namespace", "team", "--kind", "first")
    assert (code, "team/pos-de" in out, "anybody" in out) == (0, True, True)
    assert json.loads(of_the_owner("review", "list", "--kind", "warnings", "--json")[1])["results"] == []
    code, _, said = of_the_owner("review", "list", "--show", "everything")
    assert (code, "One of waiting" in said) == (1, True)


def test_a_case_is_given_moved_spoken_about_and_returned(of_the_owner, hub, pending):  # noqa: F811
    name, me = "team/pos-de@0.1.0", "writer"
    assert "given to" in of_the_owner("review", "assign", name, "--to", me)[1]
    assert "priority urgent" in of_the_owner("review", "priority", name, "urgent")[1]
    assert of_the_owner("review", "say", name, "Which data?")[0] == 0
    case = Case.objects.get(revision=pending)
    assert (case.assignee.username, case.priority) == (me, 1)
    assert "Which data?" in of_the_owner("review", "thread", name)[1]
    assert of_the_owner("review", "ask", name)[0] == 2
    code, out, _ = of_the_owner("review", "ask", name, "--reason", "State the data.")
    assert (code, "now returned" in out) == (0, True)
    thread = json.loads(of_the_owner("review", "thread", f"team/pos-de@{pending.commit_id}", "--json")[1])
    assert [line["what"] for line in thread["said"]] == ["pushed", "commented", "ask_changes"]


def test_several_are_decided_and_what_is_refused_gives_exit_code_1(of_the_owner, catalog, pending, published):  # noqa: F811
    names = ("team/pos-de@0.1.0", "team/ner-de@1.0.0")
    code, out, said = of_the_owner("review", "many", "approve", *names, "--reason", "Looked at together.")
    assert (code, "team/pos-de@0.1.0: approve" in out, "self_review" in said) == (1, True, True)
    assert Revision.objects.get(pk=pending.pk).state == "published"


def test_an_owner_says_who_needs_no_review(of_the_owner, catalog, published):  # noqa: F811
    code, out, _ = of_the_owner("review", "waive", "team", "--user", "writer")
    assert (code, "writer publishes in team without review" in out) == (0, True)
    assert catalog.push(catalog.writer, "team/ner-de", "2.0.0").state == "published"
    (waiver,) = json.loads(of_the_owner("review", "waivers", "team", "--json")[1])["results"]
    assert (waiver["user"], waiver["role"], waiver["is_update_only"]) == ("writer", None, True)
    assert "new versions, without warnings" in of_the_owner("review", "waivers", "team")[1]
    assert of_the_owner("review", "unwaive", "team", str(waiver["id"]))[0] == 0
    assert of_the_owner("review", "waive", "team")[0] == 2


def test_statistics_and_the_log_are_read(of_the_owner, published):  # noqa: F811
    code, out, said = of_the_owner("review", "stats", "--namespace", "team", "--weeks", "1")
    assert (code, out.startswith("all\t"), " wait now" in said) == (0, True, True)
    code, out, _ = of_the_owner("review", "log", "--namespace", "team", "--action", "publish")
    assert (code, "team/ner-de@" in out, "pending -> published" in out) == (0, True, True)
    code, _, said = of_the_owner("review", "log", "--since", "yesterday")
    assert (code, "a moment with its zone" in said) == (1, True)
