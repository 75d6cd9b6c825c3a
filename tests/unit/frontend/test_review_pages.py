"""The dashboard decides through the service: its rules, its audit, and the next item at once."""

import pytest

from catalog.evaluations.policies import create_policy
from catalog.reviews.models import AuditEvent, Review
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
