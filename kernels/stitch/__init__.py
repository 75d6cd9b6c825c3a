"""Adapters put onto transformers models; the modules in here need torch, this file loads nothing."""
