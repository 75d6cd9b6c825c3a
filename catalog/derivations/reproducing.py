"""Ask for a derivation to be computed again from its recipe, so that its digests can be compared."""

from typing import Any

from catalog.accounts.models import User
from catalog.accounts.querysets import WRITE_ROLES
from catalog.accounts.services import require_role
from catalog.adapters.models import Revision
from catalog.derivations.drafting import require_parents
from catalog.derivations.models import Derivation, DerivationKind, DerivationState
from catalog.errors import Conflict, Gone
from catalog.jobs.models import Job
from catalog.jobs.services import submit

REPRODUCE = "reproduce"
QUEUE = "gpu"
# What a recipe determines, with the digests of parents and sets.
RECOMPUTED = (
    DerivationKind.MERGE,
    DerivationKind.REDUCE,
    DerivationKind.EXTRACT,
    DerivationKind.ADAPT,
    DerivationKind.TRANSFER,
)


def request_reproduction(actor: User, derivation: Derivation) -> Job:
    """Compute it again on the same kind of device; the job's ``result`` compares. Nothing is stored.

    Raises:
        NotPermitted: ``actor`` does not write where the result lives. Conflict: ``not_reproducible`` (it was not made,
        or is of a kind that a recipe does not determine). Gone: ``parent_gone``.
    """
    require_role(actor, derivation.target.namespace, WRITE_ROLES, "compute for it")
    if derivation.state != DerivationState.MADE or derivation.kind not in RECOMPUTED:
        raise Conflict(
            "not_reproducible",
            f"{derivation} is a {derivation.kind} that is {derivation.state}",
            hint=f"What was made by {', '.join(RECOMPUTED)} can be computed again.",
        )
    require_parents(derivation)
    return submit(
        REPRODUCE,
        {"derivation_id": derivation.pk},
        created_by=actor,
        namespace=derivation.job.namespace if derivation.job else None,
        subject=("reproduction", str(derivation.revision)),
        queue=QUEUE,
    )


def made_before(job: Job) -> Derivation:
    """The derivation that a job computes again, its parents being there. Raises Gone."""
    related = Derivation.objects.select_related("revision")
    found = related.filter(pk=job.payload["derivation_id"], state=DerivationState.MADE).first()
    if found is None or found.revision is None:
        raise Gone(detail="what was to be computed again was withdrawn or deleted meanwhile")
    require_parents(found)
    return found


def digests_of(revision: Revision) -> dict[str, str]:
    """SHA-256 of each file by path, also of a revision that has given up its bytes."""
    if revision.manifest is not None:
        return {row["path"]: row["sha256"] for row in revision.manifest}
    return dict(revision.files.values_list("path", "blob_id"))


def compared(then: dict[str, str], now: dict[str, str]) -> dict[str, Any]:
    """Whether every file is the same, and each with both digests (None where one side lacks it)."""
    files = [
        {"path": path, "then": then.get(path), "now": now.get(path), "is_same": then.get(path) == now.get(path)}
        for path in sorted(then.keys() | now.keys())
    ]
    return {"is_same": all(row["is_same"] for row in files), "files": files}
