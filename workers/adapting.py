"""The job ``adapt``: coefficients on the principal directions of others, beside a full LoRA on the same rows."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from django.conf import settings

from catalog.derivations.models import Derivation
from catalog.derivations.trained import inputs_of
from catalog.evaluations.models import SetRevision
from workers.base_weights import base_folder
from workers.children import Beat
from workers.hidden_rows import quoting_no_row
from workers.trained_files import Layout, Trains


class Adapt(Trains):
    """Lays out the base, the set and every member; the child trains both sides and measures them."""

    function = "workers.training.adapt:adapt"

    @contextmanager
    def laid_out(self, derivation: Derivation, beat: Beat) -> Iterator[dict[str, Any]]:
        inputs = inputs_of(derivation)
        basis, on = inputs.basis, inputs.sets["evaluation"]
        folder = base_folder(inputs.base)
        parents = list(derivation.parents.select_related("revision"))
        with quoting_no_row(on), ExitStack() as stack:
            layout = Layout(stack, beat, "adapt-")
            yield {
                "title": derivation.target.full_name,
                "base": {"path": str(folder)},
                "base_id": str(inputs.base),
                "set": layout.rows(on),
                "set_name": public_name(on),
                "basis": layout.local(basis.blob_id) if basis and basis.blob_id else None,
                "members": [] if basis else [layout.adapter(parent.revision) for parent in parents],
                "parents": [str(parent) for parent in parents],
                "settings": derivation.recipe,
                "threads": settings.HUB_EVALUATION_THREADS,
                **layout.folders(),
            }


def public_name(on: SetRevision) -> str:
    """A set as a card may name it."""
    return str(on) if on.evaluation_set.visibility == "public" else "a private set"
