"""The job ``transfer``: an adapter's answers on its own base model, learnt by a fresh LoRA on another one."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from django.conf import settings

from catalog.derivations.models import Derivation
from catalog.derivations.trained import inputs_of
from workers.adapting import public_name
from workers.base_weights import base_folder
from workers.children import Beat
from workers.hidden_rows import quoting_no_row
from workers.trained_files import Layout, Trains


class Transfer(Trains):
    """Lays out both base models, the adapter, the texts and the set; the child distils and measures both sides."""

    function = "workers.training.transfer:transfer"

    @contextmanager
    def laid_out(self, derivation: Derivation, beat: Beat) -> Iterator[dict[str, Any]]:
        inputs = inputs_of(derivation)
        texts, on = inputs.sets["text"], inputs.sets.get("evaluation")
        old_folder, new_folder = base_folder(inputs.base), base_folder(inputs.new_base)
        parent = derivation.parents.select_related("revision").get()
        with ExitStack() as stack:
            stack.enter_context(quoting_no_row(texts))
            stack.enter_context(quoting_no_row(on or texts))
            layout = Layout(stack, beat, "transfer-")
            yield {
                "title": derivation.target.full_name,
                "old_base": {"path": str(old_folder)},
                "old_base_id": str(inputs.base),
                "base": {"path": str(new_folder)},
                "base_id": str(inputs.new_base),
                "source": layout.adapter(parent.revision),
                "texts": layout.rows(texts),
                "text_name": public_name(texts),
                "set": layout.rows(on) if on else None,
                "parents": [str(parent)],
                "settings": derivation.recipe,
                "threads": settings.HUB_EVALUATION_THREADS,
                **layout.folders(),
            }
