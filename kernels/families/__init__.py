"""Families: many adapters of one base stored together, by joint compression, principal subspaces or growing bases."""
