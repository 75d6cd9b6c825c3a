"""What the unit tests show of blobs, collection, scrub and fsck on SQLite holds on PostgreSQL, where locks are real."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cluster.postgres import Postgres

REPOSITORY = Path(__file__).resolve().parents[2]
FILES = ("pruning", "pruning_backups", "blobs", "collection", "collection_races", "scrubbing", "fsck", "holds")


@pytest.mark.slow
def test_retention_on_postgres(postgres: Postgres, tmp_path: Path):
    environment = {**os.environ, "DATABASE_URL": postgres.database(), "HUB_DATA_DIR": str(tmp_path)}
    environment |= {"HUB_SECRET_KEY": "only for this test, and long enough for it to be taken for a real one"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    command += [f"tests/unit/catalog/test_{name}.py" for name in FILES]
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-20000:]
