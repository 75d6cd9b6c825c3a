"""Weights that were removed for good are not taken again in another file, whatever its metadata and names."""

from catalog.similarity.models import Fingerprint


def are_removed(tensors_digest: str) -> bool:
    """Whether these tensors are those of something that was removed for good.

    The bytes of the removed file itself are refused before they are stored (``catalog.removals.refusing``).
    """
    twins = Fingerprint.objects.filter(tensors_digest=tensors_digest, revision__withdrawal__files__is_refused=True)
    return twins.exists()
