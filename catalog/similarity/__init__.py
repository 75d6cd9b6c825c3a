"""Similarity: a fingerprint of every accepted revision; which are copies, which are near, which share a start."""
