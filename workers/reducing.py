"""The jobs ``reduce`` and ``extract``."""

from typing import Any

from catalog.bases.models import BaseModel
from catalog.bases.queries import find_base
from catalog.derivations.models import Derivation
from catalog.errors import Gone
from workers.base_weights import base_folder
from workers.deriving import Derive, Local


class Extract(Derive):
    """Finds the weights of the base and of the tuned model on this worker."""

    def inputs(self, derivation: Derivation, local: Local) -> dict[str, Any]:
        found = {"base": _model(derivation, "base_model"), "tuned": _model(derivation, "tuned_model")}
        return {name: {"name": model.name, "path": str(base_folder(model))} for name, model in found.items()}


def _model(derivation: Derivation, key: str) -> BaseModel:
    model = find_base(derivation.recipe[key])
    if model is None:
        raise Gone(detail=f"{derivation.recipe[key]} is registered no more")
    return model
