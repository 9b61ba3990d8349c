"""Classifiers: from p(x, y) by Bayes' rule, and from p(y | x) directly."""
