"""A deep top-down VAE: many groups of latents at growing resolution, on one residual stream.

    h_0 = b                                              a learned image, 1/2^k of the data's side
    p(z_l | h), q(z_l | h, e_l)                          e_l: what the data say at that resolution
    h <- h + W z_l + f(h, p's features),   h <- f'(h)    and the next level
    at a change of resolution  h <- upsample(h) + b'

With enough groups such a model contains autoregressive models as a special case, and draws all
pixels of a resolution at once.

Very Deep VAEs (Child, 2021), arXiv:2011.10650, figure 3 and section 3; residual normals (q is p
moved in units of p's scale): NVAE (Vahdat & Kautz, 2020), arXiv:2007.03898, section 3.2.
Differs from VDVAE: residual normals; scales are bounded in logarithm by tanh, and every block's
last layer starts at zero, so that no step has to be skipped; silu instead of gelu.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.distributions import Normal
from torch.nn import functional as F

from ...core.catalogue import example, system
from ...core.given import told
from ...core.spaces import Pixels, count
from ...nn.conditions import width_of
from ...nn.told import Shifts
from ...nn.zero import zero_last
from ...objectives.variational import Objective
from ...probability.decoders import Describing, channels_for
from ...probability.discretized import DiscretizedLogisticHead
from ...probability.heads import BinaryHead, precise
from .hierarchy import Hierarchy
from .levels import Level, Take, taken

REACH = 3.0  # scales stay within e^-3 .. e^3 of 1, or of the prior's


class Bottleneck(nn.Sequential):
    """1x1, 3x3, 3x3, 1x1 convolutions with half the width inside; the last starts at zero."""

    def __init__(self, inputs: int, outputs: int, width: int, wide: bool):
        k, inner = (3, 1) if wide else (1, 0), max(1, width // 2)
        layers: list[nn.Module] = [nn.SiLU(), nn.Conv2d(inputs, inner, 1)]
        for _ in range(2):
            layers += [nn.SiLU(), nn.Conv2d(inner, inner, k[0], padding=k[1])]
        last = nn.Conv2d(inner, outputs, 1)
        super().__init__(*layers, nn.SiLU(), zero_last(nn.Sequential(last)))


class Group(nn.Module):
    """One group of latents on the stream."""

    def __init__(self, width: int, latent: int, wide: bool):
        super().__init__()
        self.width = width
        self.prior = Bottleneck(width, 2 * latent + width, width, wide)
        self.posterior = Bottleneck(2 * width, 2 * latent, width, wide)
        self.enter = nn.Conv2d(latent, width, 1)
        self.after = Bottleneck(width, width, width, wide)

    def forward(self, h: Tensor, e: Tensor | None, take: Take) -> tuple[Tensor, Level]:
        """The stream after this group, and the group's level."""
        out = self.prior(h)
        own, feature = out[:, : -self.width], out[:, -self.width :]
        p = bounded(own)
        q = None if e is None else shifted(p, self.posterior(torch.cat([h, e], 1)))
        level = taken(p, q, take)
        h = h + feature + self.enter(level.z.to(h.dtype))
        return h + self.after(h), level


class DeepVAE(Hierarchy):
    """A deep hierarchical VAE of images.

    Args:
        space: Pixels whose sides are multiples of 2^(resolutions - 1).
        groups: how many groups of latents at each resolution, from the coarsest up.
        width: channels of the stream.
        latent: channels of every group.
        head: of one number, or of a pixel, as VDVAE's `LogisticMixtureHead()` is; Bernoulli for two
            levels, else a discretised logistic.
        objective: the negative ELBO where None; groups are what free bits count.
        classes: labels that it is told; 0 is none.
        context: length of a vector that it is told after the label; 0 is none. Both are added, by
            linear maps, to what enters from the data and to the stream at every resolution.
    """

    space: Pixels

    def __init__(
        self,
        space: Pixels,
        groups: tuple[int, ...] = (2, 4, 4),
        width: int = 64,
        latent: int = 8,
        head: Describing | None = None,
        objective: Objective | None = None,
        classes: int = 0,
        context: int = 0,
    ):
        super().__init__(space, told(classes, context))
        self.groups, self.width = tuple(count("groups", g) for g in groups), width
        factor = 2 ** (len(groups) - 1)
        if not groups or space.height % factor or space.width % factor:
            raise ValueError(f"{len(groups)} resolutions must divide the sides of {space}")
        shapes = [
            (space.height * 2**i // factor, space.width * 2**i // factor)
            for i in range(len(groups))
        ]
        plain = BinaryHead() if space.levels == 2 else DiscretizedLogisticHead(space.levels)
        sizes = [(latent, *shape) for shape, g in zip(shapes, groups) for _ in range(g)]
        self._prepare(head or plain, sizes, objective)
        self.enter = nn.Conv2d(space.channels, width, 3, padding=1)
        self.up = nn.ModuleList(
            Bottleneck(width, width, width, min(s) > 2) for s in shapes for _ in range(2)
        )
        self.down = nn.ModuleList(Group(width, latent, min(s[1:]) > 2) for s in sizes)
        biases = [nn.Parameter(torch.zeros(width, *shape)) for shape in shapes]
        self.biases = nn.ParameterList(biases)
        self.leave = nn.Conv2d(width, channels_for(self.head, space), 3, padding=1)
        self.shifts = Shifts(width_of(self.given), [width] * (1 + len(groups)))

    def evidence(self, x: Tensor, c: Tensor | None) -> list[Tensor]:
        """Activations for every group, from the coarsest up: those of its resolution."""
        h = self.shifts.add(0, self.enter(self.space.to_signed(x, self.dtype)), c)
        found = []
        blocks: Sequence[nn.Module] = self.up  # type: ignore[assignment]
        for i in reversed(range(len(self.groups))):
            for block in blocks[2 * i : 2 * i + 2]:
                h = h + block(h)
            found.append(h)
            h = F.avg_pool2d(h, 2) if i else h
        return [e for e, g in zip(found[::-1], self.groups) for _ in range(g)]

    def descend(
        self, n: int, evidence: Sequence[Tensor] | None, take: Sequence[Take], c: Tensor | None
    ) -> tuple[list[Level], Tensor]:
        """A pass from the coarsest resolution to the data's."""
        levels, place = [], 0
        h = self.biases[0].expand(n, -1, -1, -1)
        for i, many in enumerate(self.groups):
            if i:
                h = F.interpolate(h, scale_factor=2.0) + self.biases[i]
            h = self.shifts.add(1 + i, h, c)
            for group in self.down[place : place + many]:
                e = None if evidence is None else evidence[place]
                h, level = group(h, e, take[place])
                levels.append(level)
                place += 1
        return levels, self.leave(h)


def bounded(parameters: Tensor) -> Normal:
    """A normal whose log scale is within REACH; zeros are N(0, 1)."""
    mean, log_scale = precise(parameters).chunk(2, 1)
    scale = (REACH * (log_scale / REACH).tanh()).exp()
    return Normal(mean, scale, validate_args=False)


def shifted(p: Normal, parameters: Tensor) -> Normal:
    """p moved by a shift in units of its scale, and rescaled; zeros leave it as it is."""
    change = bounded(parameters)
    mean, scale = p.loc + p.scale * change.loc, p.scale * change.scale
    return Normal(mean, scale, validate_args=False)


@example(data="bars", slow=True)
def deep_vae() -> DeepVAE:
    """The smallest instance."""
    return DeepVAE(Pixels(1, 4, 4, levels=2), (1, 1), width=16, latent=2)


system("deep-vae", lecture=11, title="Deep hierarchical VAE", paper="arXiv:2011.10650")
