"""Other codebooks: on the sphere, several side by side, one after the other, and none at all.

    cosine       q(z) = e_k, k = argmax_j <z, e_j> / |z|,    |e_j| = 1
    product      q(z) = (q_1(z_1), ..., q_G(z_G)) of the parts of z
    residual     q(z) = sum_d q_d(r_d),    r_1 = z,  r_{d+1} = r_d - q_d(r_d)
    finite scalar    q(z)_i = round(f(z_i)),  f(z) = (L - 1)(1 - eps) / 2 tanh(z + shift) - offset

K codes in each of B books say K^B things. A place of a grid then holds B codes, which priors see
side by side in its row, so that they stay exact. Finite scalars are a grid that never moves: no
codebook, no commitment, nothing that could die; a place is one code of L_1 L_2 ... values.

Cosine: Yu et al. (2022), arXiv:2110.04627, section 3.2. Product: Jegou et al. (2011), and Baevski
et al. (2020), arXiv:2006.11477. Residual: Zeghidour et al. (2021), arXiv:2107.03312, algorithm 1;
Lee et al. (2022), arXiv:2203.01941, eqs. 3-7 (the commitment of every depth). Finite scalars:
Mentzer et al. (2024), arXiv:2309.15505, section 3.1 and appendix A.1. Differs: every book moves by
means, as in `quantisation.py`; here residual books have their own words.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..core.catalogue import system
from ..core.contract import Terms
from ..core.shares import number, total
from ..core.spaces import count
from .quantisation import Quantiser, VectorQuantiser, numbered, perplexity


class CosineQuantiser(VectorQuantiser):
    """A codebook of directions: vectors and codewords are of length 1; else a `VectorQuantiser`.

    With decay 0 an update is spherical k-means.
    """

    def __init__(self, codes: int, features: int, decay: float = 0.99, restart: float = 0.05):
        super().__init__(codes, features, decay, restart)
        self.codebook.data = F.normalize(self.codebook.data, dim=-1)

    def seen(self, z: Tensor) -> Tensor:
        """z / |z|."""
        return F.normalize(z, dim=-1)


class Books(Quantiser):
    """What quantisers of several books share.

    Args:
        parts: the books, of as many codes each.

    Raises ValueError where there is none, or they differ in codes.
    """

    def __init__(self, parts: tuple[Quantiser, ...]):
        super().__init__()
        sizes = [part.codes for part in parts]
        if not parts or len(set(sizes)) > 1:
            raise ValueError(
                f"there must be one book or more, of as many codes each (a prior learns them as one"
                f" vocabulary), not books of {sizes} codes"
            )
        self.parts: Sequence[Any] = nn.ModuleList(parts)  # type: ignore[assignment]
        self.codes, self.books = sizes[0], sum(part.books for part in parts)

    def cut(self, codes: Tensor) -> Iterator[Tensor]:
        """The codes (..., books) of each part, as it has them."""
        codes = codes if self.books > 1 else codes[..., None]
        for part, own in zip(self.parts, codes.split([p.books for p in self.parts], -1)):
            yield own if part.books > 1 else own[..., 0]

    def together(self, found: list[Tensor]) -> Tensor:
        """The codes of all parts, (..., books)."""
        own = [c if p.books > 1 else c[..., None] for p, c in zip(self.parts, found)]
        codes = torch.cat(own, -1)
        return codes if self.books > 1 else codes[..., 0]

    def words(self, codes: Tensor) -> list[Tensor]:
        """What every part says."""
        return [part.lookup(own) for part, own in zip(self.parts, self.cut(codes))]

    def diagnostics(self) -> Terms:
        """{"codes 0", "perplexity 0"} and on for every book."""
        return numbered(part.diagnostics() for part in self.parts)


class ProductQuantiser(Books):
    """Groups of features, each with a quantiser of its own: `evenly` makes the usual one."""

    def __init__(self, parts: tuple[Quantiser, ...]):
        super().__init__(parts)
        self.features = sum(part.features for part in parts)

    @classmethod
    def evenly(cls, codes: int, features: int, groups: int) -> ProductQuantiser:
        """`groups` codebooks for equal groups. Raises ValueError where they do not divide."""
        if count("features", features) % count("groups", groups):
            raise ValueError(f"{features} features do not share among {groups} groups")
        return cls(tuple(VectorQuantiser(codes, features // groups) for _ in range(groups)))

    def split(self, z: Tensor) -> tuple[Tensor, ...]:
        """The groups of vectors."""
        return z.split([part.features for part in self.parts], -1)

    def seen(self, z: Tensor) -> Tensor:
        """What every part sees of its group."""
        return torch.cat([p.seen(g) for p, g in zip(self.parts, self.split(z))], -1)

    def nearest(self, z: Tensor) -> Tensor:
        """The codes of every group, (..., books)."""
        return self.together([p.nearest(g) for p, g in zip(self.parts, self.split(z))])

    def lookup(self, codes: Tensor) -> Tensor:
        """The groups' words side by side."""
        return torch.cat(self.words(codes), -1)

    def apart(self, z: Tensor, words: Tensor) -> Tensor:
        """The parts' own, summed."""
        each = zip(self.parts, self.split(z), self.split(words))
        return torch.stack([part.apart(g, w) for part, g, w in each]).sum(0)

    def update(self, z: Tensor) -> Terms:
        """Each moves by its group."""
        return numbered(part.update(g) for part, g in zip(self.parts, self.split(z)))


