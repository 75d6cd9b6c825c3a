"""Find sets and evaluations, and what a worker needs to measure them."""

import json
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Prefetch, Q, TextField
from django.db.models.functions import Cast

from catalog.accounts.querysets import Actor
from catalog.adapters.models import Revision, RevisionState
from catalog.adapters.queries import get_adapter, get_revision
from catalog.bases.models import BaseModel
from catalog.bases.queries import get_base
from catalog.errors import Gone, InvalidInput, NotFound, NotPermitted
from catalog.evaluations.answers import unpack
from catalog.evaluations.models import Evaluation, EvaluationSet, EvaluationState, SetFile, SetRevision
from catalog.evaluations.offering import require_offered
from catalog.evaluations.querysets import EvaluationQuerySet, EvaluationSetQuerySet
from catalog.jobs.models import Job
from catalog.names import fold, split_reference

_GONE_STATES = (
    RevisionState.INVALID,
    RevisionState.REJECTED,
    RevisionState.RETURNED,
    RevisionState.WITHDRAWN,
)


@dataclass(frozen=True)
class Subject:
    """One evaluation of a job: the files of its adapter by digest (None: the base model alone), and its settings.

    ``companion`` holds the files of a second adapter beside the first, where there is one.
    """

    evaluation_id: str
    files: dict[str, str] | None
    settings: dict[str, Any]
    companion: dict[str, str] | None = None


@dataclass(frozen=True)
class JobInputs:
    """What one job measures: subjects that share a base model and a set."""

    base: BaseModel
    set_revision: SetRevision
    set_files: dict[str, SetFile] = field(default_factory=dict)
    subjects: list[Subject] = field(default_factory=list)

    def set_argument(self) -> dict[str, Any]:
        """The set as the child gets it, but for the local paths of its files."""
        names = ("harness", "labels", "columns", "template", "metric", "options")
        return {name: getattr(self.set_revision, name) for name in names}


def inputs_of(job: Job) -> JobInputs:
    """The evaluations of ``job`` that still wait, with what they need.

    One whose adapter was refused, withdrawn or emptied meanwhile is left out; recording then says so in its row.

    Raises:
        Gone: nothing is left to measure; ``set_withdrawn``.
    """
    rows = Evaluation.objects.filter(job=job, state=EvaluationState.WAITING)
    related = ("revision", "companion", "base_model", "set_revision__evaluation_set__namespace")
    with_files = rows.select_related(*related).prefetch_related("revision__files", "companion__files")
    waiting = list(with_files.order_by("created_at", "pk"))
    left = [evaluation for evaluation in waiting if _is_there(evaluation)]
    if not left:
        raise Gone(detail="what was to be measured was refused, withdrawn or deleted meanwhile")
    first = left[0]
    require_offered(first.set_revision)
    files = {file.split: file for file in first.set_revision.files.select_related("blob")}
    return JobInputs(first.base_model, first.set_revision, files, [_subject(evaluation) for evaluation in left])


def find_sets(
    actor: Actor, *, text: str = "", namespace: str = "", harness: str = "", task: str = "", language: str = ""
) -> EvaluationSetQuerySet:
    """Sets that ``actor`` may see, none withdrawn; ``harness``, ``task``, ``language`` are those of any revision."""
    found = EvaluationSet.objects.visible_to(actor).offered()
    for word in text.split():
        found = found.filter(Q(name__icontains=word) | Q(summary__icontains=word))
    if namespace:
        found = found.filter(namespace__folded=fold(namespace))
    wanted = {name: value for name, value in (("harness", harness), ("task", task)) if value}
    if wanted or language:
        revisions = SetRevision.objects.filter(**wanted, evaluation_set=OuterRef("pk"))
        if language:  # a JSON list, and SQLite cannot ask one whether it holds a word
            spoken = revisions.alias(spoken=Cast("languages", TextField()))
            revisions = spoken.filter(spoken__icontains=json.dumps(language))
        found = found.filter(Exists(revisions))
    return _with_revisions(found)


def get_set(actor: Actor, full_name: str) -> EvaluationSet:
    """The set, if ``actor`` may see it. Raises NotFound ``set_not_found``, whether it is absent or private."""
    named = _with_revisions(EvaluationSet.objects.named(full_name).visible_to(actor)).first()
    if named is None:
        raise NotFound(
            "set_not_found",
            f"no evaluation set {full_name!r} that you may see",
            field="evaluation_set",
            hint="Check the name, or sign in.",
        )
    return named


