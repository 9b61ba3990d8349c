"""Directives of the lectures, one kind a file."""
