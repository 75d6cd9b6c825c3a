"""The rules of the catalog hold on PostgreSQL as on SQLite: the same tests once more, in a process of their own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.functional.hub_process import REPOSITORY, SECRET_KEY
from tests.servers.postgres import PostgresServer

# Where databases differ: locks and conditional writes, constraints, time, JSON, text search, keyset pages.
FILES = {
    "jobs and uploads": ("catalog/test_jobs.py", "catalog/test_uploads.py"),
    "publication and permissions": (
        "catalog/test_publication.py",
        "catalog/test_who_sees_what.py",
        "catalog/test_accounts.py",
        "catalog/test_audit_log.py",
        "catalog/test_review_queue.py",
        "frontend/test_review_pages.py",
    ),
    "blobs, collection, scrub, backups": (
        "catalog/test_pruning.py",
        "catalog/test_pruning_backups.py",
        "catalog/test_blobs.py",
        "catalog/test_collection.py",
        "catalog/test_collection_races.py",
        "catalog/test_scrubbing.py",
        "catalog/test_fsck.py",
        "catalog/test_holds.py",
    ),
    "access, withdrawal, removal": (
        "catalog/test_access.py",
        "catalog/test_withdrawing.py",
        "catalog/test_removing.py",
    ),
    "the API": (
        "test_migrations_grow_first.py",
        "hub/test_the_api_walk.py",
        "hub/test_errors_have_one_shape.py",
        "hub/test_metrics.py",
        "workers/test_clocks.py",
    ),
    "evaluations": (
        "catalog/test_boards.py",
        "catalog/test_comparing.py",
        "catalog/test_evaluation_gate.py",
        "catalog/test_evaluation_recording.py",
        "hub/test_evaluations.py",
        "hub/test_evaluation_policies.py",
        "hub/test_evaluation_companions.py",
        "catalog/test_sets_that_change.py",
    ),
    "families": ("hub/test_families.py",),
    "derivations": ("catalog/test_derivations.py", "catalog/test_derived_gate.py", "hub/test_derivation_requests.py"),
    "what fits, base models": (
        "catalog/test_fits.py",
        "catalog/test_counts_of_bases.py",
        "hub/test_fits_and_differences.py",
        "frontend/test_base_page.py",
    ),
    "search and pages": (
        "catalog/test_compiled_queries.py",
        "catalog/test_paging.py",
        "catalog/test_listings_of_a_million.py",
        "catalog/test_similarity.py",
        "catalog/test_search_alternatives.py",
        "catalog/test_bases_meant.py",
        "catalog/test_search_contract.py",
        "catalog/test_search_index.py",
        "catalog/test_search_rows.py",
        "catalog/test_search_of_many.py",
        "frontend/test_search_page.py",
        "frontend/test_suggestions.py",
        "frontend/test_topic_pages.py",
    ),
}


@pytest.mark.parametrize("group", FILES)
def test_the_same_tests_pass_on_postgresql(postgres: PostgresServer, tmp_path: Path, group: str) -> None:
    # A whole run of its own, also where this one is of several processes.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")} | {
        "DATABASE_URL": postgres.database(),
        "HUB_SECRET_KEY": SECRET_KEY,
        "HUB_DATA_DIR": str(tmp_path),
    }
    files = [f"tests/unit/{name}" for name in FILES[group]]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--timeout=120", *files]
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert " passed" in done.stdout
