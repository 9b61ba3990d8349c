"""Conjugate models: learning that is a sum, not a search."""

from .beta_bernoulli import BetaBernoulli
from .conjugate import narrowing
from .dirichlet_categorical import DirichletCategorical
from .linear_regression import LinearRegression
from .normal_inverse_gamma import NormalInverseGamma
from .point_estimates import mle_map_gaps
