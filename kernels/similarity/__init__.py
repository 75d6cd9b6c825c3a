"""How alike adapters are: cosines, near duplicates, shared subspaces, a common initial A, sketches, Arrow prototypes.

Names load on first use (PEP 562): sketches and their codes need numpy alone, the rest needs torch.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .arrow import arrow_prototypes, arrow_weights
    from .codes import all_cosines, cosines, encode, standard_error
    from .cosine import cosine_similarities, inner_products
    from .initial_a import initial_a_similarities, same_initial_a
    from .neighbours import Neighbour, near_duplicates, nearest
    from .sketching import Sketcher, Sketches
    from .subspaces import principal_angles, subspace_similarities, subspace_similarity

_HOMES = {
    "arrow_prototypes": "arrow",
    "arrow_weights": "arrow",
    "all_cosines": "codes",
    "cosines": "codes",
    "encode": "codes",
    "standard_error": "codes",
    "cosine_similarities": "cosine",
    "inner_products": "cosine",
    "initial_a_similarities": "initial_a",
    "same_initial_a": "initial_a",
    "Neighbour": "neighbours",
    "near_duplicates": "neighbours",
    "nearest": "neighbours",
    "Sketcher": "sketching",
    "Sketches": "sketching",
    "principal_angles": "subspaces",
    "subspace_similarities": "subspaces",
    "subspace_similarity": "subspaces",
}
__all__ = [
    "Neighbour",
    "Sketcher",
    "Sketches",
    "all_cosines",
    "arrow_prototypes",
    "arrow_weights",
    "cosine_similarities",
    "cosines",
    "encode",
    "initial_a_similarities",
    "inner_products",
    "near_duplicates",
    "nearest",
    "principal_angles",
    "same_initial_a",
    "standard_error",
    "subspace_similarities",
    "subspace_similarity",
]


def __getattr__(name: str) -> object:
    """Load a public name on first use; AttributeError for any other."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f".{_HOMES[name]}", __name__), name)
