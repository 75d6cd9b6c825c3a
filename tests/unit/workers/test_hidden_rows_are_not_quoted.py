"""A child that breaks on a hidden row may say so; neither the job, its log nor the evaluation repeats the row."""

import json

import pytest

from catalog.evaluations.models import Evaluation
from catalog.evaluations.requesting import request_evaluations
from catalog.jobs.models import Job, JobEvent
from tests.unit.catalog.evaluating import classifier, make_set
from tests.unit.catalog.factories import make_base, make_namespace, make_user
from workers import evaluating
from workers.kinds import HANDLERS
from workers.supervisor import supervise

pytest.importorskip("torch", reason="children load it")
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("is_hidden", [True, False])
def test_only_open_rows_are_quoted_where_a_child_breaks(is_hidden, monkeypatch, settings, tmp_path):
    settings.HUB_JOB_MAX_ATTEMPTS = 1
    owner = make_user("owner")
    make_namespace(owner)
    make_set(owner, is_hidden=is_hidden)
    classifier(owner, make_base(owner))
    request_evaluations(owner, adapters=["lab/ner"], evaluation_set="lab/mood")
    monkeypatch.setattr(evaluating, "base_folder", lambda base: tmp_path)
    monkeypatch.setattr(HANDLERS["evaluate"], "function", "tests.unit.workers.child_functions:quote_a_row")
    assert supervise(queue="gpu")
    job = Job.objects.get(kind="evaluate")
    assert (job.state, job.is_dead_letter) == ("failed", True)
    told = json.dumps([job.error, *Evaluation.objects.values_list("error", flat=True)])
    told += " ".join(JobEvent.objects.values_list("note", flat=True))
    assert job.error["code"] == "internal_error"
    assert ("words 1" in told) is not is_hidden
