"""The store, the sender and the quick hashes of every test in this folder."""

from tests.unit.catalog.fixtures import sent, store

__all__ = ["sent", "store"]