def get_set_revision(actor: Actor, reference: str) -> SetRevision:
    """What ``org/set@2`` means, or the newest revision of ``org/set`` that was not withdrawn.

    One that was withdrawn is found by its number, and where there is no other: its scores stay.

    Raises:
        NotFound: ``set_not_found``. InvalidInput: what follows the ``@`` is no number.
    """
    full_name, number = split_reference(reference)
    found = get_set(actor, full_name)
    if number and not (number.isascii() and number.isdigit() and len(number) < 9):
        raise InvalidInput(
            detail=f"{number[:40]!r} is no revision of a set",
            field="evaluation_set",
            hint="Revisions are numbered: org/set@1.",
        )
    revisions = [row for row in found.revisions.all() if not number or row.number == int(number)]
    revision = next((row for row in revisions if row.withdrawn_at is None), next(iter(revisions), None))
    if revision is None:
        detail = f"{found} has no revision {number}" if number else f"{found} has no revision yet"
        raise NotFound("set_not_found", detail, field="evaluation_set")
    return revision


def get_set_file(revision: SetRevision, split: str) -> SetFile:
    """One split of a set that the caller may see.

    Raises:
        NotPermitted: ``rows_hidden``, whoever asks. Gone: ``set_withdrawn``. NotFound: there is no such split.
    """
    if revision.is_hidden:
        raise rows_hidden(revision)
    require_offered(revision)
    file = revision.files.select_related("blob").filter(split=split).first()
    if file is None:
        raise NotFound(detail=f"{revision} has no split {split[:40]!r}")
    return file


def get_evaluation(actor: Actor, evaluation_id: UUID) -> Evaluation:
    """The evaluation, if ``actor`` may see its set and its adapter. Raises NotFound otherwise."""
    found = for_display(Evaluation.objects.visible_to(actor)).filter(pk=evaluation_id).first()
    if found is None:
        raise NotFound(detail=f"no evaluation {evaluation_id} that you may see")
    return found


def find_evaluations(
    actor: Actor, *, adapter: str = "", evaluation_set: str = "", base_model: str = "", state: str = ""
) -> EvaluationQuerySet:
    """Evaluations that ``actor`` may see: of an adapter (all its versions without ``@``), on a set, of a base model.

    Raises:
        NotFound: the adapter, the set (``set_not_found``) or the base model.
    """
    found = Evaluation.objects.visible_to(actor)
    if adapter:
        full_name, ref = split_reference(adapter)
        named = get_adapter(actor, full_name)
        found = found.filter(revision__adapter=named)
        found = found.filter(revision=get_revision(actor, named, ref)) if ref else found
    if evaluation_set:
        full_name, number = split_reference(evaluation_set)
        found = found.filter(set_revision__evaluation_set=get_set(actor, full_name))
        found = found.filter(set_revision=get_set_revision(actor, evaluation_set)) if number else found
    if base_model:
        found = found.filter(base_model=get_base(base_model))
    if state:
        found = found.filter(state=state)
    return for_display(found)


def reference_of(revision: Revision) -> str:
    """``org/name@1.0.0``, or with the commit id where it has no version."""
    version = getattr(revision, "version", None)
    return f"{revision.adapter.full_name}@{version.name if version else revision.commit_id}"


def for_display(evaluations: EvaluationQuerySet) -> EvaluationQuerySet:
    """With everything that an answer shows, in one query."""
    return evaluations.select_related(
        "revision__adapter__namespace",
        "revision__version",
        "companion__adapter__namespace",
        "companion__version",
        "base_model",
        "set_revision__evaluation_set__namespace",
        "requested_by",
    ).defer("base_model__config")


def predictions_of(evaluation: Evaluation) -> dict[str, Any]:
    """Every answer in the order of the set's rows.

    Raises:
        NotPermitted: ``rows_hidden``. NotFound: it has no answers (yet).
    """
    if evaluation.set_revision.is_hidden:
        raise rows_hidden(evaluation.set_revision)
    kept = getattr(evaluation, "predictions", None)
    if kept is None:
        raise NotFound(detail=f"evaluation {evaluation.pk} is {evaluation.state} and has no answers")
    return unpack(bytes(kept.deflated))


def _with_revisions(sets: EvaluationSetQuerySet) -> EvaluationSetQuerySet:
    revisions = SetRevision.objects.select_related("evaluation_set__namespace").prefetch_related("files__blob")
    return sets.select_related("namespace").prefetch_related(Prefetch("revisions", revisions))


def rows_hidden(revision: SetRevision) -> NotPermitted:
    """The refusal to hand out rows, or answers that would tell of them."""
    return NotPermitted(
        "rows_hidden", f"the rows of {revision} are hidden and never leave the hub", hint="Its scores are shown."
    )


def _is_there(evaluation: Evaluation) -> bool:
    named = [revision for revision in (evaluation.revision, evaluation.companion) if revision is not None]
    return all(revision.state not in _GONE_STATES and revision.manifest is None for revision in named)


def _subject(evaluation: Evaluation) -> Subject:
    return Subject(str(evaluation.pk), _files(evaluation.revision), evaluation.settings, _files(evaluation.companion))


def _files(revision: Revision | None) -> dict[str, str] | None:
    return None if revision is None else {file.path: file.blob_id for file in revision.files.all()}
