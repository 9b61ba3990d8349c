"""Distributions, bijections, priors, quantisation."""
