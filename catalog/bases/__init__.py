"""Base models: identity and shapes, never weights."""
