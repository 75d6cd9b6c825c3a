"""Smaller adapters, each with its error and bytes: truncation, rank allocation, pruning, quantisation, nested ranks."""

from .allocation import Allocation, allocate_ranks, truncate_to_budget
from .nested import NestedEvidence, cut_prefix, nested_evidence
from .packed_file import PACKED_NAME, read_packed, write_packed
from .pruning import SparseAdapter, prune, sparse_from_tensors
from .quantisation import QuantisedAdapter, quantise, quantised_from_tensors
from .report import ModuleReport, Reduced, Report, distance
from .truncation import truncate

__all__ = [
    "PACKED_NAME",
    "Allocation",
    "ModuleReport",
    "NestedEvidence",
    "QuantisedAdapter",
    "Reduced",
    "Report",
    "SparseAdapter",
    "allocate_ranks",
    "cut_prefix",
    "distance",
    "nested_evidence",
    "prune",
    "quantise",
    "quantised_from_tensors",
    "read_packed",
    "sparse_from_tensors",
    "truncate",
    "truncate_to_budget",
    "write_packed",
]
