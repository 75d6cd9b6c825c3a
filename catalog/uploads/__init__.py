"""Uploads: from parts to a committed revision."""
