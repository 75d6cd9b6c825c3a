"""Lineage on an adapter's page; owners give leave, withdraw and remove with forms; receipts."""

import pytest

from catalog.accounts.services import create_user
from catalog.jobs.models import Job
from catalog.removals.models import Removal
from catalog.removals.removing import record_removed, remove_bytes
from tests.unit.frontend.derived import merged  # noqa: F401  (a fixture, found by name)

pytestmark = pytest.mark.django_db
MANAGE = "/team/ner-de/manage"


def test_lineage_is_shown_on_both_sides_with_the_recipe(merged, stranger):  # noqa: F811
    text = stranger.get("/team/merged").content.decode()
    assert 'id="lineage"' in text
    assert "team/ner-de@" in text
    assert "weight 0.25" in text
    assert "ties" in text
    assert "team/merged@" in stranger.get("/team/ner-de").content.decode()


def test_what_was_only_pushed_has_no_lineage_to_show(published, stranger):
    assert 'id="lineage"' not in stranger.get("/team/ner-de").content.decode()


def test_owners_alone_manage(published, stranger, as_owner, client):
    assert MANAGE in as_owner.get("/team/ner-de").content.decode()
    assert MANAGE not in stranger.get("/team/ner-de").content.decode()
    assert stranger.get(MANAGE).status_code == 302
    client.force_login(create_user(username="other", email="", password="a long pass phrase 8"))
    assert client.get(MANAGE).status_code == 403
    assert client.post(f"{MANAGE}/take-back", {"reason": "no"}).status_code == 403


def test_leave_is_given_and_taken_back_with_a_form(published, as_owner):
    create_user(username="ada", email="", password="a long pass phrase 8")
    given = as_owner.post(f"{MANAGE}/access", {"user": "ada", "until": "2099-01-31", "note": "trial"}, follow=True)
    assert "user ada" in given.content.decode()
    assert "2099-01-31" in given.content.decode()
    grant = published.grants.get()
    as_owner.post(f"{MANAGE}/access/{grant.pk}")
    assert not published.grants.exists()
    for wrong in ({"user": "nobody"}, {"user": "ada", "until": "soon"}, {}):
        answer = as_owner.post(f"{MANAGE}/access", wrong)
        assert answer.status_code == 400
        assert 'role="alert"' in answer.content.decode()


def test_a_version_is_withdrawn_and_its_page_says_why(published, merged, as_owner, stranger):  # noqa: F811
    done = as_owner.post(f"{MANAGE}/take-back", {"version": "", "reason": "wrong labels", "what": "withdraw"})
    assert done.status_code == 302
    for page in ("/team/ner-de", "/team/merged"):
        text = stranger.get(page).content.decode()
        assert "wrong labels" in text
        assert "withdrawn" in text
    assert stranger.get("/team/ner-de/versions/1.0.0").status_code == 410
    for viewer in (stranger, as_owner):
        assert "team/ner-de" not in viewer.get("/team").content.decode()
    assert as_owner.post(f"{MANAGE}/take-back", {"reason": " "}).status_code == 400


def test_flagged_the_child_stays_and_its_page_says_what_it_was_made_of(published, merged, as_owner, stranger):  # noqa: F811
    as_owner.post(f"{MANAGE}/take-back", {"reason": "wrong labels", "what": "withdraw", "derived": "flag"})
    text = stranger.get("/team/merged").content.decode()
    assert "which was withdrawn: wrong labels" in text


def test_a_removal_needs_the_name_and_ends_in_a_receipt(published, as_owner, stranger):
    form = {"reason": "asked for", "what": "remove"}
    assert as_owner.post(f"{MANAGE}/take-back", form).status_code == 400
    assert not Removal.objects.exists()
    done = as_owner.post(f"{MANAGE}/take-back", {**form, "name": "team/ner-de"}, follow=True)
    removal = Removal.objects.get()
    assert done.redirect_chain[-1][0] == f"/removals/{removal.pk}"
    assert "being deleted" in done.content.decode()
    job = Job.objects.get(pk=removal.job_id)
    record_removed(job, remove_bytes(job, lambda progress, note: None))
    text = as_owner.get(f"/removals/{removal.pk}").content.decode()
    assert "Receipt" in text
    assert Removal.objects.get().receipt["digest"] in text
    assert "team/ner-de" in as_owner.get("/removals/").content.decode()
    assert stranger.get(f"/removals/{removal.pk}").status_code == 302
