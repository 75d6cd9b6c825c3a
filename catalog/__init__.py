"""The nouns of the hub and their rules. Knows no HTTP, no Celery, no torch."""
