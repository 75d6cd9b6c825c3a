"""Ask for a merge, or for a look at one: everything that can be refused is refused before a job."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from catalog.accounts.models import User
from catalog.derivations.drafting import open_derivation
from catalog.derivations.merge_options import read_merge_options, read_weight
from catalog.derivations.models import Derivation, DerivationKind
from catalog.derivations.parents import Named, as_parents, named_parents, namespace_of_job
from catalog.derivations.searching import read_search
from catalog.derivations.targets import Target, open_target
from catalog.errors import InvalidInput, Unprocessable
from catalog.jobs.models import Job
from catalog.jobs.services import submit

MERGE, PREVIEW_MERGE = "merge", "preview_merge"
QUEUE = "gpu"


@dataclass(frozen=True)
class AskedMerge:
    """What somebody wants merged: references with weights, how, and whose heads stay."""

    members: Sequence[tuple[str, float]]
    method: str = "cat"
    heads: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    search: dict[str, Any] | None = None


@transaction.atomic
def request_merge(actor: User, asked: AskedMerge, target: Target) -> Derivation:
    """Merge adapters into a draft of ``target``; the derivation waits for its job.

    Raises:
        As :func:`named_parents` and :func:`open_target`. InvalidInput: settings, weights, or ``heads`` that name no
        member. Unprocessable: ``heads_undecided`` where members keep modules in full and none is named; what
        :func:`read_search` raises.
    """
    named, recipe = _read(actor, asked)
    adapter, metadata = open_target(actor, target, named)
    weights = None if recipe["search"] else recipe["weights"]
    job = submit(
        MERGE,
        {"adapter": adapter.full_name},
        created_by=actor,
        namespace=namespace_of_job(named, adapter),
        subject=("merge", f"{adapter.full_name}@{target.version}".rstrip("@")),
        queue=QUEUE,
    )
    return open_derivation(
        actor,
        adapter,
        kind=DerivationKind.MERGE,
        parents=as_parents(named, weights=weights),
        recipe=recipe | {"metadata": metadata},
        version=target.version,
        job=job,
    )


def request_preview(actor: User, asked: AskedMerge) -> Job:
    """Look at a merge before anything is computed: norms, overlaps, sign conflicts, heads. The job's result tells.

    Only who asked may see the job. Raises as :func:`request_merge`, but for heads, of which the result tells.
    """
    named, recipe = _read(actor, asked, is_look=True)
    parents = [
        {"revision_id": one.revision.pk, "weight": weight} for one, weight in zip(named, recipe["weights"], strict=True)
    ]
    subject = ("merge", ", ".join(one.reference for one in named))
    return submit(PREVIEW_MERGE, {"parents": parents, "recipe": recipe}, created_by=actor, subject=subject, queue=QUEUE)


def _read(actor: User, asked: AskedMerge, *, is_look: bool = False) -> tuple[list[Named], dict[str, Any]]:
    """The members, and the recipe in full."""
    weights = [read_weight(weight) for _, weight in asked.members]
    recipe = read_merge_options(asked.method, asked.settings) | {"weights": weights, "search": None}
    named = named_parents(actor, [reference for reference, _ in asked.members])
    keeper = _keeper(named, asked.heads, is_look=is_look)
    recipe["heads"] = str(as_parents([keeper])[0]) if keeper else ""
    if asked.search is not None:
        recipe |= read_search(actor, asked.search, method=asked.method, keeper=keeper, base=named[0].base)
    return named, recipe


def _keeper(named: Sequence[Named], heads: str, *, is_look: bool) -> Named | None:
    """The member whose full copies are kept; None where nobody has any."""
    if heads:
        keeper = next((one for one in named if one.reference == heads), None)
        if keeper is None:
            raise InvalidInput(
                detail=f"{heads[:200]!r} is none of the members", field="heads", hint="Name one as in the members."
            )
        if not keeper.has_copies:
            raise Unprocessable(
                "heads_undecided",
                f"{heads} keeps no module in full",
                field="heads",
                hint="Name another, or leave it out.",
            )
        return keeper
    having = [one.reference for one in named if one.has_copies]
    if having and not is_look:
        raise Unprocessable(
            "heads_undecided",
            f"{', '.join(having[:5])} keep modules in full (heads, embeddings, biases), and no rule merges those",
            field="heads",
            hint="Name the one member whose heads are kept.",
        )
    return None
