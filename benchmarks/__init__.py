"""Headline figures, each a script of its own; RESULTS.md holds the last runs."""
