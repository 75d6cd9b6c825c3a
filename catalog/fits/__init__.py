"""Which base models an adapter fits, by checked shapes and not by a name."""
