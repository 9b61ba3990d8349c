"""Divergences from samples and log-densities, with standard errors.

With samples of q the mean of f(p/q) is unbiased; with samples of p the mean of f(u)/u is. For
KL(p || q) with x ~ p, r = log p(x)/q(x) there is a choice: E_p[q/p - 1] = 0 may be added at will.

    plain         mean r                    unbiased, may be negative; its variance is that of r
    nonnegative   mean r + (e^-r - 1)       unbiased, every term >= 0; near p = q what is of first
                                            order cancels, so its error falls as the KL does
    regressed     mean r + c (e^-r - 1)     the c of least variance: not noisier than either

The second is the f-divergence with f moved by -f'(1) (u - 1). It is bad where q is wider than p:
then e^-r has heavy tails under p (infinite variance for a Gaussian of twice the variance), and the
plain mean is better. The third notices by itself: c is minus the slope of r on e^-r, near 1 where
p is close to q and near 0 where e^-r is all noise. Its bias is O(1/n): one coefficient fitted.
The control variate needs q's mass to lie where p has some.

Schulman (2020), "Approximating KL divergence"; control variates: Owen (2013), section 8.9.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from . import checks
from .f_divergences import FDivergence


@dataclass(frozen=True)
class Estimate:
    """A mean over independent samples and its standard error.

    >>> print(Estimate(0.5, 0.012, 100))
    0.5000 +- 0.0120 (100 samples)
    """

    value: float
    stderr: float
    samples: int

    def __str__(self) -> str:
        return f"{self.value:.4f} +- {self.stderr:.4f} ({self.samples} samples)"

    def within(self, truth: float, errors: float = 4.0) -> bool:
        """Whether `truth` lies within so many standard errors."""
        return abs(self.value - truth) <= errors * self.stderr


def mean(values: Tensor) -> Estimate:
    """The mean of (n,) independent values. Raises ValueError for fewer than two."""
    if values.dim() != 1 or len(values) < 2:
        raise ValueError(f"an estimate needs values (n,) with n >= 2, not {list(values.shape)}")
    values = values.double()
    return Estimate(values.mean().item(), values.std().item() / math.sqrt(len(values)), len(values))


def _log_ratio(log_p: Tensor, log_q: Tensor) -> Tensor:
    checks.same_shape(log_p=log_p, log_q=log_q)
    return log_p.double() - log_q.double()


def over_q(divergence: FDivergence, log_p: Tensor, log_q: Tensor) -> Estimate:
    """D_f(p || q) as E_q[f(p/q)], from log-densities (n,) at samples of q."""
    ratio = _log_ratio(log_p, log_q)
    return mean(divergence.integrand(ratio, torch.zeros_like(ratio)))


def over_p(divergence: FDivergence, log_p: Tensor, log_q: Tensor) -> Estimate:
    """D_f(p || q) as E_p[f(u) / u] with u = p/q, from log-densities (n,) at samples of p."""
    ratio = _log_ratio(log_p, log_q)
    return mean(divergence.integrand(torch.zeros_like(ratio), -ratio))


def kl_plain(log_p: Tensor, log_q: Tensor) -> Estimate:
    """KL(p || q) in nats as the mean of log p/q, at samples (n,) of p."""
    return mean(_log_ratio(log_p, log_q))


def kl_nonnegative(log_p: Tensor, log_q: Tensor) -> Estimate:
    """KL(p || q) in nats as the mean of r + e^-r - 1 >= 0, at samples (n,) of p."""
    ratio = _log_ratio(log_p, log_q)
    return mean(ratio + torch.expm1(-ratio))


def kl_regressed(log_p: Tensor, log_q: Tensor) -> Estimate:
    """KL(p || q) in nats with the control variate of least variance, at samples (n,) of p."""
    ratio = _log_ratio(log_p, log_q)
    control = torch.expm1(-ratio)
    spread = control.var()
    # Equal densities leave nothing to regress on, and an overflow nothing to regress with.
    if not 0 < spread < math.inf:
        return mean(ratio)
    slope = ((ratio - ratio.mean()) * (control - control.mean())).sum() / (len(ratio) - 1) / spread
    return mean(ratio - slope * control)


def jensen_shannon(p_at_p: Tensor, q_at_p: Tensor, p_at_q: Tensor, q_at_q: Tensor) -> Estimate:
    """The JSD in nats from samples of both: no term is above log 2.

    Takes log p and log q at p's samples (n,), then log p and log q at q's samples (m,).
    """
    left = mean(math.log(2) - torch.nn.functional.softplus(-_log_ratio(p_at_p, q_at_p)))
    right = mean(math.log(2) - torch.nn.functional.softplus(_log_ratio(p_at_q, q_at_q)))
    stderr = math.hypot(left.stderr, right.stderr) / 2
    return Estimate((left.value + right.value) / 2, stderr, left.samples + right.samples)
