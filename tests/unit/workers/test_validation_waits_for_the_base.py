"""A revision is judged against the shapes of its base, however soon after the base's registration it was pushed."""

from typing import Any

import pytest

from catalog.adapters.models import Revision, RevisionState
from catalog.bases.models import BaseModel, BaseState
from catalog.jobs.models import Job
from kernels.formats.canonical import LowRankPair
from kernels.formats.requirements import Requirements
from tests.unit.catalog.factories import PROJECTION, WIDTH, lora_files, make_base, make_namespace, make_user, push
from workers.children import ChildFailed
from workers.validation import ValidateRevision

pytestmark = pytest.mark.django_db
ACCEPTED: dict[str, Any] = {
    "verdict": "accepted", "facts": {"base": {"declared": "tiny/llama"}}, "findings": [], "disagreements": [],
}  # fmt: skip


@pytest.fixture
def pushed(store: object, sent: object) -> tuple[Job, BaseModel]:
    """A pushed revision's job, and the base that it declares."""
    owner = make_user("owner")
    make_namespace(owner)
    base = make_base(owner)
    revision = push(owner, lora_files())
    return Job.objects.get(payload__revision_id=revision.pk), base


def become(base: BaseModel, state: BaseState, **changes: Any) -> None:
    BaseModel.objects.filter(pk=base.pk).update(state=state, **changes)


def test_a_base_whose_shapes_are_being_computed_is_waited_for(pushed: tuple[Job, BaseModel], settings: Any) -> None:
    settings.HUB_JOB_LEASE_SECONDS = 0
    job, base = pushed
    become(base, BaseState.PENDING)
    with pytest.raises(ChildFailed) as caught, ValidateRevision().prepare(job, lambda progress, note: None):
        pass
    assert (caught.value.code, caught.value.is_final) == ("base_pending", False)
    become(base, BaseState.READY)
    with ValidateRevision().prepare(job, lambda progress, note: None) as argument:
        assert argument["base"]["id"] == "tiny/llama"


def test_a_verdict_without_the_base_does_not_count_once_the_base_is_known(pushed: tuple[Job, BaseModel]) -> None:
    job, _ = pushed
    with pytest.raises(ChildFailed) as caught:
        ValidateRevision().apply(job, ACCEPTED | {"judged_against": None})
    assert not caught.value.is_final
    assert Revision.objects.get(pk=job.payload["revision_id"]).state == RevisionState.VALIDATING
    result = ValidateRevision().apply(job, ACCEPTED | {"judged_against": "tiny/llama"})
    assert result["verdict"] == "accepted"


def test_a_wrong_base_is_refused_with_the_registered_ones_that_fit(pushed: tuple[Job, BaseModel]) -> None:
    job, _ = pushed
    finding = {"code": "module_unknown", "severity": "error", "message": "no such module", "hint": "Is this the base?"}
    pair = LowRankPair(PROJECTION, f"{PROJECTION}.lora_A.weight", f"{PROJECTION}.lora_B.weight", 4, WIDTH, WIDTH)
    asked = Requirements("peft", (pair,)).as_dict()
    outcome = {"verdict": "refused", "facts": {}, "findings": [finding], "requirements": asked, "judged_against": "x/y"}
    result = ValidateRevision().apply(job, outcome)
    assert "tiny/llama" in result["findings"][0]["hint"]


def test_a_base_without_shapes_is_named_as_such(pushed: tuple[Job, BaseModel]) -> None:
    job, base = pushed
    become(base, BaseState.FAILED, error={"code": "architecture_unknown", "detail": "no such model type"})
    result = ValidateRevision().apply(job, ACCEPTED | {"judged_against": None})
    assert [(row["code"], "no such model type" in row["message"]) for row in result["findings"]] == [
        ("base_without_shapes", True)
    ]
