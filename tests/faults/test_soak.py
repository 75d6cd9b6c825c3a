"""Half a minute of `make soak`: pushes, deletions, rejections and pulls with garbage collection every two seconds."""

from pathlib import Path

import pytest

from tests.soak.run import soak
from tests.soak.world import places, world


@pytest.mark.slow
@pytest.mark.fault("garbage collection during uploads")
def test_nothing_is_lost_and_nobody_fails_while_garbage_is_collected_every_two_seconds(tmp_path: Path):
    with places(tmp_path) as place, world(tmp_path / "hub", place("hub")) as made:
        done = soak(made, tmp_path / "people", seconds=30)
    assert done.is_good, done.report()
    assert min(done.done.values()) > 0, done.report()
