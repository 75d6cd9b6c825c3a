"""Adapters side by side: their facts and their scores, what differs and what is the same."""
