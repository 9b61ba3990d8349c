"""What a least-squares GAN minimises: a triangular discrimination, for any a, b, c.

    critic      min_D  1/2 E_p (D - b)^2 + 1/2 E_q (D - a)^2,      D* = (b p + a q) / (p + q)
    both terms  C = 1/2 E_p (D* - c)^2 + 1/2 E_q (D* - c)^2

Write D* - c = ((b - c)(p + q) - (b - a) q) / (p + q) and open the square:

    2 C = (b - a)^2 / 4  Delta(p, q) + 2 (c - (a + b) / 2)^2,    Delta = int (p - q)^2 / (p + q)

So every choice with a != b has its least value at q = p, and only there. The paper's conditions
b - c = 1, b - a = 2 make the factor one and the constant zero, and Delta is then the Pearson
chi-square between p + q and 2 q,  int (2 q - (p + q))^2 / (p + q). The generator's own loss leaves
out the term of p, which it cannot move under a critic that stands still.

Least Squares Generative Adversarial Networks (Mao et al., 2017), arXiv:1611.04076, eqs. 2, 5-11.
"""

from __future__ import annotations

from torch import Tensor

from pushforward.core.catalogue import system
from pushforward.objectives import checks

system(
    "lsgan-chi2",
    lecture=10,
    kind="theory",
    title="LSGAN(a, b, c) minimises a Pearson chi-square",
    paper="Mao et al. (2017), arXiv:1611.04076",
)


def least_squares_critic(p: Tensor, q: Tensor, a: float = 0.0, b: float = 1.0) -> Tensor:
    """D* = (b p + a q) / (p + q) of densities or probabilities, elementwise.

    Where both are zero, which no datum sees, it is (a + b) / 2. Raises ValueError for a equal to b.
    """
    _apart(a, b)
    checks.same_shape(p=p, q=q)
    total = p + q
    return ((b * p + a * q) / total).where(total > 0, (a + b) / 2)


def least_squares_value(scores: Tensor, p: Tensor, q: Tensor, c: float = 1.0) -> Tensor:
    """C of a critic's scores (..., K) on K outcomes with probabilities p and q (..., K): (...)."""
    checks.same_shape(scores=scores, p=p, q=q)
    checks.probabilities("p", p), checks.probabilities("q", q)
    return ((p + q) * (scores - c) ** 2).sum(-1) / 2


def triangular_discrimination(p: Tensor, q: Tensor) -> Tensor:
    """Delta(p, q) = sum (p - q)^2 / (p + q) of probabilities (..., K): (...), in [0, 2]."""
    checks.same_shape(p=p, q=q)
    checks.probabilities("p", p), checks.probabilities("q", q)
    total = p + q
    return ((p - q) ** 2 / total.where(total > 0, 1.0)).sum(-1)


def least_squares_optimum(
    p: Tensor, q: Tensor, a: float = 0.0, b: float = 1.0, c: float = 1.0
) -> Tensor:
    """C under the best critic: (b - a)^2 / 8 Delta + (c - (a + b) / 2)^2, (...).

    >>> import torch
    >>> p, q = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])
    >>> least_squares_optimum(p, q, a=-1, b=1, c=0)  # half a Pearson chi-square of 2
    tensor(1.)
    """
    _apart(a, b)
    return (b - a) ** 2 / 8 * triangular_discrimination(p, q) + (c - (a + b) / 2) ** 2


def _apart(a: float, b: float) -> None:
    if a == b:
        raise ValueError(
            f"a critic must have two scores to tell data (b) from fakes (a), not {a} twice"
        )
