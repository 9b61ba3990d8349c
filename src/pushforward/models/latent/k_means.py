"""k-means: expectation maximisation in the limit of components that have no width.

    E:  r_nk = 1 where k = argmin_j |x_n - m_j|^2, else 0                          (Bishop 9.2)
    M:  m_k = sum_n r_nk x_n / sum_n r_nk                                               (9.4)
    lim_{s -> 0}  pi_k N(x; m_k, s^2 I) / p(x)  =  r_k(x)                               (9.42)

The narrower the balls of a mixture, the surer it is of who made a point; in the limit the weights
no longer count and EM is Lloyd's algorithm. What it leaves is still a density: the mixture of balls
of one width that is likeliest given who made each point.

Some Methods for Classification and Analysis of Multivariate Observations (MacQueen, 1967); Least
Squares Quantization in PCM (Lloyd, 1982); equations of Pattern Recognition and Machine Learning
(Bishop, 2006), sections 9.1 and 9.3.2.
Differs from the books: a cluster that has lost its points stays where it is.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ...core.catalogue import example, system
from ...core.contract import Terms
from ...probability.covariances import TiedSphericalCovariance
from ...probability.seeding import distances
from .gmm import GMM


class KMeans(GMM):
    """Clusters of Reals, by hard assignments: give `Recipe(batch_size=None)`.

    `means` (clusters, features) are the centres; they start by k-means++ on the first batch.

    Args:
        features: length of a datum, or its shape.
        clusters: how many; at least as many points are needed.
        regularisation: variance added to that of the balls, in squared units of the data.

    Raises:
        ValueError: for a wrong argument; in training, for fewer points than clusters.
    """

    def __init__(
        self, features: int | tuple[int, ...], clusters: int = 8, regularisation: float = 1e-6
    ):
        super().__init__(features, clusters, TiedSphericalCovariance(), regularisation)

    @torch.no_grad()
    def update(self, x: Tensor) -> Terms:
        """One iteration on all of `x`; {"distortion": (batch,)}, squared distances before it."""
        x = self.space.check(x).flatten(1)
        self.start(x)
        return {"distortion": self._gather(x)}

    def distortion(self, x: Tensor) -> Tensor:
        """The squared distance of each of `x` to its nearest centre, (batch,)."""
        return distances(self.space.check(x).flatten(1), self.means).min(1).values

    def assign(self, x: Tensor) -> Tensor:
        """The nearest centre of each of `x`, int64 (batch,)."""
        return distances(self.space.check(x).flatten(1), self.means).argmin(1)


@example(data="moons")
def k_means() -> KMeans:
    """The smallest instance."""
    return KMeans(2, clusters=4)


system("k-means", lecture=3, title="k-means, the hard limit of EM", paper="Lloyd, 1982")
