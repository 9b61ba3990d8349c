"""The discrete family."""
