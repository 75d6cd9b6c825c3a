"""The production topology as processes of this machine: PostgreSQL, Redis, S3, web, workers, beat and nginx."""
