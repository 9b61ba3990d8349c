"""Contrast: which of n pairs belong together, told from all n (n - 1) that do not.

    l_i = -log exp(s_ii) / sum_j exp(s_ij),    E log n - l <= I(x; y)

Representation Learning with Contrastive Predictive Coding (van den Oord, Li and Vinyals, 2018),
arXiv:1807.03748, eqs. 4-5; in both directions: Learning Transferable Visual Models From Natural
Language Supervision (Radford et al., 2021), arXiv:2103.00020, figure 3.
"""

from __future__ import annotations

from torch import Tensor


def info_nce(logits: Tensor) -> tuple[Tensor, Tensor]:
    """The losses of rows that look for their columns, and of columns for their rows, (n,) in nats.

    `logits` (n, n) hold on their diagonal what belongs together. Raises ValueError for another
    shape.
    """
    if logits.dim() != 2 or logits.shape[0] != logits.shape[1]:
        raise ValueError(f"logits must be square, (n, n), not of shape {tuple(logits.shape)}")
    together = logits.diagonal()
    if not len(together):
        return together, together
    return logits.logsumexp(1) - together, logits.logsumexp(0) - together
