"""SAP: how much better does the best latent predict a factor than the next?

    SAP = (1/K) sum_k ( S_jk - max_{j' != j} S_j'k ),     j = argmax_j S_jk
    S_jk = Cov(z_j, v_k)^2 / (Var z_j Var v_k)                      for an ordered factor
    S_jk = (1/C) sum_c P( guess of z_j = c | v_k = c )              for one of C kinds

0 is chance. 1 is perfect for an ordered factor; of kinds, guessing is right in 1/C of the cases, so
that 1 - 1/C is perfect.

Separated Attribute Predictability: Variational Inference of Disentangled Latent Concepts from
Unlabeled Observations (Kumar et al., 2018), arXiv:1711.00848, section 3. There a guess is made by
thresholds on the latent that are fitted to the examples at hand, for the least balanced error:
at most C - 1 of them, found here exactly. The tables of Locatello et al. (2019, arXiv:1811.12359)
take all factors for kinds and guess by a linear support vector machine: `by_support_vectors`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ..measurement import Measurement
from .codes import checked, gap, ranks, score, varying

Guesses = Callable[[Tensor, Tensor], Tensor]


def separated_attribute_predictability(
    codes: Tensor,
    factors: Tensor,
    ordered: Sequence[bool] | None = None,
    kinds: Guesses | None = None,
) -> Measurement:
    """SAP of codes (n, latent) of factors (n, factors).

    Args:
        codes, factors: of the same examples.
        ordered: of each factor, whether its values have an order (None: all have).
        kinds: codes (n, latent) and a factor (n,) of 0 .. C - 1 to accuracies (latent,); None takes
            `by_thresholds`.

    Raises:
        ValueError: for other shapes, NaN, or where no factor varies.
    """
    z, v = checked(codes, factors)
    order = [True] * v.shape[1] if ordered is None else list(ordered)
    if len(order) != v.shape[1]:
        raise ValueError(f"ordered says {len(order)} times what {v.shape[1]} factors are")
    guess, kept = kinds or by_thresholds, varying(v).tolist()
    gaps = [
        gap(explained(z, f.double())[:, None]) if o else _gap_of_kinds(z, f, guess)
        for f, o, varies in zip(v.T, order, kept)
        if varies
    ]
    about = f"kinds {guess.__name__.replace('_', ' ')}"
    return score("SAP", torch.cat(gaps).mean().item(), z, about)


def _gap_of_kinds(codes: Tensor, factor: Tensor, guess: Guesses) -> Tensor:
    """The best accuracy less the next, (1,): that of guessing blindly where there is no next."""
    kind, kinds = ranks(factor)
    found = guess(codes, kind)
    return gap((found if len(found) > 1 else (found - 1 / kinds).clamp(min=0))[:, None])


def explained(codes: Tensor, factor: Tensor) -> Tensor:
    """The squared correlation of each latent with a factor, (latent,); 0 for a constant."""
    z, v = codes - codes.mean(0), factor - factor.mean()
    together = (z * v[:, None]).mean(0).square()
    return (together / (z.square().mean(0) * v.square().mean())).nan_to_num(nan=0.0)


def by_thresholds(codes: Tensor, kind: Tensor) -> Tensor:
    """The best balanced accuracy (latent,) of at most C - 1 thresholds on each of codes (n, latent)
    for a kind (n,) of 0 .. C - 1.

    Each interval between thresholds answers with one kind. By dynamic programming over the sorted
    examples: best[s, c] is the most that the examples so far give, if s thresholds were set and the
    interval under way answers c.
    """
    share = 1 / (kind.bincount() * len(kind.bincount())).double()
    z, order = codes.sort(0)
    sorted_kinds = kind[order]
    kinds, latents = len(share), torch.arange(codes.shape[1])
    # No threshold parts equal numbers.
    apart = torch.cat([torch.zeros_like(z[:1], dtype=torch.bool), z[1:] != z[:-1]])
    best = torch.zeros(len(latents), kinds, kinds, dtype=torch.float64)
    for parted, answers in zip(apart, sorted_kinds):
        moved = best[:, :-1].amax(2, keepdim=True)  # one threshold more, and any kind after it
        best[:, 1:] = torch.where(parted[:, None, None], best[:, 1:].maximum(moved), best[:, 1:])
        best[latents, :, answers] += share[answers, None]
    return best.flatten(1).amax(1)


def by_support_vectors(codes: Tensor, kind: Tensor) -> Tensor:
    """The accuracy (latent,) of a linear support vector machine on each of codes (n, latent).

    As in disentanglement_lib: C = 0.01, classes balanced, fitted to the first half of the examples;
    the share of right answers in the second half.
    """
    from sklearn.svm import LinearSVC

    half, found = len(codes) // 2, []
    for z in codes.T.unsqueeze(2).numpy():
        machine = LinearSVC(C=0.01, class_weight="balanced", dual=False)
        machine.fit(z[:half], kind[:half].numpy())
        found.append(machine.score(z[half:], kind[half:].numpy()))
    return torch.tensor(found, dtype=torch.float64)
