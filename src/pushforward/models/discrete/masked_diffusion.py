"""Absorbing-state diffusion: numbers are masked one after another, and a network unmasks them.

    q(x_t | x_0): each number is masked with probability t;  masked stays masked (absorbing)
    p(x_s | x_t): each masked number is unmasked with probability 1 - s/t, drawn from p(x_i | x_t)

    -log p(x_0) <= integral_0^1 1/t E[ sum over masked i of -log p(x_i | x_t) ] dt
                 = E_order[ sum_k -log p(x_order(k) | x_order(<k)) ]

The bound is the mean of the losses of predicting what is masked, as BERT does, each weighted by how
rarely so much is masked; and it is the mean over all orders of an autoregressive model's loss. One
network thus draws in any order, several numbers at a time where time is short (which forgets that
they depend on each other), and fills in whatever is missing.

With `steps` = T the chain has the times 0, 1/T, .. 1 and the bound is D3PM's for it, in which the
integral is a sum; with None a number is unmasked at a time, and the bound is the integral.

Structured Denoising Diffusion Models in Discrete State-Spaces (Austin et al., 2021),
arXiv:2107.03006 (D3PM), section 3.1 and eq. 1 for absorbing states. Simple and Effective Masked
Diffusion Language Models (Sahoo et al., 2024), arXiv:2406.07524 (MDLM), eqs. 8-10. Autoregressive
Diffusion Models (Hoogeboom et al., 2022), arXiv:2110.02037, eqs. 2-5 (the bound over orders).
Differs from the papers: the schedule is linear, which the integral does not depend on; without
steps, how many numbers are masked is drawn, and not each mask alone, which varies less.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ...core.catalogue import example, system
from ...core.contract import Bounded, Completing
from ...core.shares import places
from ...core.spaces import Pixels, Tokens, count
from ...nn.unmasker import Unmasker
from ...probability.heads import levels_of
from ..autoregressive.factorised import number_type


class MaskedDiffusion(Bounded, Completing):
    """Numbers behind masks.

    Args:
        space: Tokens, or Pixels.
        width: features of a place.
        layers: blocks.
        heads: attention heads in each; they divide `width`.
        steps: T of the chain; None unmasks one number at a time. It may be exchanged at any time,
            and bound and samples with it.
        classes: number of labels to condition on; 0 is none.
        context: length of a vector to condition on, after the label; 0 is none.
    """

    space: Tokens | Pixels

    def __init__(
        self,
        space: Tokens | Pixels,
        width: int = 128,
        layers: int = 4,
        heads: int = 4,
        steps: int | None = None,
        classes: int = 0,
        context: int = 0,
    ):
        levels = levels_of(space)
        if levels is None:
            raise ValueError(f"masks hide Tokens or Pixels; {space} must be made one of them")
        network = Unmasker(space.dims, levels, width, layers, heads, classes, context)
        super().__init__(space, network.given)
        self.network, self.mask = network, levels
        self.steps = None if steps is None else count("steps", steps)

    def log_probs(self, s: Tensor, *conditions: Tensor) -> Tensor:
        """log p(x_i | what is not masked) in nats, (batch, dims, levels); `s` has masks in it.

        Where a number is not masked they are of no account.
        """
        logits = self.network(s, *conditions)
        return logits.to(torch.promote_types(logits.dtype, torch.float32)).log_softmax(-1)

    def elbo(self, x: Tensor, *conditions: Tensor, samples: int = 1) -> Tensor:
        """A lower bound on log p(x) in nats, (batch,): the mean of draws of a time and of masks."""
        s = x.flatten(1).long()
        drawn = [self._drawn(s, i, samples, conditions) for i in range(count("samples", samples))]
        return torch.stack(drawn).mean(0)

    def _drawn(self, s: Tensor, i: int, samples: int, conditions: tuple[Tensor, ...]) -> Tensor:
        """One draw of the bound, with a time from the `i`-th of so many parts."""
        part, parts = places(len(s), self.device)
        u = part + torch.rand(len(s), device=self.device)
        hidden, weight = self._masks((i + u / max(1, parts)) / samples)
        there = self.log_probs(s.masked_fill(hidden, self.mask), *conditions)
        right = there.gather(2, s[..., None])[..., 0]
        return weight.to(right.dtype) * (right * hidden).sum(1)

    def _masks(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """Masks (batch, dims) for uniforms (batch,), and what the sum over the masked weighs."""
        dims = self.space.dims
        chance = torch.rand(len(u), dims, device=u.device)
        if self.steps is None:
            masked = 1 + (u * dims).long().clamp(max=dims - 1)
            return chance.argsort(1).argsort(1) < masked[:, None], dims / masked
        t = (1 + (u * self.steps).long().clamp(max=self.steps - 1)) / self.steps
        return chance < t[:, None], 1 / t

    def sample(self, n: int, *conditions: Tensor) -> Tensor:
        """`n` data, unmasked in a random order."""
        return self._unmasked(self._hidden(n), *conditions)

    def complete(self, x: Tensor, known: Tensor, *conditions: Tensor) -> Tensor:
        """Data that agree with `x` where `known` (bool, broadcast to x's shape) is true.

        What is drawn is conditioned on all that is known, wherever it stands, and on what was drawn
        before it.
        """
        kept = known.expand_as(x).flatten(1)
        hidden = self._hidden(len(x))
        return self._unmasked(torch.where(kept, x.flatten(1).long(), hidden), *conditions)

    def _hidden(self, n: int) -> Tensor:
        return torch.full((n, self.space.dims), self.mask, device=self.device)

    @torch.no_grad()
    def _unmasked(self, s: Tensor, *conditions: Tensor) -> Tensor:
        """Data from numbers (n, dims) of which some are masks."""
        steps = self.space.dims if self.steps is None else self.steps
        order = torch.rand(s.shape, device=self.device).masked_fill(s != self.mask, 2).argsort(1)
        turn = order.argsort(1)  # those that are known come last
        for i in range(steps, 0, -1):
            hidden = s == self.mask
            if not hidden.any():
                break
            if self.steps is None:
                now = hidden & (turn == steps - i)
            else:
                now = hidden & (torch.rand(s.shape, device=self.device) < 1 / i)
            chosen = torch.distributions.Categorical(logits=self.log_probs(s, *conditions)).sample()
            s = torch.where(now, chosen, s)
        return s.to(number_type(self.space, self.dtype)).view(-1, *self.space.shape)


system(
    "discrete-diffusion",
    lecture=13,
    title="Absorbing-state diffusion of tokens",
    paper="Austin et al., 2021, arXiv:2107.03006",
)


@example(data="bars?height=2")
def masked_diffusion() -> MaskedDiffusion:
    """Two layers on tiny images, a number at a time."""
    return MaskedDiffusion(Pixels(1, 2, 4, levels=2), width=32, layers=2, heads=2)


@example(data="bars?height=2&labels=True")
def masked_diffusion_of_classes() -> MaskedDiffusion:
    """Told whether rows or columns are inked, in four steps."""
    space = Pixels(1, 2, 4, levels=2)
    return MaskedDiffusion(space, width=32, layers=2, heads=2, steps=4, classes=2)
