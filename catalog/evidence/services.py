"""Ask for evidence about an accepted revision, and keep it. Publication never waits for it."""

from typing import Any

from catalog.adapters.models import Revision, Visibility
from catalog.evidence.models import Evidence
from catalog.jobs.models import Job, Priority
from catalog.jobs.services import submit

GATHER_EVIDENCE = "gather_evidence"
MOST_PEERS = 32


def request_evidence(revision: Revision) -> Job:
    """Submit the job that measures ``revision``, behind everything else that waits for a device."""
    version = getattr(revision, "version", None)
    name = f"{revision.adapter.full_name}@{version.name if version else revision.commit_id[:12]}"
    return submit(
        GATHER_EVIDENCE,
        {"revision_id": revision.pk},
        created_by=revision.author,
        namespace=revision.adapter.namespace,
        subject=("revision", name),
        queue="gpu",
        priority=Priority.BACKGROUND,
    )


def record_evidence(revision: Revision, outcome: dict[str, Any]) -> Evidence:
    """Keep what was measured, instead of what was measured before."""
    values = {key: outcome.get(key) for key in ("comparison", "skipped")}
    evidence, _ = Evidence.objects.update_or_create(
        revision=revision,
        defaults={
            **values,
            "device": outcome.get("device") or "",
            "statistics": outcome.get("statistics") or {},
            "peers": outcome.get("peers") or 0,
        },
    )
    return evidence


def peers_of(revision: Revision) -> list[dict[str, Any]]:
    """Statistics of public, published revisions of other adapters with the same base model and method."""
    if revision.base_model_id is None or not revision.method:
        return []
    near = Evidence.objects.filter(
        revision__base_model_id=revision.base_model_id,
        revision__method=revision.method,
        revision__state="published",
        revision__adapter__visibility=Visibility.PUBLIC,
        revision__is_derived=False,
        skipped=None,
    ).exclude(revision__adapter_id=revision.adapter_id)
    return list(near.order_by("-created_at").values_list("statistics", flat=True)[:MOST_PEERS])
