"""Metrics: one per file; they see what a model can do, never which class it is."""

from .likelihood import bits_per_dim, nats
