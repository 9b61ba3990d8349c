"""Closed forms and theorems as functions."""
