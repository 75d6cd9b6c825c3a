"""What a training needs of its recipe, and how its result becomes a draft."""

from dataclasses import dataclass
from typing import Any

from catalog.bases.models import BaseModel
from catalog.bases.queries import find_base
from catalog.cards import split_card
from catalog.derivations.drafting import receipts_from_dict, record_made, waiting_for
from catalog.derivations.models import Derivation
from catalog.errors import Gone
from catalog.evaluations.models import EvaluationSet, SetRevision
from catalog.evaluations.offering import require_offered
from catalog.families.models import Basis, BasisState
from catalog.jobs.models import Job
from catalog.uploads.metadata import Metadata

# Roles of a recipe's sets: the key with the set's reference, and that with its digest.
_SETS = {"evaluation": ("evaluation_set", "set_digest"), "text": ("text_set", "text_set_digest")}


@dataclass(frozen=True)
class Inputs:
    """A derivation, its parents' base model, the one that is trained on, and the sets by their role."""

    derivation: Derivation
    base: BaseModel
    new_base: BaseModel
    basis: Basis | None
    sets: dict[str, SetRevision]


def inputs_of(derivation: Derivation) -> Inputs:
    """What a recipe trains on, whoever may see it now.

    Raises Gone where a set (``set_gone``, ``set_withdrawn``), a basis or a base model is not there any more.
    """
    recipe = derivation.recipe
    sets = {role: _set(recipe[name], recipe[digest]) for role, (name, digest) in _SETS.items() if recipe.get(name)}
    first = derivation.parents.select_related("revision__base_model").first()
    base, new_base = first.revision.base_model if first else None, find_base(recipe["base_model"])
    if base is None or new_base is None:
        raise Gone(detail="the base model is not there any more")
    return Inputs(derivation, base, new_base, _basis(recipe.get("basis"), recipe.get("basis_digest")), sets)


def _basis(reference: str | None, digest: str | None) -> Basis | None:
    if not reference:
        return None
    number = reference.rpartition("@")[2]
    wanted = Basis.objects.filter(number=number, blob_id=digest, state=BasisState.READY)
    found = next((basis for basis in wanted.select_related("family__namespace") if str(basis) == reference), None)
    if found is None:
        raise Gone(detail=f"{reference} is not there any more")
    return found


def _set(reference: str, digest: str) -> SetRevision:
    full_name, _, number = reference.rpartition("@")
    named = EvaluationSet.objects.named(full_name).first()
    found = named.revisions.filter(number=number, digest=digest).first() if named else None
    if found is None:
        raise Gone("set_gone", f"{reference} is not there any more, or holds other rows")
    require_offered(found)
    return found


def set_argument(on: SetRevision) -> dict[str, Any]:
    """A set as a child gets it, but for the local paths of its files."""
    names = ("harness", "labels", "columns", "template", "metric", "options")
    return {name: getattr(on, name) for name in names}


def record_trained(job: Job, outcome: dict[str, Any]) -> dict[str, Any]:
    """Keep the result as a draft with its report. Raises as :func:`record_made`."""
    card, text = split_card(outcome["card"])
    made = record_made(
        job,
        receipts=receipts_from_dict(outcome["receipts"]),
        metadata=Metadata(**waiting_for(job).recipe["metadata"]),
        card=card,
        card_text=text,
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
