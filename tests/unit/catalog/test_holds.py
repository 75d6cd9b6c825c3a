"""A hold keeps garbage collection away for as long as its owner works, and no longer."""

import sys
import time

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from catalog.jobs.clock import database_now
from catalog.retention.holds import collection_held, reason_to_wait
from catalog.retention.models import Hold

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_hold_outlives_its_own_seconds_while_its_owner_works():
    with collection_held("a long copy", seconds=0.6):
        time.sleep(1.2)
        assert reason_to_wait() == "a long copy"
        assert Hold.objects.get().expires_at > database_now()
    assert reason_to_wait() == ""


def test_the_command_runs_another_one_under_a_hold_and_ends_as_it_ends(tmp_path):
    seen = tmp_path / "seen"
    call_command("hold", "nightly copy", "--", sys.executable, "-c", f"open({str(seen)!r}, 'w')")
    assert seen.exists()
    assert not Hold.objects.exists()
    with pytest.raises(SystemExit, match="3"):
        call_command("hold", "nightly copy", "--", sys.executable, "-c", "raise SystemExit(3)")
    assert not Hold.objects.exists()
    with pytest.raises(CommandError, match="which command"):
        call_command("hold", "nightly copy")
