"""Formulas over tensors that two models or more share."""
