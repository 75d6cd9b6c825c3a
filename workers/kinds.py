"""Every kind of job and its handler."""

from catalog.adapters.commits import VALIDATE_REVISION
from catalog.bases.services import DESCRIBE_BASE
from catalog.derivations.merging import PREVIEW_MERGE
from catalog.derivations.reproducing import REPRODUCE
from catalog.errors import Conflict
from catalog.evaluations.grouping import EVALUATE
from catalog.evaluations.uncertainty import BAYESIANISE
from catalog.evidence.services import GATHER_EVIDENCE
from catalog.families.gate import GATE
from catalog.families.newcomers import PROJECT
from catalog.families.requesting import COMPRESS
from catalog.fits.comparing import COMPARE_SHAPES
from catalog.jobs.models import Job
from catalog.removals.removing import REMOVE
from catalog.similarity.recording import FINGERPRINT
from catalog.uploads.receiving import RECEIVE_UPLOAD
from workers.bayesianising import Bayesianise
from workers.comparing import CompareShapes
from workers.compressing import Compress
from workers.derivation_kinds import DERIVES
from workers.description import DescribeBase
from workers.evaluating import Evaluate
from workers.evidence import GatherEvidence
from workers.fingerprinting import MakeFingerprint
from workers.gating import GateBasis
from workers.merging import PreviewMerge
from workers.projecting import ProjectRevision
from workers.receiving import ReceiveUpload
from workers.removing import Remove
from workers.reproducing import Reproduce
from workers.supervisor import Handler
from workers.validation import ValidateRevision

HANDLERS: dict[str, Handler] = {
    VALIDATE_REVISION: ValidateRevision(),
    DESCRIBE_BASE: DescribeBase(),
    RECEIVE_UPLOAD: ReceiveUpload(),
    GATHER_EVIDENCE: GatherEvidence(),
    EVALUATE: Evaluate(),
    BAYESIANISE: Bayesianise(),
    FINGERPRINT: MakeFingerprint(),
    PREVIEW_MERGE: PreviewMerge(),
    REPRODUCE: Reproduce(),
    **DERIVES,
    REMOVE: Remove(),
    COMPRESS: Compress(),
    GATE: GateBasis(),
    PROJECT: ProjectRevision(),
    COMPARE_SHAPES: CompareShapes(),
}


def handler_of(kind: str) -> Handler:
    """The handler of ``kind``. Raises KeyError for a kind this build does not know."""
    return HANDLERS[kind]


def abandon_exhausted(job: Job) -> None:
    """Settle what hung on a job that the sweep gives up."""
    if job.kind in HANDLERS:
        HANDLERS[job.kind].abandon(job, job.error or {"code": "worker_lost", "detail": ""})


def revive(job: Job) -> None:
    """Bring back what hung on a dead letter, named in ``settings.HUB_JOB_REVIVER``.

    Raises:
        Conflict: it cannot come back, or this build does not know the kind (``kind_unknown``).
    """
    if job.kind not in HANDLERS:
        raise Conflict("kind_unknown", f"this build knows no jobs of the kind {job.kind!r}")
    HANDLERS[job.kind].revive(job)
