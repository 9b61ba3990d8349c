"""UDR: do models that were trained apart find the same latents? Disentangled ones do.

    R_ab   = | correlation of latent a of one model with latent b of another |
    UDR_ij = ( sum_b max_a R_ab^2 / sum_a R_ab  +  sum_a max_b R_ab^2 / sum_b R_ab ) / (d_i + d_j)
    UDR_i  = median_{j != i} UDR_ij

over the d latents of each that inform. 1 is perfect, up to permutation and sign. No factors have to
be known: a model is judged by its likes, which differ from it in their seed.

Unsupervised Model Selection for Variational Disentangled Representation Learning (Duan et al.,
2020), arXiv:1905.12614, section 4, eqs. 2-3. Correlation is Spearman's (UDR_S), or what Lasso
regression with a penalty of 0.1 makes of standardised codes (UDR_L), which a perfect pair brings
to 0.9.
Differs from the paper: a latent informs where it is active (Burda et al., 2016: its mean varies by
more than a hundredth), rather than where its KL exceeds a hundredth of a nat, so that any prior
and posterior will do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ...core.contract import Latent
from ...core.dataset import Split
from ..measurement import Measurement
from .codes import score
from .scores import posterior_means

Correlation = Callable[[Tensor, Tensor], Tensor]


def unsupervised_ranking(
    codes: Sequence[Tensor], correlation: Correlation | None = None
) -> list[Measurement]:
    """UDR of each of several codes (n, latent of its own) of the same n examples.

    Latents that never vary inform of nothing. `correlation` of (n, d_i) and (n, d_j) is (d_i, d_j);
    None takes `spearman`. Raises ValueError for fewer than two codes, or codes of several lengths.
    """
    if len(codes) < 2 or len({len(z) for z in codes}) != 1:
        lengths = [len(z) for z in codes]
        raise ValueError(f"two codes or more of the same examples are compared, not {lengths}")
    told = [z.detach().double().cpu() for z in codes]
    told = [z[:, (z != z[:1]).any(0)] for z in told]
    correlate = correlation or spearman
    pairs = [[_pair(a, b, correlate) for b in told if b is not a] for a in told]
    about = f"{correlate.__name__}, {len(codes)} models"
    return [score("UDR", _median(own), z, about) for own, z in zip(pairs, told)]


def udr(
    models: Sequence[Latent], split: Split, correlation: Correlation | None = None, seed: int = 0
) -> list[Measurement]:
    """UDR of each of several models by the means of their posteriors on a split.

    Raises ValueError for fewer than two models, or one without an encoder.
    """
    return unsupervised_ranking([posterior_means(m, split, seed) for m in models], correlation)


def spearman(a: Tensor, b: Tensor) -> Tensor:
    """|rank correlation| of the columns of (n, d) and (n, e), (d, e)."""
    from scipy.stats import rankdata

    x, y = (standardised(torch.from_numpy(rankdata(z.numpy(), axis=0))) for z in (a, b))
    return (x.T @ y).abs() / len(x)


def lasso(a: Tensor, b: Tensor) -> Tensor:
    """|weights| of the Lasso that predicts the columns of (n, e) from those of (n, d), (d, e)."""
    from sklearn.linear_model import Lasso

    model = Lasso(alpha=0.1).fit(standardised(a).numpy(), standardised(b).numpy())
    return torch.from_numpy(model.coef_).reshape(b.shape[1], a.shape[1]).T.abs()


def standardised(codes: Tensor) -> Tensor:
    """Columns of mean 0 and variance 1."""
    return (codes - codes.mean(0)) / codes.std(0, correction=0)


def relative_strength(table: Tensor) -> float:
    """UDR_ij of R (d_i, d_j); 0 where either has no latent that informs."""
    if 0 in table.shape:
        return 0.0
    return sum(_strength(rows.double()) for rows in (table, table.T)) / sum(table.shape)


def _strength(rows: Tensor) -> float:
    """The sum over rows of their largest entry squared over their sum; 0 for a row of zeros."""
    return (rows.amax(1).square() / rows.sum(1)).nan_to_num(nan=0.0).sum().item()


def _pair(a: Tensor, b: Tensor, correlate: Correlation) -> float:
    informed = a.shape[1] > 0 and b.shape[1] > 0
    return relative_strength(correlate(a, b)) if informed else 0.0


def _median(values: list[float]) -> float:
    return torch.tensor(values, dtype=torch.float64).quantile(0.5).item()
