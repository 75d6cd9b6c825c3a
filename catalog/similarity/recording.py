"""Keep a revision's fingerprint, and have those made that are missing."""

from base64 import b64decode
from typing import Any

from django.db.models import Q

from catalog.adapters.models import Revision, RevisionState
from catalog.adapters.querysets import RevisionQuerySet
from catalog.jobs.models import Job, Priority
from catalog.jobs.services import submit
from catalog.similarity.models import Fingerprint
from kernels.similarity.sketching import SKETCH_VERSION

FINGERPRINT = "fingerprint"
MEASURED_STATES = (RevisionState.PENDING, RevisionState.PUBLISHED, RevisionState.YANKED)
_UNFINISHED = ("queued", "running")


def record_fingerprint(revision: Revision, found: dict[str, Any]) -> Fingerprint:
    """Keep what ``workers.fingerprinting`` computed, instead of what was there before."""
    values = {
        "space": space_of(revision),
        "update_code": b64decode(found["update"]),
        "initial_a_code": b64decode(found["initial_a"]),
        **{name: found[name] for name in _PLAIN},
    }
    fingerprint, _ = Fingerprint.objects.update_or_create(revision=revision, defaults=values)
    return fingerprint


_PLAIN = ("version", "tensors_digest", "layout", "norm", "modules", "is_partial", "factors", "skipped")


def space_of(revision: Revision) -> str:
    """What names the shapes of the revision's base model: base models of equal shapes are one space."""
    base = revision.base_model
    return "" if base is None else base.shapes_digest or f"base {base.pk}"


def without_fingerprint() -> RevisionQuerySet:
    """Accepted revisions whose bytes are here and whose fingerprint is not, or is of an older kind."""
    accepted = Revision.objects.filter(state__in=MEASURED_STATES, manifest__isnull=True)
    return accepted.filter(Q(fingerprint=None) | Q(fingerprint__version__lt=SKETCH_VERSION))


def request_fingerprint(revision: Revision) -> Job:
    """Submit the job that makes it, behind everything else."""
    version = getattr(revision, "version", None)
    name = f"{revision.adapter.full_name}@{version.name if version else revision.commit_id[:12]}"
    return submit(
        FINGERPRINT,
        {"revision_id": revision.pk},
        namespace=revision.adapter.namespace,
        subject=("revision", name),
        priority=Priority.BACKGROUND,
    )


def request_missing(most: int = 1000) -> int:
    """Submit jobs for at most so many that are missing, the newest first; returns how many.

    Nothing while jobs of the call before are left. One that failed is not asked for again.
    """
    jobs = Job.objects.filter(kind=FINGERPRINT)
    if jobs.filter(state__in=_UNFINISHED).exists():
        return 0
    failed = {payload["revision_id"] for payload in jobs.filter(state="failed").values_list("payload", flat=True)}
    missing = without_fingerprint().exclude(pk__in=failed).select_related("adapter__namespace", "version")
    asked = [request_fingerprint(revision) for revision in missing.order_by("-pk")[:most]]
    return len(asked)
