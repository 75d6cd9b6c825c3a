"""Catalogue records: what other catalogues say of adapters that lie elsewhere."""
