"""Merges and reductions by form: they ask the same services as the API, and job pages show what came of it."""

import pytest

from catalog.adapters.models import Revision
from catalog.derivations.models import Derivation
from catalog.jobs.models import Job, JobState

SEEN = {
    "parents": [{"name": "team/ner-de@1.0.0", "norm": 1.5}, {"name": "team/b@1.0.0", "norm": 2.5}],
    "cosines": [[1.0, 0.25], [0.25, 1.0]],
    "overlap_in": [[1.0, 0.125], [0.125, 1.0]],
    "overlap_out": [[1.0, 0.5], [0.5, 1.0]],
    "sign_conflict": 0.375,
    "warnings": ["Adapters team/b@1.0.0 and team/ner-de@1.0.0 are nearly the same (cosine 0.999)."],
    "heads": [],
    "refusals": ["kept in full, which no rule merges: classifier of team/b@1.0.0"],
    "modules": {"encoder.layer.0.q": {"norms": {}, "sum_norm": 3.25, "sign_conflict": 0.375}},
    "made_with": {},
}


@pytest.fixture
def merged(as_owner, published):
    """What the form of a merge needs, filled in."""
    return {"adapter": "team/both", "members": "team/ner-de@1.0.0 0.5\n\n", "method": "svd", "rank": "4"}


def test_the_form_lists_every_method_and_takes_an_adapter_along(as_owner, published):
    page = as_owner.get("/new/merge?with=team/ner-de@1.0.0").content.decode()
    assert "team/ner-de@1.0.0</textarea>" in page
    assert "ties_svd: ties on the updates themselves" in page
    assert "never averaged" in page
    head = as_owner.get("/team/ner-de").content.decode()
    assert "/new/merge?with=team%2Fner-de%401.0.0" in head
    assert "/new/reduction?of=team%2Fner-de%401.0.0" in head


def test_a_merge_goes_on_to_its_job_with_what_was_typed(as_owner, merged):
    answer = as_owner.post("/new/merge", merged)
    derivation = Derivation.objects.get()
    assert answer.status_code == 302, answer.content.decode()
    assert answer["Location"] == f"/jobs/{derivation.job_id}"
    assert (derivation.recipe["method"], derivation.recipe["rank"], derivation.recipe["weights"]) == ("svd", 4, [0.5])


def test_a_look_makes_no_derivation_and_its_job_shows_what_was_seen(as_owner, merged):
    answer = as_owner.post("/new/merge", merged | {"look": "yes", "adapter": ""})
    job = Job.objects.get(kind="preview_merge")
    assert answer["Location"] == f"/jobs/{job.pk}"
    assert not Derivation.objects.exists()
    Job.objects.filter(pk=job.pk).update(state=JobState.SUCCEEDED, result=SEEN)
    page = as_owner.get(f"/jobs/{job.pk}").content.decode()
    for shown in ("team/b@1.0.0", "0.375", "0.125", "nearly the same", "classifier of team/b@1.0.0", "3.25"):
        assert shown in page, shown


def test_a_refusal_stands_above_the_form_which_keeps_what_was_typed(as_owner, merged):
    Revision.objects.update(facts={**Revision.objects.get().facts, "head_parameters": 8})
    answer = as_owner.post("/new/merge", merged)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "heads_undecided" in page
    assert 'value="team/both"' in page
    assert "team/ner-de@1.0.0 0.5" in page
    assert as_owner.post("/new/merge", merged | {"members": "team/ner-de@1.0.0 much"}).status_code == 400
    assert not Derivation.objects.exists()


def test_a_reduction_goes_on_to_its_job(as_owner, published):
    given = {"adapter": "team/small", "source": "team/ner-de@1.0.0", "how": "quantise:bits", "amount": "4"}
    answer = as_owner.post("/new/reduction", given)
    derivation = Derivation.objects.get()
    assert answer["Location"] == f"/jobs/{derivation.job_id}"
    assert (derivation.recipe["operation"], derivation.recipe["bits"]) == ("quantise", 4)
    assert as_owner.post("/new/reduction", given | {"amount": "few"}).status_code == 400
    assert as_owner.post("/new/reduction", given | {"how": "magic"}).status_code == 400
    again = as_owner.post("/new/reduction", given | {"amount": "3"})
    assert again.status_code == 400
    assert 'value="quantise:bits" checked' in again.content.decode()


def test_what_was_made_again_is_shown_file_by_file(as_owner, merged):
    as_owner.post("/new/merge", merged)
    files = [{"path": "adapter_model.safetensors", "then": "a" * 64, "now": "b" * 64, "is_same": False}]
    result = {"derivation": 1, "is_same": False, "files": files, "largest_difference": 0.001, "changed": ["torch"]}
    job = Job.objects.get(kind="merge")
    Job.objects.filter(pk=job.pk).update(kind="reproduce", state=JobState.SUCCEEDED, result=result)
    page = as_owner.get(f"/jobs/{job.pk}").content.decode()
    assert "Changed since then: torch" in page
    assert "bbbbbbbbbbbbbbbb" in page


def test_forms_are_for_people_who_signed_in(client, db):
    assert client.get("/new/merge").status_code == 302
    assert client.post("/new/reduction").status_code == 302