class ResidualQuantiser(Books):
    """Each book says what those before it left open: `evenly` makes the usual one.

    Raises ValueError where they differ in features.
    """

    def __init__(self, parts: tuple[Quantiser, ...]):
        super().__init__(parts)
        widths = [part.features for part in parts]
        if len(set(widths)) > 1:
            raise ValueError(f"residual books must have as many features each, not {widths}")
        self.features = widths[0]

    @classmethod
    def evenly(cls, codes: int, features: int, depth: int) -> ResidualQuantiser:
        """`depth` codebooks, one after the other."""
        return cls(tuple(VectorQuantiser(codes, features) for _ in range(count("depth", depth))))

    def nearest(self, z: Tensor) -> Tensor:
        """The codes from the coarsest book to the finest, (..., books)."""
        found = []
        for part in self.parts:
            found.append(part.nearest(z))
            z = z - part.lookup(found[-1])
        return self.together(found)

    def lookup(self, codes: Tensor) -> Tensor:
        """The sum of the books' words."""
        return torch.stack(self.words(codes)).sum(0)

    def apart(self, z: Tensor, words: Tensor) -> Tensor:
        """Squared distances of `z` from what the first 1, 2, ... books say, summed (RQ, eq. 7)."""
        said = torch.stack(self.words(self.nearest(z))).cumsum(0)
        return (z - said.detach()).square().sum((0, -1))

    @torch.no_grad()
    def update(self, z: Tensor) -> Terms:
        """Each moves by what those before it, as they are now, leave of `z`."""
        found = []
        for part in self.parts:
            found.append(part.update(z))
            z = z - part.lookup(part.nearest(z))
        return numbered(found)


class FiniteScalarQuantiser(Quantiser):
    """Every feature is rounded to one of a few levels; a vector is one code.

    Args:
        levels: of each feature, 2 or more; (8, 5, 5, 5) are 1,000 codes. The paper advises 5 and
            more.
        decay: of the moving averages of use, which move nothing else.

    Raises ValueError for no levels, or fewer than 2.
    """

    usage: Tensor

    def __init__(self, levels: tuple[int, ...], decay: float = 0.99):
        super().__init__()
        if not levels:
            raise ValueError("there must be a number of levels for every feature, not none")
        if not 0 <= decay < 1:
            raise ValueError(f"decay must be in [0, 1), not {decay!r}")
        self.levels, self.decay = tuple(count("levels", n, 2) for n in levels), decay
        self.features, self.codes = len(levels), math.prod(levels)
        self.register_buffer("usage", torch.zeros(self.codes))

    def _per_feature(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """How many levels there are, and the first code's step of each feature."""
        steps = [math.prod(self.levels[:i]) for i in range(self.features)]
        return torch.tensor(self.levels, device=z.device), torch.tensor(steps, device=z.device)

    def bounded(self, z: Tensor) -> Tensor:
        """f(z): what is rounded, within the levels; f(0) is about 0."""
        levels, _ = self._per_feature(z)
        half = (levels.to(z.dtype) - 1) * (1 - 1e-3) / 2
        offset = 0.5 * (levels % 2 == 0)
        return half * torch.tanh(z + torch.tan(offset / half)) - offset

    def seen(self, z: Tensor) -> Tensor:
        """f(z), scaled to [-1, 1]."""
        return self.bounded(z) / (self._per_feature(z)[0] // 2)

    def nearest(self, z: Tensor) -> Tensor:
        """The codes of vectors, int64 (...)."""
        levels, steps = self._per_feature(z)
        with torch.no_grad(), torch.autocast(z.device.type, enabled=False):
            digits = self.bounded(z.to(self.usage.dtype)).round().long() + levels // 2
        return (digits * steps).sum(-1)

    def lookup(self, codes: Tensor) -> Tensor:
        """The points of the grid, in [-1, 1]^features."""
        levels, steps = self._per_feature(codes)
        digits = codes[..., None] // steps % levels
        return (digits - levels // 2).to(self.usage.dtype) / (levels // 2)

    def apart(self, z: Tensor, words: Tensor) -> Tensor:
        """Zero: the grid does not move, so that nothing need stay near it."""
        return torch.zeros_like(z[..., 0])

    @torch.no_grad()
    def update(self, z: Tensor) -> Terms:
        """Counts what is used: {"quantisation", "perplexity"} of the batch."""
        z = z.reshape(-1, self.features).to(self.usage.dtype)
        chosen = self.nearest(z)
        share = total(self.usage.new_zeros(self.codes).index_add_(0, chosen, z.new_ones(len(z))))
        share = share / number(z)
        pace = torch.where(self.usage.sum() == 0, 1.0, 1 - self.decay).to(share.dtype)
        self.usage.lerp_(share, pace)
        error = (self.seen(z) - self.lookup(chosen)).square().sum(1).mean()
        return {"quantisation": error, "perplexity": perplexity(share)}

    def diagnostics(self) -> Terms:
        """{"codes": share in use, "perplexity"}, () each: in use is 1/20 of even use or more."""
        share = self.usage / self.usage.sum().clamp(min=1e-12)
        used = share > 0.05 / self.codes
        return {"codes": used.to(share.dtype).mean(), "perplexity": perplexity(share)}


system(
    "finite-scalar-quantisation",
    lecture=12,
    title="Finite scalar quantisation",
    paper="arXiv:2309.15505",
)
