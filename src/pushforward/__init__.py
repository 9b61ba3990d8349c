"""Pushforward: deep generative modelling, all of it, in one library."""

__version__ = "0.1.0"
