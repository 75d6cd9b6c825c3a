"""Background work: supervised child processes, one short Celery task, and the sweep."""
