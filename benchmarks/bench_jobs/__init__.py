"""A kind of job that does nothing, known only to the workers of the benchmark."""
