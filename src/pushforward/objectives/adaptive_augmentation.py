"""ADA: what a critic sees is changed with a probability that follows how much it overfits.

    r = E sign(D(x)) over real data;    p rises where r is above its target, and falls below it

With few data, a critic learns them by heart: it is sure of them, r goes to one, and its slope says
nothing to the generator. Each kind of change is made with probability p < 1, so that it can be
undone in distribution (most images are not turned, so the upright ones are the right ones): fakes
stay unchanged.

Training Generative Adversarial Networks with Limited Data (Karras et al., 2020), arXiv:2006.06676:
section 3 (p moves so fast that it goes from 0 to 1 in 500,000 images, target 0.6, looked at every
fourth step), appendix B and algorithm 1: blitting, geometry and colour, the paper's choice.
Differs: bilinear sampling with reflected borders, where theirs filters by wavelets; grey images
have brightness, contrast and inversion as colours; slopes (R1) are those at the changed image.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from ..core import shares
from ..core.blueprint import Component
from ..core.catalogue import system
from ..core.spaces import count
from .augmentations import checked_images

system(
    "ada",
    lecture=11,
    kind="objective",
    title="Adaptive discriminator augmentation",
    paper="arXiv:2006.06676",
)

KINDS = ("blit", "geometry", "colour")
Draw = Callable[[Tensor], Tensor]


class AdaptiveAugmentation(Component):
    """Random changes of images, each made with probability `p`, which an `update` moves.

    `sign` is the mean sign of the scores of data when last looked at.

    Args:
        target: of r, the mean sign of the critic's scores of data, in (-1, 1).
        images: how many it takes p to go from 0 to 1.
        kinds: which changes: "blit" (flips, quarter turns, shifts), "geometry" (scales, rotations,
            shifts by parts of a pixel), "colour".
    """

    p: Tensor
    sign: Tensor

    def __init__(self, target: float = 0.6, images: int = 500_000, kinds: tuple[str, ...] = KINDS):
        super().__init__()
        if not -1 < target < 1:
            raise ValueError(f"the target of a mean sign must be in (-1, 1), not {target!r}")
        if not kinds or any(kind not in KINDS for kind in kinds):
            raise ValueError(f"kinds must be some of {list(KINDS)}, not {kinds!r}")
        self.target, self.images, self.kinds = target, count("images", images), tuple(kinds)
        self.register_buffer("p", torch.zeros(()))
        self.register_buffer("sign", torch.zeros(()))

    def update(self, scores: Tensor, images: int) -> None:
        """Moves p by what `images` allow, up where the scores of data are too sure."""
        self.sign.copy_(shares.mean(scores.sign()))
        step = (self.sign - self.target).sign() * images / self.images
        self.p.add_(step).clamp_(0, 1)

    def forward(self, x: Tensor, progress: Tensor | None = None) -> Tensor:
        """Changed images (batch, channels, height, width). Raises ValueError for vectors."""
        checked_images(x, "AdaptiveAugmentation")
        moves = []
        moves += self._blits(x) if "blit" in self.kinds else []
        moves += self._geometry(x) if "geometry" in self.kinds else []
        x = moved(x, moves) if moves else x
        return self._coloured(x) if "colour" in self.kinds else x

    def _chosen(self, x: Tensor, draw: Draw, neutral: float, p: Tensor | None = None) -> Tensor:
        """A number for each image: drawn with probability p, else the neutral one, (batch,)."""
        u, v = torch.rand(2, len(x), dtype=x.dtype, device=x.device)
        return torch.where(u < (self.p if p is None else p), draw(v), neutral)

    def _normal(self, x: Tensor, sigma: float) -> Tensor:
        return self._chosen(x, lambda u: sigma * torch.randn_like(u), 0.0)

    def _blits(self, x: Tensor) -> list[Tensor]:
        height, width = x.shape[2:]
        flip = self._chosen(x, lambda u: 1 - 2 * (u < 0.5).to(u), 1.0)
        # A quarter turn of an image that is no square leaves it: half turns are all there is.
        turns = 4 if height == width else 2
        turn = self._chosen(x, lambda u: (u * turns).floor() * (2 * math.pi / turns), 0.0)
        across = self._chosen(x, lambda u: ((2 * u - 1) * width / 8).round(), 0.0)
        down = self._chosen(x, lambda u: ((2 * u - 1) * height / 8).round(), 0.0)
        return [scaling(flip, torch.ones_like(flip)), rotation(turn), translation(across, down)]

    def _geometry(self, x: Tensor) -> list[Tensor]:
        whole = self._normal(x, 0.2).exp2()
        # Two rotations, of which one at least happens with probability p.
        once = 1 - (1 - self.p).sqrt()
        before, after = (
            self._chosen(x, lambda u: (2 * u - 1) * math.pi, 0.0, once) for _ in range(2)
        )
        stretch = self._normal(x, 0.2).exp2()
        across, down = (side * self._normal(x, 0.125) for side in (x.shape[3], x.shape[2]))
        return [
            scaling(whole, whole),
            rotation(before),
            scaling(stretch, 1 / stretch),
            rotation(after),
            translation(across, down),
        ]

    def _coloured(self, x: Tensor) -> Tensor:
        brightness, contrast = self._normal(x, 0.2), self._normal(x, 0.5).exp2()
        flip = self._chosen(x, lambda u: (u < 0.5).to(u), 0.0)
        if x.shape[1] != 3:
            sign = contrast * (1 - 2 * flip)
            return x * sign[:, None, None, None] + brightness[:, None, None, None]
        hue = self._chosen(x, lambda u: (2 * u - 1) * math.pi, 0.0)
        saturation = self._normal(x, 1.0).exp2()
        matrix = colour_matrix(contrast, flip, hue, saturation)
        return torch.einsum("nij,njhw->nihw", matrix, x) + brightness[:, None, None, None]


def _matrices(rows: list[list[Tensor]]) -> Tensor:
    return torch.stack([torch.stack(row, -1) for row in rows], -2)


def scaling(across: Tensor, down: Tensor) -> Tensor:
    """Matrices (batch, 3, 3) that scale both axes."""
    zero, one = torch.zeros_like(across), torch.ones_like(across)
    return _matrices([[across, zero, zero], [zero, down, zero], [zero, zero, one]])


def rotation(angle: Tensor) -> Tensor:
    """Matrices (batch, 3, 3) that turn by angles in radians."""
    zero, one, s, c = torch.zeros_like(angle), torch.ones_like(angle), angle.sin(), angle.cos()
    return _matrices([[c, -s, zero], [s, c, zero], [zero, zero, one]])


def translation(across: Tensor, down: Tensor) -> Tensor:
    """Matrices (batch, 3, 3) that move by pixels."""
    zero, one = torch.zeros_like(across), torch.ones_like(across)
    return _matrices([[one, zero, across], [zero, one, down], [zero, zero, one]])


def moved(x: Tensor, moves: list[Tensor]) -> Tensor:
    """Images under the product of `moves`, in pixels from the middle.

    What none of them moves stays as it is, bit for bit.
    """
    eye = torch.eye(3, dtype=x.dtype, device=x.device)
    whole = eye.expand(len(x), 3, 3)
    for move in moves:
        whole = whole @ move
    half = torch.tensor([x.shape[3] / 2, x.shape[2] / 2, 1.0], dtype=x.dtype, device=x.device)
    shares = whole * half / half[:, None]  # of half a side, as torch has it
    grid = F.affine_grid(shares[:, :2], list(x.shape), align_corners=False)
    warped = F.grid_sample(x, grid, padding_mode="reflection", align_corners=False)
    still = (whole == eye).all(-1).all(-1)
    return torch.where(still[:, None, None, None], x, warped)


def colour_matrix(contrast: Tensor, flip: Tensor, hue: Tensor, saturation: Tensor) -> Tensor:
    """Matrices (batch, 3, 3) on colours, in algorithm 1's order: each acts on the one before.

    Luma v = (1, 1, 1) / sqrt(3): flipped by I - 2 v v^T, the axis that hues turn around, and what
    saturation leaves: v v^T + (I - v v^T) s.
    """
    eye = torch.eye(3, dtype=contrast.dtype, device=contrast.device)
    luma = torch.full_like(eye, 1 / 3)
    across = torch.tensor([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]).to(eye) / 3**0.5
    contrast, flip, hue, saturation = (t[:, None, None] for t in (contrast, flip, hue, saturation))
    turned = hue.cos() * eye + hue.sin() * across + (1 - hue.cos()) * luma
    return (luma + (eye - luma) * saturation) @ turned @ (eye - 2 * luma * flip) * contrast
