"""Conjugate models: learning that is a sum, not a search."""
