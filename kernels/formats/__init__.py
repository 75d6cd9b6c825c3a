"""Readers of adapter files in every dialect we know; numpy and the standard library only, never torch."""
