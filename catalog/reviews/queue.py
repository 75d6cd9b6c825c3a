"""The queue: what waits for somebody, in what order, and what comes next."""

from dataclasses import asdict, dataclass, field
from typing import Any

from django.db.models import Q

from catalog.accounts.models import User
from catalog.accounts.querysets import Actor
from catalog.adapters.models import Revision
from catalog.counting import bounded
from catalog.errors import InvalidInput, NotFound
from catalog.paging import Page, after, page_of
from catalog.reviews.models import Case, Priority
from catalog.reviews.querysets import CaseQuerySet

# Whose cases: title and what it means are those of the page.
SHOWS = ("waiting", "mine", "free", "returned", "own")
KINDS: dict[str, Q] = {
    "first": Q(is_first=True),
    "update": Q(is_first=False),
    "again": Q(thread__in=Case.objects.filter(is_answered=True).values("thread")),
    "warnings": Q(warnings__gt=0),
    "disagreements": Q(disagreements__gt=0),
}
ORDERS: dict[str, tuple[str, ...]] = {
    "priority": ("priority", "entered_at", "id"),
    "oldest": ("entered_at", "id"),
    "newest": ("-entered_at", "-id"),
}
MOST_COUNTED = 1000
MOST_TOLD = 100
PRIORITIES = {priority.name.lower(): priority for priority in Priority}


@dataclass(frozen=True)
class QueueFilter:
    """Which cases, and in what order; an empty field stands for any.

    show: ``waiting`` (all that the viewer may decide), ``mine`` (given to him), ``free`` (given to nobody),
    ``returned`` (sent back, not answered), ``own`` (pushed by him).
    """

    show: str = "waiting"
    namespace: str = ""
    priority: str = ""
    kind: str = ""
    sort: str = "priority"

    def __post_init__(self) -> None:
        """Refuse words that mean nothing. Raises InvalidInput."""
        for name, known in (
            ("show", SHOWS),
            ("kind", ("", *KINDS)),
            ("sort", tuple(ORDERS)),
            ("priority", ("", *PRIORITIES)),
        ):
            given = getattr(self, name)
            if given not in known:
                raise InvalidInput(
                    detail=f"{name} is {given[:40]!r}", field=name, hint=f"One of {', '.join(filter(None, known))}."
                )

    def as_query(self) -> dict[str, str]:
        """The fields that say something, for an address."""
        plain = QueueFilter()
        return {name: value for name, value in asdict(self).items() if value != getattr(plain, name)}


@dataclass(frozen=True)
class Counts:
    """What a viewer may decide, what of it is his, what came back to him; each counted to ``MOST_COUNTED`` at most."""

    waiting: int = 0
    mine: int = 0
    returned: int = 0
    by_show: dict[str, int] = field(default_factory=dict)


def read_queue(viewer: Actor, wanted: QueueFilter, *, cursor: str | None = None, limit: int = 50) -> Page[Case]:
    """One page of the queue. Raises InvalidInput as :func:`page_of`."""
    return page_of(cases_of(viewer, wanted).for_display(), ORDERS[wanted.sort], cursor=cursor, limit=limit)


def cases_of(viewer: Actor, wanted: QueueFilter) -> CaseQuerySet:
    """The cases that ``wanted`` means to ``viewer``, in no order."""
    found = _shown(viewer, wanted.show)
    if wanted.namespace:
        found = found.filter(revision__adapter__namespace__name=wanted.namespace)
    if wanted.priority:
        found = found.filter(priority=PRIORITIES[wanted.priority])
    return found.filter(KINDS[wanted.kind]) if wanted.kind else found


def counts_of(viewer: Actor) -> Counts:
    """How much of each there is; nothing for strangers."""
    if not viewer.is_authenticated:
        return Counts()
    found = {show: min(bounded(_shown(viewer, show), MOST_COUNTED), MOST_COUNTED) for show in SHOWS}
    back = min(bounded(Case.objects.pushed_by(viewer).returned(), MOST_COUNTED), MOST_COUNTED)
    return Counts(found["waiting"], found["mine"], back, found)


def waiting_for(viewer: Actor) -> int:
    """How many revisions wait for ``viewer``: for his decision, or for his next push; ``MOST_TOLD`` stands for more.

    Every page asks it, so it looks at no more rows than it tells.
    """
    if not viewer.is_authenticated:
        return 0
    found = bounded(Case.objects.decidable_by(viewer), MOST_TOLD)
    return min(found + bounded(Case.objects.pushed_by(viewer).returned(), MOST_TOLD), MOST_TOLD)


def following(viewer: User, case: Case | None, wanted: QueueFilter) -> Case | None:
    """The next case that ``viewer`` may decide: after this one in the same list, from its start again at the end."""
    order = ORDERS[wanted.sort]
    listed = wanted if wanted.show in ("mine", "free") else QueueFilter(**{**asdict(wanted), "show": "waiting"})
    waiting = cases_of(viewer, listed).select_related("revision__adapter__namespace").order_by(*order)
    if case is None:
        return waiting.first()
    waiting = waiting.exclude(pk=case.pk)
    key: list[Any] = [getattr(case, term.lstrip("-")) for term in order]
    return waiting.filter(after(Case, order, key)).first() or waiting.first()


def case_of(revision: Revision) -> Case:
    """The case of a revision. Raises NotFound where it never came before a reviewer."""
    found = Case.objects.select_related("assignee", "thread").filter(revision_id=revision.pk).first()
    if found is None:
        raise NotFound(detail=f"{revision} was never put before a reviewer")
    return found


def revisions_named(viewer: User, case_ids: list[int]) -> list[Revision]:
    """The revisions of these cases, as far as ``viewer`` may decide them, in the order of the queue."""
    cases = Case.objects.reviewed_by(viewer).filter(pk__in=case_ids).for_display()
    return [case.revision for case in cases.order_by(*ORDERS["priority"])]


def reviewed_namespaces(viewer: Actor) -> list[str]:
    """Names of the namespaces in which something waits for ``viewer``."""
    waiting = Case.objects.decidable_by(viewer)
    return list(
        waiting.order_by("revision__adapter__namespace__name")
        .values_list("revision__adapter__namespace__name", flat=True)
        .distinct()
    )


def _shown(viewer: Actor, show: str) -> CaseQuerySet:
    if show == "own":
        found = Case.objects.pushed_by(viewer)
        return found.waiting() | found.returned()
    if show == "returned":
        return Case.objects.reviewed_by(viewer).returned()
    waiting = Case.objects.decidable_by(viewer)
    if show == "mine":
        return waiting.filter(assignee_id=viewer.pk)
    return waiting.filter(assignee=None) if show == "free" else waiting
