"""The dashboard decides through the service: its rules, its audit, and the next item at once."""

import pytest
from django.test import Client

from catalog.accounts.services import create_user
from catalog.adapters.models import Revision
from catalog.evaluations.policies import create_policy
from catalog.jobs.models import Job
from catalog.jobs.services import submit
from catalog.reviews.handling import assign
from catalog.reviews.models import AuditEvent, Review
from catalog.reviews.queue import case_of
from tests.unit.catalog.evaluating import make_set


def url_of(revision):
    return f"/review/{revision.adapter.full_name}/{revision.commit_id}/"


@pytest.mark.parametrize("path", ["/review/", "/review/team/pos-de/" + "0" * 40 + "/", "/settings/tokens"])
def test_strangers_are_asked_to_sign_in(path, db, stranger):
    assert stranger.get(path)["Location"] == f"/login/?next={path}"


def test_the_queue_holds_only_what_the_viewer_may_decide(catalog, pending, as_owner, as_writer):
    assert "team/pos-de" in as_owner.get("/review/").content.decode()
    assert "Nothing waits for you" in as_writer.get("/review/").content.decode()


def test_the_review_shows_claims_findings_and_neighbours(catalog, published, as_owner):
    finding = {"code": "low_norm", "severity": "warning", "message": "Nearly nothing changes.", "tensor": "x.lora_B"}
    second = catalog.push(catalog.writer, "team/ner-de", "1.1.0", facts={"rank": 8}, report={"findings": [finding]})
    near = catalog.push(catalog.writer, "writer/near")
    text = as_owner.get(url_of(second)).content.decode()
    for part in (
        "What is claimed",
        "What was found",
        "What is near it",
        "Nearly nothing changes.",
        "x.lora_B",
        "low_norm",
    ):
        assert part in text
    assert "<td>4</td><td><strong>8</strong></td>" in text
    assert near.adapter.full_name in text


def test_approving_publishes_audits_and_goes_on(catalog, pending, as_owner):
    second = catalog.push(catalog.writer, "team/second", "0.1.0")
    response = as_owner.post(url_of(pending), {"decision": "approve"}, follow=True)
    pending.refresh_from_db()
    assert pending.state == "published"
    assert Review.objects.get(revision=pending).reviewer == catalog.owner
    assert AuditEvent.objects.filter(action="publish", actor="owner").count() == 1
    assert response.redirect_chain == [(url_of(second), 302)]
    assert "Approved and published: team/pos-de@0.1.0." in response.content.decode()


def test_after_the_last_one_comes_the_queue(pending, as_owner):
    assert as_owner.post(url_of(pending), {"decision": "approve"})["Location"] == "/review/"


def test_rejecting_needs_a_reason(pending, as_owner):
    response = as_owner.post(url_of(pending), {"decision": "reject", "reason": "  "})
    assert response.status_code == 400
    assert "a rejection needs a reason" in response.content.decode()
    pending.refresh_from_db()
    assert pending.state == "pending"
    assert not Review.objects.exists()


def test_rejecting_with_a_reason_frees_the_version(pending, as_owner):
    as_owner.post(url_of(pending), {"decision": "reject", "reason": "State the training data."})
    pending.refresh_from_db()
    assert pending.state == "rejected"
    assert not pending.adapter.versions.exists()


def test_nobody_reviews_what_they_pushed_themselves(catalog, as_owner):
    own = catalog.push(catalog.owner, "team/mine", "0.1.0")
    assert "You pushed this yourself" in as_owner.get(url_of(own)).content.decode()
    response = as_owner.post(url_of(own), {"decision": "approve"})
    assert response.status_code == 403
    assert "<code>self_review</code>" in response.content.decode()
    own.refresh_from_db()
    assert own.state == "pending"


def test_a_writer_may_not_review(pending, as_writer):
    assert as_writer.get(url_of(pending)).status_code == 403
    assert as_writer.post(url_of(pending), {"decision": "approve"}).status_code == 403


def test_deciding_twice_is_a_conflict(pending, as_owner):
    as_owner.post(url_of(pending), {"decision": "approve"})
    response = as_owner.post(url_of(pending), {"decision": "reject", "reason": "Too late."})
    assert response.status_code == 409
    assert "<code>already_decided</code>" in response.content.decode()


def test_an_unknown_decision_is_refused(pending, as_owner):
    response = as_owner.post(url_of(pending), {"decision": "perhaps"})
    assert response.status_code == 400
    assert Review.objects.count() == 0


