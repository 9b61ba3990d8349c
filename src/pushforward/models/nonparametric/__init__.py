"""Densities without parameters of a law: the data themselves, counted or smoothed."""
