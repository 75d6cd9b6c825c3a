"""Evidence: spectral statistics of a revision's updates, measured after it was accepted. Never a verdict."""