def test_next_leaves_out_ones_own_pushes(catalog, pending, as_owner):
    catalog.push(catalog.owner, "team/mine", "0.1.0")
    assert 'href="/review/" data-key="j"' in as_owner.get(url_of(pending)).content.decode()


def test_asking_for_changes_gives_it_back_and_goes_on(catalog, pending, as_owner, as_writer):
    response = as_owner.post(url_of(pending), {"decision": "ask_changes", "reason": "State the data."}, follow=True)
    assert "Given back to the author: team/pos-de@" in response.content.decode()
    assert "owner asked for changes" in as_writer.get("/team/pos-de").content.decode()
    assert "team/pos-de" in as_writer.get("/review/?show=own").content.decode()
    assert "State the data." in as_writer.get(url_of(pending) + "thread").content.decode()


def test_a_resubmission_shows_what_changed_since_it_was_asked_for(catalog, pending, as_owner):
    as_owner.post(url_of(pending), {"decision": "ask_changes", "reason": "State the data."})
    again = catalog.push(catalog.writer, "team/pos-de", "0.1.0", content="other weights", card="# Trained on HDT")
    page = as_owner.get(url_of(again)).content.decode()
    assert "Since changes were asked for" in page
    assert '<span class="mono">adapter_model.safetensors</span>' in page
    assert '<span class="unseen">added: </span><span class="text"># Trained on HDT' in page
    assert "State the data." in page
    assert "This would be the first published version." in page


def test_next_stays_in_the_list_that_one_came_from(catalog, pending, as_owner):
    catalog.push(catalog.writer, "team/other", "0.1.0")
    again = catalog.push(catalog.writer, "team/third", "0.1.0")
    assign(catalog.owner, pending, "owner")
    assign(catalog.owner, again, "owner")
    page = as_owner.get(url_of(pending) + "?show=mine").content.decode()
    assert f'href="{url_of(again)}?show=mine" data-key="j"' in page


def test_several_are_decided_with_one_reason(catalog, pending, as_owner):
    second = catalog.push(catalog.writer, "team/second", "0.1.0")
    own = catalog.push(catalog.owner, "team/mine", "0.1.0")
    chosen = [case_of(revision).pk for revision in (pending, second, own)]
    response = as_owner.post("/review/chosen", {"case": chosen, "what": "reject", "reason": "No data."}, follow=True)
    text = response.content.decode()
    assert "2 revisions: rejected." in text
    assert "self_review" in text
    assert sorted(Revision.objects.values_list("state", flat=True)) == ["pending", "rejected", "rejected"]


def test_several_are_given_to_somebody_and_moved(catalog, pending, as_owner):
    case = case_of(pending)
    as_owner.post("/review/chosen", {"case": case.pk, "what": "assign", "assignee": "owner"})
    as_owner.post("/review/chosen?show=mine", {"case": case.pk, "what": "prioritise", "priority": "urgent"})
    case.refresh_from_db()
    assert (case.assignee, case.priority) == (catalog.owner, 1)


@pytest.mark.parametrize("posted", [{"what": "reject", "reason": "x"}, {"what": "reject"}, {"what": "publish"}])
def test_deciding_nothing_without_a_reason_or_in_unknown_ways_is_refused(posted, catalog, pending, as_owner):
    chosen = {"case": case_of(pending).pk} if "reason" not in posted else {}
    assert as_owner.post("/review/chosen", posted | chosen).status_code == 400


def test_who_may_not_review_chooses_nothing(catalog, pending, as_writer):
    posted = {"case": case_of(pending).pk, "what": "approve", "reason": "Mine."}
    assert as_writer.post("/review/chosen", posted).status_code == 400
    pending.refresh_from_db()
    assert pending.state == "pending"


def test_the_queue_is_narrowed_by_its_address(catalog, pending, as_owner):
    assert "team/pos-de" in as_owner.get("/review/?kind=first&sort=oldest&namespace=team").content.decode()
    assert "Nothing here with these filters" in as_owner.get("/review/?kind=warnings").content.decode()
    assert as_owner.get("/review/?kind=nonsense").status_code == 400


def test_a_case_is_given_and_spoken_about_from_its_page(catalog, pending, as_owner, as_writer):
    as_owner.post(url_of(pending) + "assign", {"assignee": "owner"})
    as_owner.post(url_of(pending) + "priority", {"priority": "high"})
    thread = url_of(pending) + "thread"
    assert as_writer.post(thread, {"text": "Which data <script>?"})["Location"] == thread
    page = as_owner.get(url_of(pending)).content.decode()
    assert "Which data &lt;script&gt;?" in page
    assert "<option selected>owner</option>" in page
    assert as_writer.post(url_of(pending) + "assign", {"assignee": ""}).status_code == 403
    assert as_writer.post(thread, {"text": " "}).status_code == 400


