"""How alike adapters are: cosines, near duplicates, shared subspaces, a common initial A, Arrow prototypes."""

from .arrow import arrow_prototypes, arrow_weights
from .cosine import cosine_similarities, inner_products
from .initial_a import initial_a_similarities, same_initial_a
from .neighbours import Neighbour, near_duplicates, nearest
from .subspaces import principal_angles, subspace_similarities, subspace_similarity

__all__ = [
    "Neighbour",
    "arrow_prototypes",
    "arrow_weights",
    "cosine_similarities",
    "initial_a_similarities",
    "inner_products",
    "near_duplicates",
    "nearest",
    "principal_angles",
    "same_initial_a",
    "subspace_similarities",
    "subspace_similarity",
]
