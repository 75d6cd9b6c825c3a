"""What was computed from others against what is known of it: nobody sees a merge whose parents he may not see."""

from collections.abc import Iterator
from functools import partial

from django.db.models import Exists, OuterRef, Q

from catalog.access.models import Origin
from catalog.access.origins import record_origins
from catalog.derivations.models import Derivation, Parent
from catalog.retention.batches import each
from catalog.retention.findings import Finding


def check_origins() -> Iterator[Finding]:
    """``origin_missing``: a derived revision would be seen by whoever sees it, whatever it was made of."""
    parents = Parent.objects.filter(derivation=OuterRef("pk"))
    known = Origin.objects.filter(revision=OuterRef("derivation__revision"), ancestor=OuterRef("revision"))
    unmarked = Q(Exists(parents), revision__is_derived=False)
    astray = Derivation.objects.exclude(revision=None).filter(Q(Exists(parents.filter(~Exists(known)))) | unmarked)
    for derivation in each(astray.select_related("revision__adapter__namespace")):
        detail = "what it was made of does not restrict who sees it"
        yield Finding("origin_missing", str(derivation.revision), detail, partial(_record_again, derivation.pk))


def _record_again(derivation_id: int) -> None:
    derivation = Derivation.objects.select_related("revision").get(pk=derivation_id)
    assert derivation.revision is not None, "only what was made is looked at"
    record_origins(derivation.revision, derivation.parents.values_list("revision_id", flat=True))
