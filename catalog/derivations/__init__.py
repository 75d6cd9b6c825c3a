"""Derivations: which revision was computed from which others, and exactly how."""
