"""Find sets and evaluations, and what a worker needs to measure them."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from catalog.accounts.querysets import Actor
from catalog.adapters.models import RevisionState
from catalog.bases.models import BaseModel
from catalog.errors import Gone, InvalidInput, NotFound, NotPermitted
from catalog.evaluations.answers import unpack
from catalog.evaluations.models import Evaluation, EvaluationSet, EvaluationState, SetFile, SetRevision
from catalog.jobs.models import Job
from catalog.names import split_reference

_GONE_STATES = (RevisionState.INVALID, RevisionState.REJECTED, RevisionState.WITHDRAWN)


@dataclass(frozen=True)
class Subject:
    """One evaluation of a job: the files of its adapter by digest (None: the base model alone), and its settings."""

    evaluation_id: str
    files: dict[str, str] | None
    settings: dict[str, Any]


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
        Gone: nothing is left to measure.
    """
    rows = Evaluation.objects.filter(job=job, state=EvaluationState.WAITING)
    related = ("revision", "base_model", "set_revision__evaluation_set__namespace")
    waiting = list(rows.select_related(*related).prefetch_related("revision__files").order_by("created_at", "pk"))
    left = [evaluation for evaluation in waiting if _is_there(evaluation)]
    if not left:
        raise Gone(detail="what was to be measured was refused, withdrawn or deleted meanwhile")
    first = left[0]
    files = {file.split: file for file in first.set_revision.files.select_related("blob")}
    return JobInputs(first.base_model, first.set_revision, files, [_subject(evaluation) for evaluation in left])


def get_set(actor: Actor, full_name: str) -> EvaluationSet:
    """The set, if ``actor`` may see it. Raises NotFound ``set_not_found``, whether it is absent or private."""
    named = EvaluationSet.objects.named(full_name).visible_to(actor).select_related("namespace").first()
    if named is None:
        raise NotFound(
            "set_not_found",
            f"no evaluation set {full_name!r} that you may see",
            field="evaluation_set",
            hint="Check the name, or sign in.",
        )
    return named


def get_set_revision(actor: Actor, reference: str) -> SetRevision:
    """What ``org/set@2`` means, or the newest revision of ``org/set``.

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
    revisions = found.revisions.filter(number=int(number)) if number else found.revisions.all()
    revision = revisions.order_by("-number").first()
    if revision is None:
        detail = f"{found} has no revision {number}" if number else f"{found} has no revision yet"
        raise NotFound("set_not_found", detail, field="evaluation_set")
    revision.evaluation_set = found
    return revision


def get_set_file(revision: SetRevision, split: str) -> SetFile:
    """One split of a set that the caller may see.

    Raises:
        NotPermitted: ``rows_hidden``, whoever asks. NotFound: there is no such split.
    """
    if revision.is_hidden:
        raise rows_hidden(revision)
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


def for_display(evaluations: Any) -> Any:
    """With everything that an answer shows, in one query."""
    return evaluations.select_related(
        "revision__adapter__namespace",
        "revision__version",
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


def rows_hidden(revision: SetRevision) -> NotPermitted:
    """The refusal to hand out rows, or answers that would tell of them."""
    return NotPermitted(
        "rows_hidden", f"the rows of {revision} are hidden and never leave the hub", hint="Its scores are shown."
    )


def _is_there(evaluation: Evaluation) -> bool:
    revision = evaluation.revision
    return revision is None or (revision.state not in _GONE_STATES and revision.manifest is None)


def _subject(evaluation: Evaluation) -> Subject:
    revision = evaluation.revision
    files = None if revision is None else {file.path: file.blob_id for file in revision.files.all()}
    return Subject(str(evaluation.pk), files, evaluation.settings)
