"""Adapters, their revisions, files and versions."""
