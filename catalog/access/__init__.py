"""Who else may see an adapter, and what of it others contain: grants with an end, and origins."""
