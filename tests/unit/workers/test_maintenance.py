"""Each routine falls to one worker, in its turn; one that fails comes again."""

import pytest

from catalog.adapters.blobs import expect_blob
from catalog.adapters.models import Blob
from catalog.retention.models import Routine
from catalog.retention.routines import is_my_turn
from tests.unit.catalog.factories import together
from workers import maintenance

pytestmark = pytest.mark.django_db(transaction=True)


def test_of_eight_that_ask_at_once_one_gets_the_turn():
    for _ in range(2):
        outcomes = together([lambda: is_my_turn("scrub", 3600)] * 8)
        assert sorted(outcomes) == [False] * 7 + [True]
        Routine.objects.update(begun_at="2020-01-01T00:00:00Z")


def test_what_is_due_is_done_and_then_not_again_before_its_time(settings):
    settings.HUB_GC_GRACE_SECONDS = settings.HUB_GC_WAIT_SECONDS = 0
    expect_blob("a" * 64, 1)
    maintenance.run_due()
    assert Blob.objects.count() == 0
    expect_blob("a" * 64, 1)
    maintenance.run_due()
    assert Blob.objects.count() == 1


def test_a_routine_that_fails_does_not_take_the_others_with_it(monkeypatch):
    scrubbed = []
    monkeypatch.setattr("catalog.retention.collection.collect_garbage", lambda **options: 1 / 0)
    monkeypatch.setattr("catalog.retention.scrubbing.scrub", lambda **options: scrubbed.append(options["share"]))
    maintenance.run_due()
    assert scrubbed == [0.02]
