"""Ask for a smaller adapter out of one, or for a LoRA out of a fine-tuned checkpoint."""

from typing import Any

from django.db import transaction

from catalog.accounts.models import User
from catalog.bases.models import BaseModel
from catalog.bases.queries import require_base
from catalog.derivations.drafting import open_derivation
from catalog.derivations.models import Derivation, DerivationKind
from catalog.derivations.parents import as_parents, named_parents, namespace_of_job
from catalog.derivations.reduce_options import read_extract_options, read_reduce_options
from catalog.derivations.targets import Target, open_target
from catalog.errors import InvalidInput, Unprocessable
from catalog.jobs.services import submit

REDUCE, EXTRACT = "reduce", "extract"
QUEUE = "gpu"


@transaction.atomic
def request_reduction(
    actor: User, *, source: str, operation: str, settings: dict[str, Any], target: Target
) -> Derivation:
    """Make ``source`` smaller as a draft of ``target``; the derivation waits for its job.

    Raises:
        As :func:`named_parents` (field ``source``) and :func:`open_target`; InvalidInput for the settings.
    """
    recipe = read_reduce_options(operation, settings)
    named = named_parents(actor, [source], field="source")
    adapter, metadata = open_target(actor, target, named)
    job = submit(
        REDUCE,
        {"adapter": adapter.full_name},
        created_by=actor,
        namespace=namespace_of_job(named, adapter),
        subject=("reduction", f"{adapter.full_name}@{target.version}".rstrip("@")),
        queue=QUEUE,
    )
    return open_derivation(
        actor,
        adapter,
        kind=DerivationKind.REDUCE,
        parents=as_parents(named, role="source"),
        recipe=recipe | {"metadata": metadata},
        version=target.version,
        job=job,
    )


@transaction.atomic
def request_extraction(
    actor: User, *, base_model: str, tuned_model: str, settings: dict[str, Any], target: Target
) -> Derivation:
    """Make a LoRA out of the difference of two registered base models, whose weights lie with a worker.

    Raises:
        InvalidInput: settings, or twice the same model. Unprocessable: ``unknown_base_model``, ``mixed_shapes``.
        As :func:`open_target`.
    """
    recipe = read_extract_options(settings)
    base, tuned = require_base(base_model, field="base_model"), require_base(tuned_model, field="tuned_model")
    if base.pk == tuned.pk:
        raise InvalidInput(
            detail=f"{base} and {tuned} are one model", field="tuned_model", hint="Register the tuned one."
        )
    _require_one_kind(base, tuned)
    adapter, metadata = open_target(actor, target, [], base=str(base))
    job = submit(
        EXTRACT,
        {"adapter": adapter.full_name},
        created_by=actor,
        namespace=adapter.namespace,
        subject=("extraction", f"{adapter.full_name}@{target.version}".rstrip("@")),
        queue=QUEUE,
    )
    models = {"base_model": _named(base), "tuned_model": _named(tuned), "tuned_license": tuned.license}
    return open_derivation(
        actor,
        adapter,
        kind=DerivationKind.EXTRACT,
        parents=[],
        recipe=recipe | models | {"metadata": metadata},
        version=target.version,
        job=job,
    )


def _require_one_kind(base: BaseModel, tuned: BaseModel) -> None:
    """Raise Unprocessable ``mixed_shapes`` where the two are models of another type or width."""
    for name in ("model_type", "hidden_size", "layers"):
        one, other = getattr(base, name, None), getattr(tuned, name, None)
        if one and other and one != other:
            raise Unprocessable(
                "mixed_shapes",
                f"{name} of {base} is {one}, of {tuned} {other}",
                field="tuned_model",
                hint="A checkpoint is compared with the model that it was tuned from.",
            )


def _named(base: BaseModel) -> str:
    return f"{base.name}@{base.revision}"
