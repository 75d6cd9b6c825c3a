"""Merging of adapters. `merge` is the entry; `METHODS` lists what it knows; each file is one method.

Where PEFT 0.21's `add_weighted_adapter` goes wrong, this is what happens here, also with compat="peft":

- rsLoRA: PEFT's cat and *svd results are too large by sqrt(rank). Fixed: a result has its scale folded in.
- DoRA: PEFT ignores magnitude vectors and still calls the result DoRA. Raised by `load_updates`.
- A list of weights shorter than that of adapters is cut silently in PEFT. Raised.
- density None gives a TypeError in PEFT, DARE at density 0 NaN, a density that keeps nothing a zero adapter. Raised.
- `layers_to_transform` of the first adapter makes PEFT lose the others' modules. Fixed: all modules are merged.

These only differ by default, and are PEFT's with compat="peft":

- ties and dare_ties elect signs before weights are applied, so that an adapter of negative weight votes for the sign
  it is subtracted from, and one of weight 0 votes and counts. By default weights come first and weight 0 drops out.
- linear, ties, dare_linear, dare_ties, magnitude_prune act on raw factors, so that another factorisation of the same
  adapter gives another result, and need equal ranks. By default they act on canonical factors of any ranks.
- A single adapter is merged by `linear` whatever is asked, so that a rank is ignored. By default it is truncated.
- svd_clamp takes a quantile of signed entries. By default of magnitudes.
"""

from .extraction import Extraction, extract_lora
from .hull import ConvexHull, preference_grid
from .loading import LoadedMembers, load_members
from .lorahub import WeightSearch, compose, search_weights
from .mera import Bottleneck, merge_bottlenecks
from .merge import METHODS, merge
from .preview import MergePreview, ModulePreview, preview
from .report import MergeReport, MergeResult, ModuleReport

__all__ = [
    "METHODS",
    "Bottleneck",
    "ConvexHull",
    "Extraction",
    "LoadedMembers",
    "MergePreview",
    "MergeReport",
    "MergeResult",
    "ModulePreview",
    "ModuleReport",
    "WeightSearch",
    "compose",
    "extract_lora",
    "load_members",
    "merge",
    "merge_bottlenecks",
    "preference_grid",
    "preview",
    "search_weights",
]