def test_a_form_leads_to_no_other_site(catalog, pending, as_owner):
    posted = {"assignee": "owner", "next": "https://example.org/"}
    assert as_owner.post(url_of(pending) + "assign", posted)["Location"] == url_of(pending)


def test_owners_say_who_needs_no_review(catalog, pending, as_owner, as_writer):
    posted = {"what": "add", "holder": "user:writer"}
    assert "The waiver holds" in as_owner.post("/review/rules/team", posted, follow=True).content.decode()
    assert catalog.push(catalog.writer, "team/free", "0.1.0").state == "published"
    page = as_writer.get("/review/rules/team").content.decode()
    assert "first versions too; whatever validation warns of" in page
    assert 'name="what"' not in page
    assert as_writer.post("/review/rules/team", posted).status_code == 403
    assert as_owner.post("/review/rules/team", posted).status_code == 409
    waiver = catalog.team.waivers.get().pk
    as_owner.post("/review/rules/team", {"what": "delete", "waiver": waiver})
    as_owner.post("/review/rules/team", {"what": "require", "is_review_required": "no"})
    assert "Nothing is reviewed" in as_owner.get("/review/rules/team").content.decode()


def test_strangers_see_no_rules_no_log_and_no_thread(catalog, pending, published):
    stranger = create_user(username="stranger", email="s@example.org", password="a long pass phrase 7")
    client = Client()
    client.force_login(stranger)
    assert client.get("/review/rules/team").status_code == 403
    assert client.get(url_of(pending) + "thread").status_code == 404
    assert client.get(url_of(published.revisions.get()) + "thread").status_code == 403
    assert "team/ner-de" not in client.get("/audit").content.decode()


def test_the_audit_log_is_a_page_for_reviewers(catalog, published, as_owner):
    page = as_owner.get("/audit?action=publish&namespace=team&since=2020-01-01").content.decode()
    assert "team/ner-de@" in page
    assert "pending → published" in page
    assert "No event has all of this" in as_owner.get("/audit?actor=nobody").content.decode()
    assert as_owner.get("/audit?since=yesterday").status_code == 400


def test_the_dashboard_says_how_long_reviews_take_and_what_failed(catalog, published, pending, as_owner):
    job = submit("validate_revision", {}, created_by=catalog.owner, namespace=catalog.team)
    Job.objects.filter(pk=job.pk).update(state="failed", is_dead_letter=True)
    page = as_owner.get("/review/").content.decode()
    assert "1 dead letter" in page
    assert "Nine of ten within" in page
    weeks = as_owner.get("/review/statistics").content.decode()
    assert "1 reviewed, median &lt; 1 min" in weeks
    assert "Nothing was decided yet" in as_owner.get("/review/statistics?namespace=other").content.decode()


def test_the_spectrum_is_drawn_against_peers_once_there_are_three(catalog, pending, as_owner):
    assert "Too few published peers" in as_owner.get(url_of(pending)).content.decode()
    for number in range(3):
        catalog.push(catalog.writer, f"team/peer-{number}", approve=catalog.owner)
    page = as_owner.get(url_of(pending)).content.decode()
    assert "The band holds most of 3 published adapters" in page
    assert "direction 2: 0.80 of the largest; peers 0.80 to 0.80, median 0.80" in page


def test_a_gate_says_why_and_an_owner_passes_it_with_a_reason(catalog, pending, as_owner):
    namespace = pending.adapter.namespace
    make_set(catalog.owner, "team/mood")
    create_policy(catalog.owner, namespace, evaluation_set="team/mood", largest_drop=0.1)
    page = as_owner.get(url_of(pending)).content.decode()
    assert "A policy keeps this from being published" in page
    assert "Publish against the policy" in page
    refused = as_owner.post(url_of(pending), {"decision": "approve"})
    assert refused.status_code == 409
    assert "<code>score_not_measured</code>" in refused.content.decode()
    assert as_owner.post(url_of(pending), {"decision": "approve", "override_gate": "yes"}).status_code == 400
    as_owner.post(url_of(pending), {"decision": "approve", "override_gate": "yes", "reason": "It cannot wait."})
    pending.refresh_from_db()
    assert pending.state == "published"
    assert "It cannot wait." in AuditEvent.objects.get(action="override_gate").note
