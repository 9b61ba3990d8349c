"""Importance-weighted bounds, and gradients of bounds that vary less.

    L_k = E[ log (1/k) sum_i w_i ],   w_i = p(x, z_i) / q(z_i | x),    L_1 <= L_k <= log p(x)
    grad_phi L_k = E[ sum_i W_i (d log w_i/dz_i dz_i/dphi - dlog q(z_i)/dphi) ],   W = w / sum w
    STL    drops the last term, the score, whose mean is zero for k = 1
    DReG   sum_i W_i^2  d log w_i/dz_i  dz_i/dphi:  unbiased for every k, and its signal-to-noise
           ratio grows with k where the plain gradient's falls

The score-function estimator (REINFORCE) needs no reparametrisation, and varies far more:

    grad_phi E_q[log w] = E[ (log w - b) grad log q ],   b_i the mean of the other draws' log w

Importance Weighted Autoencoders (Burda et al., 2016), arXiv:1509.00519, eqs. 8 and 14; Sticking the
Landing (Roeder et al., 2017), arXiv:1703.09194, eq. 8; Doubly Reparameterized Gradient Estimators
(Tucker et al., 2019), arXiv:1810.04152, eq. 8; leave-one-out: Buy 4 REINFORCE Samples (Kool et al.,
2019).
"""

from __future__ import annotations

import math

from torch import Tensor
from torch.distributions import Distribution, Independent, MultivariateNormal, Normal

from ..core.catalogue import system
from ..core.contract import Terms
from ..core.given import heard
from ..core.spaces import count
from .variational import Draw, Drawing, Objective, normals, prior_log_prob


class IWAE(Objective):
    """The negative importance-weighted bound with `k` draws, by its plain gradient.

    Args:
        k: draws.
        after: the first share of the training, in [0, 1), that takes one draw, whose bound is the
            ELBO: a k-th of the work, for what does not need the tighter bound yet.
    """

    def __init__(self, k: int = 50, after: float = 0.0):
        super().__init__()
        if not 0 <= after < 1:
            raise ValueError(f"after must be a share of the training in [0, 1), not {after!r}")
        self.k, self.after = count("k", k), after

    def draws(self, model: Drawing) -> int:
        """How many draws the model takes now."""
        return 1 if self.after and float(model.progress) < self.after else self.k

    def forward(self, model: Drawing, x: Tensor, *conditions: Tensor) -> Terms:
        """{"negative_bound": (batch,)}."""
        draw = model.draw(x, *conditions, samples=self.draws(model))
        return {"negative_bound": -bound(draw.log_weights)}


class STL(IWAE):
    """The same by the path derivative, for a posterior of Gaussians; biased where k > 1."""

    def forward(self, model: Drawing, x: Tensor, *conditions: Tensor) -> Terms:
        """{"negative_bound": (batch,)}."""
        draw = model.draw(x, *conditions, samples=self.draws(model))
        return {"negative_bound": -bound(path_weights(model, draw, x, *conditions))}


class DReG(IWAE):
    """The same by doubly reparametrised gradients, for a posterior of Gaussians."""

    def forward(self, model: Drawing, x: Tensor, *conditions: Tensor) -> Terms:
        """{"negative_bound": (batch,)}."""
        draw = model.draw(x, *conditions, samples=self.draws(model))
        log_w = path_weights(model, draw, x, *conditions)
        share = log_w.detach().softmax(0)
        if draw.z.requires_grad:  # the bound itself brings the first W, this the second
            draw.z.register_hook(lambda gradient: share[..., None] * gradient)
        return {"negative_bound": -bound(log_w)}


class ScoreFunction(Objective):
    """The negative ELBO by the score-function gradient, with `samples` draws, at least two."""

    def __init__(self, samples: int = 8):
        super().__init__()
        self.samples = count("samples", samples, 2)

    def forward(self, model: Drawing, x: Tensor, *conditions: Tensor) -> Terms:
        """{"negative_elbo": (batch,)}."""
        q = model.encode(x, *conditions)
        z = q.sample((self.samples,))
        log_q, log_p = q.log_prob(z), prior_log_prob(model.prior, z, heard(model.prior, conditions))
        log_joint = model.decode(z, *conditions).log_prob(x) + log_p
        log_w = (log_joint - log_q).detach()
        others = (log_w.sum(0) - log_w) / (self.samples - 1)
        moving = ((log_w - others) * log_q + log_joint).mean(0)
        return {"negative_elbo": moving.detach() - moving - log_w.mean(0)}


def path_weights(model: Drawing, draw: Draw, x: Tensor, *conditions: Tensor) -> Tensor:
    """Log w (samples, batch) in nats as a function of z: q's parameters move it by z alone.

    Where one pass gave z and log p(x|z) together, another is made from z on.
    """
    q, log_joint = frozen(draw.q), draw.log_x + draw.log_p
    if not draw.apart:
        log_p = prior_log_prob(model.prior, draw.z, heard(model.prior, conditions))
        log_joint = model.decode(draw.z, *conditions).log_prob(x) + log_p
    return log_joint - q.log_prob(draw.z)


def bound(log_weights: Tensor) -> Tensor:
    """Log of the mean weight over the first dimension, in nats."""
    return log_weights.logsumexp(0) - math.log(len(log_weights))


def frozen(q: Distribution) -> Distribution:
    """A posterior whose parameters carry no gradient, as the path derivative needs it.

    A Gaussian, or one that knows how (`q.frozen()`): levels and mixtures of Gaussians. Raises
    ValueError for another.
    """
    if (own := getattr(q, "frozen", None)) is not None:
        return own()
    if (each := normals(q)) is not None:
        fixed = Normal(each.loc.detach(), each.scale.detach(), validate_args=False)
        return Independent(fixed, 1)
    if isinstance(q, MultivariateNormal):
        lower = q.scale_tril.detach()
        return MultivariateNormal(q.loc.detach(), scale_tril=lower, validate_args=False)
    raise ValueError(
        f"STL and DReG need a Gaussian posterior, not {type(q).__name__}: take IWAE instead"
    )


system(
    "iwae",
    lecture=6,
    kind="objective",
    title="Importance-weighted bounds; STL and DReG",
    paper="arXiv:1509.00519",
)
system(
    "reparametrisation",
    lecture=3,
    kind="objective",
    title="Reparametrised and score-function gradients",
    paper="arXiv:1312.6114",
)
