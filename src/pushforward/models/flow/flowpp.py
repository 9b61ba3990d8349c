"""Flow++: better noise, better couplings, better networks.

    u ~ q(u|x) by a flow,    z_b = logit(MixLogCDF(x_b; pi, mu, s)) e^a + b,    gated attention

Each of the three mends a weakness of Real NVP and Glow: uniform dequantisation, affine couplings
and convolutions that see only nearby places.

Flow++ (Ho, Chen, Srinivas, Duan, Abbeel, 2019), arXiv:1902.00275, section 3 and appendix.
Differs from the paper: the last scale is the one after the squeeze, with no further factoring out;
places are embedded by their sines; no dropout.
"""

from __future__ import annotations

import torch

from ...core.catalogue import example, system
from ...core.given import told
from ...core.spaces import Pixels, Reals
from ...nn.gated_attention import GatedAttentionNet
from ...probability.bijections.bijection import Bijection, Chain, Inverse
from ...probability.bijections.coupling import Coupling
from ...probability.bijections.linear import LUMixing
from ...probability.bijections.logistic_mixture import LogisticMixture, spread
from ...probability.bijections.normalisation import ActNorm
from ...probability.bijections.shapes import Flatten, Squeeze
from ...probability.bijections.splits import Checkerboard, Halves, Split
from ...probability.priors import StandardNormal
from ...probability.variational_dequantisation import VariationalNoise
from .dequantized import Dequantized
from .flow import Flow
from .realnvp import check_sides


class FlowPP(Dequantized):
    """Flow++ on images; a lower bound by variational dequantisation.

    Args:
        space: the images; their sides must be multiples of 4.
        width, blocks: of the networks of the couplings.
        components: logistics in a mixture.
        noise_couplings: couplings of the dequantiser.
        noise_blocks: blocks of the dequantiser's networks.
        alpha: of the logit (see `Dequantized`).
        classes: number of labels to condition on: every coupling is told; 0 is none.
    """

    def __init__(
        self,
        space: Pixels,
        width: int = 96,
        blocks: int = 10,
        components: int = 32,
        noise_couplings: int = 4,
        noise_blocks: int = 2,
        alpha: float = 0.05,
        classes: int = 0,
    ):
        if not isinstance(space, Pixels):
            raise ValueError(f"Flow++ models Pixels, not {space}")
        check_sides(space, 2)
        c, h, w = space.shape
        boards: list[Split] = [Checkerboard(flip=i % 2 == 1) for i in range(4)]
        halves: list[Split] = [Halves(flip=i % 2 == 1) for i in range(2)]
        steps = [
            *coupling_steps(c, boards, width, blocks, components, classes),
            Squeeze(),
            *coupling_steps(4 * c, halves, width, blocks, components, classes),
            *coupling_steps(4 * c, boards[:3], width, blocks, components, classes),
            Flatten((4 * c, h // 2, w // 2)),
        ]
        given = told(classes)
        flow = Flow(StandardNormal((space.dims,)), steps, Reals(space.shape), given)
        noise = variational_noise(space, noise_couplings, width, noise_blocks, components)
        super().__init__(flow, space, noise, alpha)


def coupling_steps(
    channels: int,
    splits: list[Split],
    width: int,
    blocks: int,
    components: int,
    context: int = 0,
) -> list[Bijection]:
    """Actnorm, 1x1 convolution and mixture coupling for every split."""
    steps: list[Bijection] = []
    for split in splits:
        copied, moved = split.sizes(channels)
        map = LogisticMixture(components)
        net = GatedAttentionNet(copied + context, map.arity * moved, width, blocks)
        spread(net.leave, components)
        steps += [ActNorm(channels), LUMixing(channels), Coupling(net, split, map, context)]
    return steps


def variational_noise(
    space: Pixels, couplings: int, width: int, blocks: int, components: int
) -> VariationalNoise:
    """A dequantiser: checkerboard couplings that see features of the image."""
    boards: list[Split] = [Checkerboard(flip=i % 2 == 1) for i in range(couplings)]
    steps = coupling_steps(space.channels, boards, width, blocks, components, context=width)
    encoder = GatedAttentionNet(space.channels, width, width, blocks)
    torch.nn.init.kaiming_normal_(encoder.leave.weight)
    # Inverted: noise is only ever drawn, and this way no root has to be found for it.
    features = Reals((width, *space.shape[1:]))
    flow = Flow(StandardNormal(space.shape), [Inverse(Chain(*steps))], given=features)
    return VariationalNoise(flow, encoder)


system("flow++", lecture=6, title="Flow++", paper="arXiv:1902.00275")
system(
    "variational-dequantisation",
    lecture=6,
    title="Variational dequantisation",
    paper="arXiv:1902.00275",
)


@example(data="bars", slow=True)
def flowpp() -> FlowPP:
    """The smallest instance."""
    space = Pixels(1, 4, 4, levels=2)
    return FlowPP(space, width=8, blocks=1, components=2, noise_couplings=1, noise_blocks=1)
