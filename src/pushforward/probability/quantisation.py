"""Vector quantisation: every vector becomes the nearest of K codewords.

    q(z) = e_k,  k = argmin_j |z - e_j|^2                                          (eqs. 1-2)
    gradients pass straight through:  d q(z) / d z := identity
    N_k <- g N_k + (1 - g) n_k,   m_k <- g m_k + (1 - g) sum_{z -> k} z,   e_k = m_k / N_k

The codebook is moved by the last line, online k-means (eqs. 6-8), not by a gradient; with g = 0 on
all the data it is Lloyd's iteration. A codeword that hardly any vector chooses is dead: it is
restarted at a vector of the batch, which is also how the codebook is first set.

Neural Discrete Representation Learning (van den Oord, Vinyals and Kavukcuoglu, 2017),
arXiv:1711.00937, section 3.2 and appendix A.1. Restarts: Jukebox (Dhariwal et al., 2020),
arXiv:2005.00341, section 3.2. Differs from the paper: N and m count shares of the batch, so that
they do not depend on its size; the start is data, not noise.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..core.blueprint import Component
from ..core.contract import Terms
from ..core.shares import drawn_rows, number, total
from ..core.spaces import count


class Quantiser(Component, ABC):
    """Vectors (..., features) as codes in 0 .. codes - 1 and back: what a codec is built with.

    With `books` > 1 a vector is as many codes, and int64 codes are (..., books); with 1 they are
    (...).
    """

    codes: int
    features: int
    books: int = 1

    @abstractmethod
    def nearest(self, z: Tensor) -> Tensor:
        """The codes of vectors (..., features), int64."""

    @abstractmethod
    def lookup(self, codes: Tensor) -> Tensor:
        """What stands for codes, (..., features)."""

    @abstractmethod
    def update(self, z: Tensor) -> Terms:
        """Moves what can move towards the vectors `z` (..., features); what was seen of it."""

    @abstractmethod
    def diagnostics(self) -> Terms:
        """How much of every codebook is in use, () each."""

    def check_vectors(self, n: int) -> None:
        """Raises ValueError where a codebook has more codewords than there are vectors, `n`."""
        for part in self.modules():
            if part is not self and isinstance(part, Quantiser):
                part.check_vectors(n)

    def seen(self, z: Tensor) -> Tensor:
        """What of `z` is compared with codewords, (..., features): here z itself."""
        return z

    def forward(self, z: Tensor) -> Tensor:
        """The words that stand for `z`, whose gradient goes to `seen(z)` as it is."""
        seen = self.seen(z)
        return seen + (self.lookup(self.nearest(z)) - seen).detach()

    def apart(self, z: Tensor, words: Tensor) -> Tensor:
        """The commitment: squared distance of `z` from its words, which get no gradient, (...)."""
        return (self.seen(z) - words.detach()).square().sum(-1)


class VectorQuantiser(Quantiser):
    """A codebook of `codes` vectors with `features` numbers each.

    Args:
        codes: K, the size of the codebook.
        features: numbers in a codeword.
        decay: g of the moving averages; 0 is k-means on each batch.
        restart: a codeword used less than this share of even use (1 / K) is dead; with 0, only one
            that was never used.
    """

    usage: Tensor
    sums: Tensor

    def __init__(self, codes: int, features: int, decay: float = 0.99, restart: float = 0.05):
        super().__init__()
        if not 0 <= decay < 1:
            raise ValueError(f"decay must be in [0, 1), not {decay!r}")
        if not 0 <= restart < 1:
            raise ValueError(f"restart is a share of even use, in [0, 1), not {restart!r}")
        self.codes, self.features = count("codes", codes), count("features", features)
        self.decay, self.restart = decay, restart
        # No optimiser moves it, but averages of weights shall follow it: a parameter all the same.
        self.codebook = nn.Parameter(torch.randn(codes, features), requires_grad=False)
        self.register_buffer("usage", torch.zeros(codes))
        self.register_buffer("sums", torch.zeros(codes, features))

    def nearest(self, z: Tensor) -> Tensor:
        """Which codeword is nearest to each vector: (..., features) -> int64 (...)."""
        book = self.codebook
        with torch.no_grad(), torch.autocast(book.device.type, enabled=False):
            # |z|^2 is common to all.
            return (book.square().sum(1) - 2 * (z.to(book.dtype) @ book.T)).argmin(-1)

    def lookup(self, codes: Tensor) -> Tensor:
        """The codewords: int64 (...) -> (..., features)."""
        return F.embedding(codes, self.codebook)

    def check_vectors(self, n: int) -> None:
        """Raises ValueError where there are more codewords than vectors, `n`."""
        if self.codes > n:
            raise ValueError(
                f"a codebook of {self.codes} codewords is larger than the data, which give it {n} "
                "vectors: lower `codes`"
            )

    @torch.no_grad()
    def update(self, z: Tensor) -> Terms:
        """Moves the codebook towards the vectors `z` (..., features).

        Returns {"quantisation": mean |z - q(z)|^2, "perplexity": exp entropy of the codes' use,
        "restarts": how many codewords were dead}, all of the batch.
        """
        z = self.seen(z.reshape(-1, self.features).to(self.codebook.dtype))
        chosen = self.nearest(z)
        before = (z - self.lookup(chosen)).square().sum(1).mean()
        share, mean = _shares(z, chosen, self.codes)
        first = self.usage.sum() == 0  # nothing to remember yet
        pace = torch.where(first, 1.0, 1 - self.decay).to(z.dtype)
        self.usage.lerp_(share, pace)
        self.sums.lerp_(mean, pace)
        used = self.usage[:, None] > 0
        means = self.seen(self.sums / self.usage[:, None])
        self.codebook.copy_(torch.where(used, means, self.codebook))
        dead = self._restart(z)
        return {"quantisation": before, "perplexity": perplexity(share), "restarts": dead}

    def diagnostics(self) -> Terms:
        """{"codes": share of codewords in use, "perplexity": how many are in even use}, () each.

        By the moving averages: in use is what has `restart` of its even share or more.
        """
        share = self.usage / self.usage.sum().clamp(min=1e-12)
        used = share > self.restart / self.codes
        return {"codes": used.to(share.dtype).mean(), "perplexity": perplexity(share)}

    def _restart(self, z: Tensor) -> Tensor:
        """Puts dead codewords on vectors of the batch; how many there were. Nothing waits."""
        dead = self.usage <= self.restart / self.codes
        picked = drawn_rows(z, self.codes)
        self.codebook.copy_(torch.where(dead[:, None], picked, self.codebook))
        self.usage.copy_(torch.where(dead, 1 / self.codes, self.usage))
        self.sums.copy_(torch.where(dead[:, None], self.codebook / self.codes, self.sums))
        return dead.sum().to(z.dtype)


def numbered(parts: Iterable[Terms]) -> Terms:
    """The terms of several parts under one roof: "codes" of part 1 is "codes 1", of its 2, "1.2".

    >>> list(numbered([{"codes": torch.ones(())}, {"codes 2": torch.ones(())}]))
    ['codes 0', 'codes 1.2']
    """
    found = {}
    for i, terms in enumerate(parts):
        for name, value in terms.items():
            word, *rest = name.split(" ")
            found[f"{word} {'.'.join([str(i), *rest])}"] = value
    return found


def _shares(z: Tensor, chosen: Tensor, codes: int) -> tuple[Tensor, Tensor]:
    """Each codeword's share of the batch (codes,), and that share times its vectors' mean."""
    count = z.new_zeros(codes).index_add_(0, chosen, z.new_ones(len(z)))
    sums = z.new_zeros(codes, z.shape[1]).index_add_(0, chosen, z)
    n = number(z)
    return total(count) / n, total(sums) / n


def perplexity(share: Tensor) -> Tensor:
    """exp of the entropy of shares that sum to 1: how many codewords are in even use.

    >>> round(perplexity(torch.tensor([0.25, 0.25, 0.25, 0.25, 0.0])).item(), 4)
    4.0
    """
    return torch.special.entr(share).sum().exp()
