"""Real NVP: affine couplings, on vectors and, over several scales, on images.

    y_a = x_a,    y_b = x_b e^{s(x_a)} + t(x_a),    log|det J| = sum s(x_a)

The Jacobian is triangular, so its determinant is a product of exponentials, and neither direction
ever inverts the networks s and t. On images couplings copy the squares of a checkerboard, then
halves of the channels after a squeeze; half of the channels then leave as noise, and what stays is
treated again at half the size.

Density estimation using Real NVP (Dinh, Sohl-Dickstein, Bengio, 2017), arXiv:1605.08803, eqs. 7-9,
section 3.6 (multi-scale), 3.7 (batch normalisation).
Differs from the paper: the squares of a checkerboard are packed, so no convolution sees masked
zeros; s is bounded softly rather than by a scaled tanh; 3 checkerboard couplings at the last scale.
"""

from __future__ import annotations

from ...core.catalogue import example, system
from ...core.given import told
from ...core.spaces import Pixels, Reals, count
from ...nn.conditions import width_of
from ...nn.mlp import MLP
from ...nn.residual import ResidualNet
from ...nn.zero import zero_last
from ...probability.bijections.bijection import Bijection, Chain
from ...probability.bijections.coupling import Coupling
from ...probability.bijections.elementwise import Affine
from ...probability.bijections.normalisation import BatchNorm
from ...probability.bijections.shapes import FactorOut, Flatten, Squeeze
from ...probability.bijections.splits import Checkerboard, Halves, Split
from ...probability.priors import StandardNormal
from .dequantized import Dequantized
from .flow import Flow


class VectorRealNVP(Flow):
    """Affine couplings of halves that swap roles, a density over Reals((features,)).

    Args:
        features: length of the vectors, at least 2.
        couplings: how many.
        width, layers: of the networks that give shift and scale.
        context: width of a vector that the density is conditional on, or 0.
        classes: number of labels to condition on, before the context; 0 is none.
        normalised: batch normalisation after every coupling.
    """

    def __init__(
        self,
        features: int,
        couplings: int = 8,
        width: int = 256,
        layers: int = 2,
        context: int = 0,
        normalised: bool = False,
        classes: int = 0,
    ):
        least_two(features)
        given = told(classes, context)
        context = width_of(given)
        bijections: list[Bijection] = []
        for i in range(count("couplings", couplings)):
            split = Halves(flip=i % 2 == 1)
            copied, moved = split.sizes(features)
            net = zero_last(MLP(copied + context, 2 * moved, width, layers))
            bijections.append(Coupling(net, split, context=context))
            if normalised:
                bijections.append(BatchNorm(features))
        super().__init__(StandardNormal((features,)), bijections, given=given)


class RealNVP(Dequantized):
    """The image model: couplings over several scales, uniformly dequantised; a lower bound.

    Args:
        space: the images; their sides must be multiples of 2^scales. For vectors, `VectorRealNVP`.
        scales: how often couplings of both kinds are stacked.
        couplings: of each kind at each scale.
        width, blocks: of the residual networks.
        alpha: of the logit (see `Dequantized`).
        classes: number of labels to condition on: every coupling is told; 0 is none.
    """

    def __init__(
        self,
        space: Pixels,
        scales: int = 2,
        couplings: int = 3,
        width: int = 64,
        blocks: int = 4,
        alpha: float = 0.05,
        classes: int = 0,
    ):
        if not isinstance(space, Pixels):
            raise ValueError(f"RealNVP models Pixels, not {space}: take VectorRealNVP for vectors")
        check_sides(space, scales)
        given = told(classes)
        steps = _scales(space.shape, scales, couplings, width, blocks, classes)
        flow = Flow(StandardNormal((space.dims,)), [steps], Reals(space.shape), given)
        super().__init__(flow, space, alpha=alpha)


def least_two(features: int) -> int:
    """Returns `features`; a coupling of fewer than two has nothing to copy: ValueError."""
    if count("features", features) < 2:
        raise ValueError("a coupling copies a part and moves the rest: it needs 2 features or more")
    return features


def check_sides(space: Pixels, scales: int) -> None:
    """Raises ValueError where the images cannot be halved `scales` times."""
    block = 2 ** count("scales", scales)
    if space.height % block or space.width % block:
        raise ValueError(
            f"{scales} scales need sides that are multiples of {block}, not "
            f"{space.height}x{space.width}: pad or crop the images, or lower scales"
        )


def _steps(
    shape: tuple[int, int, int], splits: list[Split], width: int, blocks: int, context: int
) -> list[Bijection]:
    steps: list[Bijection] = []
    for split in splits:
        copied, moved = split.sizes(shape[0])
        net = ResidualNet(copied + context, 2 * moved, width, blocks)
        steps += [Coupling(net, split, Affine(bound=3.0), context), BatchNorm(shape[0])]
    return steps


def _scales(
    shape: tuple[int, int, int], scales: int, couplings: int, width: int, blocks: int, context: int
) -> Chain:
    """Couplings at this scale and, after half has left, at the next."""
    c, h, w = shape
    board: list[Split] = [Checkerboard(flip=i % 2 == 1) for i in range(couplings)]
    steps = _steps(shape, board, width, blocks, context)
    if scales == 1:
        return Chain(*steps, Flatten(shape))
    squeezed = (4 * c, h // 2, w // 2)
    halves: list[Split] = [Halves(flip=i % 2 == 1) for i in range(couplings)]
    rest = _scales((2 * c, h // 2, w // 2), scales - 1, couplings, width, blocks, context)
    return Chain(
        *steps,
        Squeeze(),
        *_steps(squeezed, halves, width, blocks, context),
        FactorOut(squeezed, rest),
    )


system("realnvp", lecture=4, title="Real NVP", paper="arXiv:1605.08803")


@example(data="moons")
def realnvp_vectors() -> VectorRealNVP:
    """The smallest instance on vectors."""
    return VectorRealNVP(2, couplings=4, width=32)


@example(data="bars")
def realnvp() -> RealNVP:
    """The smallest instance on images."""
    return RealNVP(Pixels(1, 4, 4, levels=2), couplings=1, width=8, blocks=1)
