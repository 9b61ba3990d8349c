"""Formulas over tensors that two models or more share."""

from .alpha import alpha_divergence, renyi
from .discrete_gradients import enumerated_gradient, one_gradient_each, vimco
from .f_divergences import F_DIVERGENCES, FDivergence
from .gaussians import (
    kl_diagonal,
    kl_full,
    total_variation,
    wasserstein2_diagonal,
    wasserstein2_full,
)
from .kernels import mmd2, mmd2_biased
from .monte_carlo import kl_nonnegative, kl_plain, kl_regressed
from .quadrature import divergence_on_line
from .score_matching import (
    denoising_score_matching,
    explicit_score_matching,
    sliced_score_matching,
)
from .sinkhorn import entropic_cost, entropic_plan, sinkhorn_divergence
from .transport import transport_plan, wasserstein, wasserstein_line, wasserstein_quantiles
