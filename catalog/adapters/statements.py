"""The statements of the reading that never stops: an adapter, a revision, a file. Their permissions are querysets'."""

from typing import Any

from django.db.models import QuerySet

from catalog.access.querysets import origins_seen
from catalog.accounts.models import Namespace, User
from catalog.accounts.viewers import viewer_like
from catalog.adapters.models import Adapter, Blob, File, Revision, RevisionState, Version
from catalog.adapters.querysets import OPEN_STATES
from catalog.bases.models import BaseModel
from catalog.compiled import CompiledModels, CompiledQuery, Part, StandIns
from catalog.jobs.models import Job
from catalog.reviews.models import Review

_FILE_FIELDS = ("files__blob_id", "files__blob__size_bytes", "files__blob__state")


def _adapters_of(stand_ins: StandIns, viewer: str) -> QuerySet[Adapter]:
    visible = Adapter.objects.visible_to(viewer_like(viewer, stand_ins))
    return visible.filter(folded=stand_ins.text("name"), namespace__folded=stand_ins.text("namespace"))


def _revisions_of(stand_ins: StandIns, shape: tuple[str, str]) -> QuerySet[Revision]:
    viewer, meant = shape
    ref = stand_ins.number("ref") if meant == "pk" else stand_ins.text("ref")
    visible = Revision.objects.visible_to(viewer_like(viewer, stand_ins))
    return visible.filter(**{meant: ref}, adapter_id=stand_ins.number("adapter"))


adapters = CompiledModels(_adapters_of, Part(Adapter), Part(Namespace, "namespace"), Part(Version, "default_version"))
revisions = CompiledModels(
    _revisions_of,
    Part(Revision),
    Part(User, "author"),
    Part(BaseModel, "base_model", without=("config", "error")),
    Part(Version, "version"),
    Part(Job, "validation_job"),
)
files = CompiledModels(
    lambda stand_ins, _: File.objects.filter(revision_id=stand_ins.number("revision")), Part(File), Part(Blob, "blob")
)
reviews = CompiledModels(
    lambda stand_ins, _: Review.objects.filter(revision_id=stand_ins.number("revision")),
    Part(Review),
    Part(User, "reviewer"),
)


def _file_of(stand_ins: StandIns, shape: tuple[str, str]) -> QuerySet[Revision, Any]:
    viewer, meant = shape
    revisions = Revision.objects.visible_to(viewer_like(viewer, stand_ins)).exclude(state=RevisionState.WITHDRAWN)
    found = revisions.filter(
        **{meant: stand_ins.text("ref")},
        adapter__folded=stand_ins.text("name"),
        adapter__namespace__folded=stand_ins.text("namespace"),
        files__path=stand_ins.text("path"),
    )
    return found.values_list("adapter_id", *_FILE_FIELDS)


file = CompiledQuery(_file_of)


def _offered_of(stand_ins: StandIns, viewer: str) -> QuerySet[Version, Any]:
    seen = origins_seen(viewer_like(viewer, stand_ins), "revision_id")
    found = Version.objects.filter(seen, adapter_id=stand_ins.number("adapter"), state__in=OPEN_STATES)
    return found.values_list("name")


offered_versions = CompiledQuery(_offered_of)
