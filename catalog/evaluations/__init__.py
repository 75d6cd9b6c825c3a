"""Evaluations: sets of labelled rows, what was measured on them and by which harness, and what must be measured."""
