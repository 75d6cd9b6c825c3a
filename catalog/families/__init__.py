"""Families: adapters of one base model that share a basis, and what each of them costs on it."""
