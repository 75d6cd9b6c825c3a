"""Every page answers, keeps the security headers, and says an error with its code and hint."""

import re

import pytest
from django.test import Client

from catalog.accounts.services import create_user
from catalog.adapters.models import Revision, Version
from catalog.jobs.heartbeats import beat
from catalog.jobs.models import Job
from tests.unit.frontend.conftest import PASSWORD

PUBLIC = [
    "/",
    "/search",
    "/search?q=ner&method=lora&language=de",
    "/search/help",
    "/login/",
    "/base-models/",
    "/base-models/example/tiny-encoder",
    "/base-models/tiny-encoder",
    "/team",
    "/team/ner-de",
    "/team/ner-de/versions/1.0.0",
]


@pytest.mark.parametrize("path", PUBLIC)
def test_public_pages_answer_strangers(path, published, stranger):
    response = stranger.get(path)
    assert response.status_code == 200
    assert "<main" in response.content.decode()


@pytest.mark.parametrize("path", ["/", "/search", "/team/ner-de", "/nobody", "/login/", "/no/page/at/all"])
def test_every_page_forbids_inline_and_foreign_code(path, published, stranger):
    response = stranger.get(path)
    policy = response["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert "http:" not in policy
    assert "https:" not in policy
    text = response.content.decode()
    assert not re.search(r"<script(?![^>]*\ssrc=)", text), "an inline script"
    assert not re.search(r"\s(style|on[a-z]+)\s*=", text), "an inline style or handler"
    assert "<style" not in text


def test_an_empty_hub_teaches_the_three_commands(db, stranger):
    text = stranger.get("/").content.decode()
    for command in ("hubclient login", "hubclient base-model add", "hubclient push"):
        assert command in text


def test_the_front_page_of_a_filled_hub_shows_the_newest(published, stranger):
    text = stranger.get("/").content.decode()
    assert "team/ner-de" in text
    assert "hubclient base-model add" not in text


def test_the_front_page_counts_no_language_where_none_was_said(catalog, stranger):
    catalog.push(catalog.writer, "team/silent", approve=catalog.owner, languages=[], task="")
    text = stranger.get("/").content.decode()
    assert "team/silent" in text
    assert 'id="by-language"' not in text


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/nobody", 404, "not_found"),
        ("/team/absent", 404, "not_found"),
        ("/team/ner-de/versions/9.9.9", 404, "not_found"),
        ("/base-models/absent/model", 404, "not_found"),
        ("/search?sort=luck", 400, "invalid_input"),
        ("/search?rank_min=four", 400, "invalid_input"),
        ("/search?cursor=forged", 400, "invalid_cursor"),
    ],
)
def test_a_domain_error_is_a_page_with_its_code(path, status, code, published, stranger):
    response = stranger.get(path)
    assert response.status_code == status
    assert f"<code>{code}</code>" in response.content.decode()


def test_an_address_of_nothing_is_a_404_in_the_same_look(db, stranger):
    response = stranger.get("/no/page/at/all")
    assert response.status_code == 404
    assert "Adapter Hub" in response.content.decode()


def test_a_reserved_word_without_its_slash_leads_to_its_page(db, stranger):
    assert stranger.get("/login")["Location"] == "/login/"
    assert stranger.get("/base-models")["Location"] == "/base-models/"


def test_another_spelling_of_an_adapter_leads_to_the_real_one(published, stranger):
    assert stranger.get("/Team/NER_de")["Location"] == "/team/ner-de"
    assert stranger.get("/Team/NER_de/versions/1.0.0")["Location"] == "/team/ner-de/versions/1.0.0"


def test_a_form_without_its_token_changes_nothing(catalog, pending):
    client = Client(enforce_csrf_checks=True)
    client.force_login(catalog.owner)
    url = f"/review/team/pos-de/{pending.commit_id}/"
    assert client.post(url, {"decision": "approve"}).status_code == 403
    pending.refresh_from_db()
    assert pending.state == "pending"


def test_a_job_is_seen_by_its_owner_and_by_nobody_else(catalog, pending, as_writer, stranger):
    job = Job.objects.get(pk=pending.validation_job_id)
    own = as_writer.get(f"/jobs/{job.pk}")
    assert own.status_code == 200
    assert 'hx-trigger="every 1s"' in own.content.decode()
    assert stranger.get(f"/jobs/{job.pk}").status_code == 404
    Job.objects.filter(pk=job.pk).update(state="succeeded")
    assert "every 1s" not in as_writer.get(f"/jobs/{job.pk}", headers={"HX-Request": "true"}).content.decode()


