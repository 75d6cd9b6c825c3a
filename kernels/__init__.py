"""Numerics and file formats of adapters: a library of its own, without Django.

This file imports nothing: transformers looks for a package of this name and imports it when it finds one, so
every public name is loaded on first use (PEP 562).
"""

_PUBLIC = {
    "BaseShapes": "formats.base_shapes",
    "Finding": "formats.errors",
    "FormatError": "formats.errors",
    "Inspection": "formats.inspection",
    "inspect_folder": "formats.inspection",
    "fits": "formats.compatibility",
    "LowRankUpdate": "lowrank",
    "ThinForm": "lowrank",
    "thin_forms": "lowrank",
    "inner_products": "lowrank",
    "load_updates": "lowrank_io",
    "save_lora": "lowrank_io",
    "jd_full": "families.jd_full",
    "jd_diag": "families.jd_diag",
    "clustered_jd": "families.clustered",
    "individual_svd": "families.individual",
    "eigenlora": "families.eigenlora",
    "merge": "merging.merge",
    "truncate": "reduction.truncation",
    "prune": "reduction.pruning",
    "quantise": "reduction.quantisation",
    "cosine_similarities": "similarity.cosine",
    "near_duplicates": "similarity.neighbours",
}
__all__ = sorted(_PUBLIC)


def __getattr__(name: str) -> object:
    """Load a public name on first use; AttributeError for any other."""
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f".{_PUBLIC[name]}", __name__), name)
