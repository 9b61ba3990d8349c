"""A linear beta-VAE in closed form: reverse water-filling, and where latents collapse.

    x ~ N(0, diag(variances)),   x | z ~ N(W z, noise I),   z | x ~ N(M x, diag(s^2)),   z ~ N(0, I)

At the best W, M, s of distortion + beta rate, with the water level b = beta noise:

    information  I_j = log(variance_j / b) / 2   where variance_j > b, else 0: the latent collapses
    scale        s_j^2 = b / variance_j          (1 where it collapses)
    what is lost E|x - W z|^2 = sum_j min(variance_j, b)

so that beta acts as a noisier decoder does, and rate and error over all b are Shannon's
rate-distortion function of a Gaussian source.

Understanding Posterior Collapse in Generative Latent Variable Models (Lucas et al., 2019),
arXiv:1911.02469; Fixing a Broken ELBO (Alemi et al., 2018), arXiv:1711.00464; Cover, Thomas (2006),
"Elements of Information Theory", theorem 10.3.3.
"""

from __future__ import annotations

from torch import Tensor

from ..objectives import checks


def filled_information(variances: Tensor, noise: float, beta: float = 1.0) -> Tensor:
    """What each latent tells of its direction at the optimum, in nats, (directions,)."""
    return (variances / level(noise, beta)).log().clamp_min(0) / 2


def filled_scales(variances: Tensor, noise: float, beta: float = 1.0) -> Tensor:
    """The posterior's standard deviation in each direction, (directions,); 1 is collapsed."""
    return (level(noise, beta) / variances).clamp(max=1).sqrt()


def filled_error(variances: Tensor, noise: float, beta: float = 1.0) -> Tensor:
    """E (x_j - W_j z_j)^2 with z drawn from the posterior, (directions,)."""
    return variances.clamp(max=level(noise, beta))


def level(noise: float, beta: float) -> float:
    """The water level: variances below it are not worth their nats."""
    return checks.positive_number("beta", beta) * checks.positive_number("noise", noise)
