"""Adapters of a domain as their authors push them, inspected by the hub's own code and published."""

import json
from typing import Any

from catalog.accounts.models import User
from catalog.adapters.models import Revision
from catalog.jobs.models import Job
from catalog.uploads.metadata import Metadata
from tests.unit.catalog.factories import push
from workers.computing import inspect_revision
from workers.validation import ValidateRevision

Files = dict[str, bytes]


def with_card(files: Files, **front: Any) -> Files:
    """The files with another front matter in their card; JSON is YAML."""
    return {**files, "README.md": f"---\n{json.dumps(front)}\n---\n# An adapter\n".encode()}


def published(
    owner: User, name: str, files: Files, said: Metadata, *, visibility: str = "public", **front: Any
) -> Revision:
    """A revision that the hub's own inspection has accepted, by what the worker runs, without a process of its own."""
    revision = push(owner, with_card(files, **front), f"lab/{name}", metadata=said, visibility=visibility)
    job = Job.objects.get(payload__revision_id=revision.pk, kind="validate_revision")
    work = ValidateRevision()
    with work.prepare(job, lambda progress, note: None) as argument:
        outcome = inspect_revision(argument, lambda *words: None)
    assert outcome["verdict"] == "accepted", outcome["findings"]
    work.apply(job, outcome)
    revision.refresh_from_db()
    assert revision.state == "published", revision.report["findings"]
    return revision
