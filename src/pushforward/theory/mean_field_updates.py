"""Mean-field inference: the best q(z) = prod_i q_i(z_i), one factor after another.

    q_i(z_i)  <-  exp E_{q_-i} log p(x, z) / Z             lowers KL(q || p), or leaves it

For p = N(mu, Lambda^-1) each factor is N(m_i, 1 / Lambda_ii) with

    m_i  <-  mu_i - sum_{j != i} Lambda_ij (m_j - mu_j) / Lambda_ii

The means end at mu (it is Gauss and Seidel's iteration), the variances are those of z_i *given* all
others: narrower than its own.

Bishop (2006), "Pattern Recognition and Machine Learning", section 10.1, eqs. 10.9, 10.12-10.15.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..core.catalogue import system
from ..core.spaces import count
from ..objectives import checks
from ..objectives.gaussians import kl_full

system(
    "mean-field",
    lecture=3,
    kind="theory",
    title="Mean-field inference by coordinate updates",
    paper="Bishop, 2006, section 10.1",
)


@dataclass(frozen=True)
class MeanField:
    """Independent normals: means (D,) after each sweep (sweeps + 1, D), variances (D,)."""

    path: Tensor
    variance: Tensor

    def kl(self, mean: Tensor, cov: Tensor) -> Tensor:
        """KL(q || N(mean, cov)) after each sweep in nats, (sweeps + 1,)."""
        own = self.variance.diag().expand(len(self.path), -1, -1)
        return kl_full(self.path, own, mean.expand_as(self.path), cov.expand_as(own))


def mean_field(mean: Tensor, cov: Tensor, start: Tensor, sweeps: int = 20) -> MeanField:
    """Coordinate updates for a Gaussian target (D,), (D, D), from means `start` (D,).

    Raises ValueError for a covariance that is not positive definite.
    """
    checks.covariance("cov", cov)
    precision = torch.linalg.inv(cov)
    m, path = start.clone(), [start.clone()]
    for _ in range(count("sweeps", sweeps)):
        for i in range(len(m)):
            m[i] = _updated(i, m - mean, precision) + mean[i]
        path.append(m.clone())
    return MeanField(torch.stack(path), 1 / precision.diagonal())


def _updated(i: int, gap: Tensor, precision: Tensor) -> Tensor:
    others = precision[i] @ gap - precision[i, i] * gap[i]
    return -others / precision[i, i]
