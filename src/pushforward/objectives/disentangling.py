"""Objectives that shape the aggregated posterior q(z) = E_data q(z | x).

    DIP-VAE I    off |Cov[m]_ij|^2  + diagonal (Cov[m]_ii - 1)^2,   m the posterior means   (eq. 6)
    DIP-VAE II   the same of Cov[z] = E[S] + Cov[m]                                         (eq. 7)
    beta-TC      rate = MI + TC + sum_j KL(q(z_j) || p(z_j)),   TC = KL(q(z) || prod_j q(z_j)),
                 with beta on TC alone                                                      (eq. 2)
                 q(z) ~ sum_m w_m q(z | x_m) over a batch of M out of N, z drawn for one of them
                 weighted     w = 1/M                                   (appendix C.1, but for 1/N)
                 stratified   w = 1/N for the own datum of z, (N - 1) / (N (M - 1)) for the others,
                              whose mean is q(z)                                    (appendix C.2)
    InfoVAE      alpha MMD^2(q(z), p(z)) in place of part of the rate                       (eq. 6)

Variational Inference of Disentangled Latent Concepts (Kumar et al., 2018), arXiv:1711.00848;
Isolating Sources of Disentanglement (Chen et al., 2018), arXiv:1802.04942; InfoVAE (Zhao et al.,
2019), arXiv:1706.02262.
Differs: the paper's minibatch weights are 1/(N M), which bounds log q(z) from below, off by log N:
of D latents, information carries log N, correlation (D - 1) log N, and marginals -D log N. These
constants have no gradient and are left out, so that the terms are exact where the batch is all
data. The paper's stratified sampling weighs M - 2 of the others by 1/(M - 1) and the last one by
what is left; here all have the mean of those, which is exact there too.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions import Normal

from ..core.catalogue import system
from ..core.contract import Terms
from ..core.given import heard, repeated
from ..core.shares import mean, mine, whole
from ..core.spaces import count
from .kernels import mmd2, rational_quadratic
from .variational import Draw, Drawing, Objective, normals, not_negative


class DIP(Objective):
    """DIP-VAE II: the covariance of the aggregated posterior is drawn towards the identity.

    Args:
        off: weight of its entries off the diagonal, squared.
        diagonal: weight of (its diagonal entries - 1), squared.
    """

    def __init__(self, off: float = 10.0, diagonal: float = 10.0):
        super().__init__()
        self.off, self.diagonal = not_negative("off", off), not_negative("diagonal", diagonal)

    def forward(self, model: Drawing, x: Tensor, *conditions: Tensor) -> Terms:
        """{"distortion": (batch,), "rate": (batch,), "covariance": ()}."""
        draw = model.draw(x, *conditions)
        excess = self.covariance(factors(draw)) - torch.eye(draw.z.shape[-1]).to(draw.z)
        diagonal = excess.diagonal().square().sum()
        off = excess.square().sum() - diagonal
        penalty = self.off * off + self.diagonal * diagonal
        return {**parts(draw), "covariance": penalty}

    def covariance(self, q: Normal) -> Tensor:
        """Cov[z] over the batch, (latent, latent)."""
        return whole(q.loc).T.cov(correction=0) + mean(q.variance).diag()


class DIPOne(DIP):
    """DIP-VAE I: only the covariance of the posterior means."""

    def covariance(self, q: Normal) -> Tensor:
        """Cov[m] over the batch, (latent, latent)."""
        return whole(q.loc).T.cov(correction=0)


class BetaTC(Objective):
    """The ELBO with weight `beta` on the total correlation.

    Args:
        beta: weight of the total correlation; 1 is the ELBO.
        examples: size of the training set, of which a batch is a part: q(z) is estimated by
            minibatch-stratified sampling. None takes minibatch-weighted sampling, which does not
            ask for it, counts a latent's own datum too much, and shows at most log batch nats of
            information.
    """

    def __init__(self, beta: float = 6.0, examples: int | None = None):
        super().__init__()
        self.beta = not_negative("beta", beta)
        self.examples = examples if examples is None else count("examples", examples)

    def forward(self, model: Drawing, x: Tensor, *conditions: Tensor) -> Terms:
        """{"distortion", "information", "correlation", "marginals"}, each (batch,).

        Their expectations are -E log p(x|z), the mutual information of datum and latents, beta
        times the total correlation, and sum_j KL(q(z_j) || p(z_j)): exact where the batch is all
        data. Raises ValueError for a batch larger than `examples`.
        """
        draw = model.draw(x, *conditions)
        q = factors(draw)
        every = Normal(whole(q.loc), whole(q.scale), validate_args=False)
        found = aggregated(every, whole(draw.z[0]), self.examples)
        log_joint, log_product = (mine(log_q, len(x)) for log_q in found)
        return {
            "distortion": -draw.log_x[0],
            "information": draw.log_q[0] - log_joint,
            "correlation": self.beta * (log_joint - log_product),
            "marginals": log_product - draw.log_p[0],
        }


class InfoVAE(Objective):
    """Distortion, a share of the rate, and MMD^2 between aggregated posterior and prior.

    Args:
        rate: weight of the rate; 0 is the MMD-VAE.
        mmd: weight of the unbiased MMD^2, with rational quadratic kernels, times the batch's mean.
    """

    def __init__(self, rate: float = 0.0, mmd: float = 100.0):
        super().__init__()
        self.rate, self.mmd = not_negative("rate", rate), not_negative("mmd", mmd)

    def forward(self, model: Drawing, x: Tensor, *conditions: Tensor) -> Terms:
        """{"distortion": (batch,), "rate": (batch,), "mmd": ()}."""
        samples = 1 if len(x) > 1 else 2  # of which pairs can be made
        draw = model.draw(x, *conditions, samples=samples)
        told = repeated(heard(model.prior, conditions), samples)
        prior = model.prior.sample(samples * len(x), *told)
        apart = mmd2(whole(draw.z.flatten(0, 1)), whole(prior), rational_quadratic())
        given = parts(draw)
        return {**given, "rate": self.rate * given["rate"], "mmd": self.mmd * apart}


def parts(draw: Draw) -> Terms:
    """{"distortion": (batch,), "rate": (batch,)}."""
    return {"distortion": -draw.log_x.mean(0), "rate": draw.rate.sum(1)}


def factors(draw: Draw) -> Normal:
    """The normals of a diagonal posterior. Raises ValueError for another."""
    q = normals(draw.q)
    if q is None:
        raise ValueError(f"this objective needs a diagonal posterior, not {type(draw.q).__name__}")
    return q


def aggregated(q: Normal, z: Tensor, examples: int | None = None) -> tuple[Tensor, Tensor]:
    """Log q(z) and log prod_j q(z_j) of draws (batch, latent), estimated from their own batch.

    Stratified where the number of all `examples` is told, else weighted; both are exact where the
    batch is all data. Raises ValueError for a batch larger than `examples`.
    """
    each = q.log_prob(z[:, None])
    log_w = shares(len(z), examples, z.device).to(each.dtype).log()
    log_joint = (each.sum(-1) + log_w).logsumexp(1)
    return log_joint, (each + log_w[..., None]).logsumexp(1).sum(-1)


def shares(batch: int, examples: int | None = None, device: torch.device | None = None) -> Tensor:
    """What each datum counts in q of each latent of the batch, (batch, batch); rows sum to 1.

    >>> shares(3, 6)
    tensor([[0.1667, 0.4167, 0.4167],
            [0.4167, 0.1667, 0.4167],
            [0.4167, 0.4167, 0.1667]], dtype=torch.float64)
    """
    n = batch if examples is None else examples
    if batch > n:
        raise ValueError(f"examples is {n}, fewer than the {batch} data of a batch")
    if batch == 1:
        return torch.ones(1, 1, dtype=torch.float64, device=device)
    others = (n - 1) / (n * (batch - 1))
    found = torch.full((batch, batch), others, dtype=torch.float64, device=device)
    return found.fill_diagonal_(1 / n)


system("dip-vae", lecture=7, kind="objective", title="DIP-VAE I and II", paper="arXiv:1711.00848")
system("tc-vae", lecture=7, kind="objective", title="beta-TC-VAE", paper="arXiv:1802.04942")
