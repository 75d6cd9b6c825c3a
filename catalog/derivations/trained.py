"""What a training job needs of its derivation, and how its result becomes a draft."""

from dataclasses import dataclass
from typing import Any

from catalog.bases.models import BaseModel
from catalog.derivations.drafting import receipts_from_dict, record_made, waiting_for
from catalog.derivations.models import Derivation
from catalog.errors import Gone
from catalog.evaluations.models import SetRevision
from catalog.families.models import Basis, BasisState
from catalog.jobs.models import Job
from catalog.uploads.metadata import Metadata

# Keys of a job's payload that hold the id of a set's revision.
SET_ROLES = ("evaluation", "text")


@dataclass(frozen=True)
class Inputs:
    """A derivation that waits, its parents' base model, the one that is trained on, and the sets by their role."""

    derivation: Derivation
    base: BaseModel
    new_base: BaseModel
    basis: Basis | None
    sets: dict[str, SetRevision]


def inputs_of(job: Job) -> Inputs:
    """What ``job`` trains. Raises Gone where a parent, a set or the base model is not there any more."""
    derivation, payload = waiting_for(job), job.payload
    sets = {role: _set(payload[role]) for role in SET_ROLES if payload.get(role) is not None}
    first = derivation.parents.select_related("revision__base_model").first()
    base = first.revision.base_model if first else None
    new_base = BaseModel.objects.filter(pk=payload["new_base"]).first() if payload.get("new_base") else base
    if base is None or new_base is None:
        raise Gone(detail="the base model is not there any more")
    return Inputs(derivation, base, new_base, _basis(payload.get("basis")), sets)


def _basis(pk: int | None) -> Basis | None:
    if pk is None:
        return None
    found = Basis.objects.filter(pk=pk, state=BasisState.READY).exclude(blob=None).first()
    if found is None:
        raise Gone(detail="the family's basis was withdrawn meanwhile")
    return found


def _set(pk: int) -> SetRevision:
    found = SetRevision.objects.select_related("evaluation_set__namespace").filter(pk=pk).first()
    if found is None:
        raise Gone("set_gone", "a set that was asked for was deleted meanwhile")
    return found


def set_argument(on: SetRevision) -> dict[str, Any]:
    """A set as a child gets it, but for the local paths of its files."""
    names = ("harness", "labels", "columns", "template", "metric", "options")
    return {name: getattr(on, name) for name in names}


def record_trained(job: Job, outcome: dict[str, Any]) -> dict[str, Any]:
    """Keep the result as a draft with its report. Raises as :func:`record_made`."""
    made = record_made(
        job,
        receipts=receipts_from_dict(outcome["receipts"]),
        metadata=Metadata(**outcome["metadata"]),
        card={},
        card_text=outcome["card"],
        report=outcome["report"],
        made_with=outcome["made_with"],
    )
    assert made.revision is not None, "it was made a moment ago"
    version = getattr(made.revision, "version", None)
    return {
        "derivation": made.pk,
        "adapter": made.target.full_name,
        "version": version.name if version else None,
        "commit_id": made.revision.commit_id,
        "job": str(made.revision.validation_job_id),
    }
