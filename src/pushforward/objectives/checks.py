"""What the formulas ask of their inputs: said once, with the value that was wrong."""

from __future__ import annotations

import torch
from torch import Tensor


def probabilities(name: str, p: Tensor, tolerance: float = 1e-5) -> Tensor:
    """Returns `p` (..., K) if its last dimension holds probabilities, else raises ValueError."""
    if p.dim() == 0 or not p.is_floating_point():
        raise ValueError(
            f"{name} must be a float tensor (..., outcomes), not {p.dtype} {list(p.shape)}"
        )
    if not bool((p >= 0).all()):  # also catches NaN
        raise ValueError(f"{name} must not be negative or NaN, but holds {p.min().item():.6g}")
    off = (p.sum(-1) - 1).abs().max().item()
    if off > tolerance:
        raise ValueError(
            f"each row of {name} must sum to 1, but one is off by {off:.3g}: normalise it"
        )
    return p


def positive(name: str, value: Tensor) -> Tensor:
    """Returns `value` if all of it is finite and above 0, else raises ValueError."""
    if not bool(((value > 0) & value.isfinite()).all()):
        raise ValueError(f"{name} must be positive and finite, but holds {value.min().item():.6g}")
    return value


def positive_number(name: str, value: float) -> float:
    """Returns `value` if it is a finite number above 0, else raises ValueError."""
    if not 0 < value < float("inf"):
        raise ValueError(f"{name} must be positive and finite, not {value}")
    return value


def covariance(name: str, sigma: Tensor) -> Tensor:
    """Returns `sigma` (..., d, d) if symmetric and positive definite, else raises ValueError."""
    if sigma.dim() < 2 or sigma.shape[-1] != sigma.shape[-2]:
        raise ValueError(f"{name} must be (..., d, d), not {list(sigma.shape)}")
    if bool(((sigma - sigma.mT).abs() > 1e-4 * sigma.abs().amax((-2, -1), keepdim=True)).any()):
        raise ValueError(
            f"{name} must be symmetric; take (S + S.mT) / 2 if only rounding is the cause"
        )
    if not _definite(sigma.detach()):
        lowest = torch.linalg.eigvalsh(sigma).min().item()
        raise ValueError(
            f"{name} must be positive definite, but has an eigenvalue of {lowest:.3g}, which is "
            "0 or less but for rounding"
        )
    return sigma


def _definite(sigma: Tensor) -> bool:
    """Whether all eigenvalues of the correlations are more than rounding, in any units."""
    if bool(torch.linalg.cholesky_ex(sigma).info.any()):
        return False
    scale = sigma.diagonal(dim1=-2, dim2=-1).sqrt()
    lowest = torch.linalg.eigvalsh(sigma / scale[..., None] / scale[..., None, :])[..., 0]
    return bool((lowest > sigma.shape[-1] * torch.finfo(sigma.dtype).eps).all())


def same_shape(**tensors: Tensor) -> None:
    """Raises ValueError unless all the named tensors have one shape."""
    shapes = {name: list(tensor.shape) for name, tensor in tensors.items()}
    if len({tuple(shape) for shape in shapes.values()}) > 1:
        raise ValueError(f"these must have one shape: {shapes}")


def samples(name: str, x: Tensor, least: int = 1) -> Tensor:
    """Returns float samples (n, ...) as (n, features); raises ValueError below `least`."""
    if x.dim() < 2 or not x.is_floating_point():
        raise ValueError(f"{name} must be float samples (n, ...), not {x.dtype} {list(x.shape)}")
    if len(x) < least:
        raise ValueError(f"{name} must hold at least {least} samples, not {len(x)}")
    return x.flatten(1)


def two_samples(x: Tensor, y: Tensor, least: int = 1) -> tuple[Tensor, Tensor]:
    """Both as (n, features) and (m, features); raises ValueError where the features differ."""
    x, y = samples("x", x, least), samples("y", y, least)
    if x.shape[1] != y.shape[1]:
        raise ValueError(f"x and y must have the same features, not {x.shape[1]} and {y.shape[1]}")
    return x, y


def transport_problem(cost: Tensor, p: Tensor, q: Tensor) -> None:
    """Raises ValueError unless a finite cost (n, m) fits the probabilities p (n,) and q (m,)."""
    probabilities("p", p), probabilities("q", q)
    if cost.shape != (*p.shape, *q.shape) or p.dim() != 1 or q.dim() != 1:
        shapes = f"cost {list(cost.shape)}, p {list(p.shape)}, q {list(q.shape)}"
        raise ValueError(f"a cost (n, m) needs p (n,) and q (m,), not {shapes}")
    if not bool(cost.isfinite().all()):
        raise ValueError("every cost must be finite: put a large number where nothing may go")