def test_a_dead_letter_is_listed_and_an_administrator_runs_it_again(catalog, pending, as_writer, settings):
    settings.HUB_JOB_SENDER = "tests.unit.catalog.sending.record"
    job = Job.objects.get(pk=pending.validation_job_id)
    Revision.objects.filter(pk=pending.pk).update(state="invalid")
    Version.objects.filter(revision=pending).delete()
    Job.objects.filter(pk=job.pk).update(
        state="failed", is_dead_letter=True, error={"code": "child_died", "detail": "x"}
    )
    assert f"/jobs/{job.pk}" in as_writer.get("/jobs/?show=dead").content.decode()
    assert as_writer.post(f"/jobs/{job.pk}/retry").status_code == 403
    admin = Client()
    admin.force_login(create_user(username="admin", email="", password=PASSWORD, is_admin=True))
    assert "Run again" in admin.get(f"/jobs/{job.pk}").content.decode()
    again = admin.post(f"/jobs/{job.pk}/retry", follow=True).content.decode()
    assert "retried" in again
    assert "Run again" not in again
    pending.refresh_from_db()
    assert (pending.state, pending.version.name) == ("validating", job.payload["version"])


def test_a_dead_letter_is_acknowledged_by_an_administrator(catalog, pending, as_writer):
    job = Job.objects.get(pk=pending.validation_job_id)
    Job.objects.filter(pk=job.pk).update(
        state="failed", is_dead_letter=True, error={"code": "child_died", "detail": "x"}
    )
    assert as_writer.post(f"/jobs/{job.pk}/acknowledge").status_code == 403
    admin = Client()
    admin.force_login(create_user(username="admin", email="", password=PASSWORD, is_admin=True))
    assert "Acknowledge" in admin.get(f"/jobs/{job.pk}").content.decode()
    page = admin.post(f"/jobs/{job.pk}/acknowledge", {"note": "bad memory"}, follow=True).content.decode()
    assert "acknowledged: bad memory" in page
    assert "dead letter, acknowledged" in page
    assert "Run again" in page
    assert f"/jobs/{job.pk}" not in admin.get("/jobs/?show=dead").content.decode()
    assert f"/jobs/{job.pk}" in as_writer.get("/jobs/?show=seen").content.decode()


def test_many_dead_letters_are_acknowledged_at_once_in_the_admin(catalog, pending):
    Job.objects.filter(pk=pending.validation_job_id).update(state="failed", is_dead_letter=True)
    healthy = Job.objects.exclude(pk=pending.validation_job_id).count()
    admin = Client()
    admin.force_login(create_user(username="admin", email="", password=PASSWORD, is_admin=True))
    chosen = [str(pk) for pk in Job.objects.values_list("pk", flat=True)]
    form = {"action": "acknowledge_chosen", "_selected_action": chosen}
    assert "1 acknowledged." in admin.post("/admin/jobs/job/", form, follow=True).content.decode()
    assert not Job.objects.unattended().exists()
    assert Job.objects.filter(acknowledged_at=None).count() == healthy


def test_a_job_is_cancelled_from_its_page_by_who_submitted_it(catalog, pending, as_writer, stranger, settings):
    settings.HUB_JOB_SENDER = "tests.unit.catalog.sending.record"
    url = f"/jobs/{pending.validation_job_id}"
    assert "Cancel" in as_writer.get(url).content.decode()
    assert stranger.post(f"{url}/cancel").status_code in (302, 403)
    told = as_writer.post(f"{url}/cancel", follow=True).content.decode()
    assert "told to stop" in told
    assert Job.objects.get(pk=pending.validation_job_id).is_cancel_requested


def test_workers_are_shown_to_administrators_alone(catalog, as_writer, stranger):
    beat("a-worker", host="a-machine", pid=7, queues=["cpu"], is_stopping=False)
    assert as_writer.get("/jobs/workers").status_code == 403
    admin = Client()
    admin.force_login(create_user(username="admin", email="", password=PASSWORD, is_admin=True))
    shown = admin.get("/jobs/workers").content.decode()
    assert "a-worker" in shown
    assert ">alive<" in shown
    beat("a-worker", host="a-machine", pid=7, queues=["cpu"], is_stopping=False, clock_skew_seconds=-3600.4)
    shown = admin.get("/jobs/workers").content.decode()
    assert ">alive<" not in shown
    assert "-3600 s off: it claims nothing" in shown


def test_a_mistake_of_the_hub_is_a_page_without_details(db, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("secret detail")

    monkeypatch.setattr("frontend.views.home.search", fail)
    response = Client(raise_request_exception=False).get("/")
    assert response.status_code == 500
    text = response.content.decode()
    assert "A mistake of the hub" in text
    assert "secret detail" not in text
