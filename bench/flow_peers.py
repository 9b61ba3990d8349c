"""The flows of zuko, nflows and normflows that bench/flows.py runs ours against, of one size each.

Where a package lacks the very network, the least one with a nonlinearity stands: the MAFs of nflows
and normflows have one hidden layer more (without it theirs are linear), their splines' networks are
one residual block of 256 units, the nearest to a perceptron of 2 x 256.
"""

from __future__ import annotations

from collections.abc import Callable

import nflows.nn.nets
import nflows.transforms as nt
import normflows as nf
import torch
import zuko
from nflows.distributions.normal import StandardNormal
from nflows.flows.autoregressive import MaskedAutoregressiveFlow
from nflows.flows.base import Flow as NFlow
from nflows.flows.realnvp import SimpleRealNVP
from torch import Tensor, nn

LogProb = Callable[[Tensor], Tensor]


def log_prob_of(flow: nn.Module) -> LogProb:
    """A function of the data alone, whatever the package."""
    if isinstance(flow, NFlow | nf.NormalizingFlow | nf.MultiscaleFlow):
        return flow.log_prob
    return lambda x: flow().log_prob(x)


def mafs(features: int, width: int, layers: int = 5) -> dict[str, nn.Module]:
    """Masked autoregressive flows with one hidden layer, by package."""
    steps: list[nn.Module] = []
    for _ in range(layers):
        step = nf.flows.MaskedAffineAutoregressive(
            features, width, num_blocks=0, use_residual_blocks=False
        )
        net = step.autoregressive_net  # which has no rectifier behind its first layer
        net.initial_layer = nn.Sequential(net.initial_layer, nn.ReLU())
        # normflows has densities by its inverse: a MAF is its flow reversed.
        steps += [nf.flows.Reverse(step), nf.flows.Permute(features, mode="swap")]
    return {
        "zuko": zuko.flows.MAF(features, transforms=layers, hidden_features=(width,)),
        "nflows": MaskedAutoregressiveFlow(
            features, width, layers, 0, use_residual_blocks=False, batch_norm_within_layers=False
        ),
        "normflows": nf.NormalizingFlow(nf.distributions.DiagGaussian(features), steps),
    }


def realnvps(features: int, width: int, layers: int = 5) -> dict[str, nn.Module]:
    """Affine couplings with two hidden layers."""
    half, steps = features // 2, []
    for _ in range(layers):
        net = nf.nets.MLP([half, width, width, 2 * half], init_zeros=True)
        steps += [nf.flows.AffineCouplingBlock(net), nf.flows.Permute(features, mode="swap")]
    return {
        "zuko": zuko.flows.RealNVP(features, transforms=layers, hidden_features=(width, width)),
        "nflows": SimpleRealNVP(features, width, layers, 1, use_volume_preserving=False),
        "normflows": nf.NormalizingFlow(nf.distributions.DiagGaussian(features), steps),
    }


def nsfs(features: int, width: int, layers: int = 5) -> dict[str, nn.Module]:
    """Spline couplings with a matrix before each; zuko has only features in turn."""
    steps: list[nn.Module] = []
    for _ in range(layers):
        steps += [
            nf.flows.CoupledRationalQuadraticSpline(features, 1, width),
            nf.flows.LULinearPermute(features),
        ]
    return {
        "zuko": zuko.flows.NSF(
            features, transforms=layers, bins=8, hidden_features=(width, width), passes=2
        ),
        "nflows": NFlow(
            nt.CompositeTransform(nflows_steps(features, width, layers)), StandardNormal([features])
        ),
        "normflows": nf.NormalizingFlow(nf.distributions.DiagGaussian(features), steps),
    }


def nflows_steps(features: int, width: int, layers: int) -> list[nn.Module]:
    """nflows' LU matrices and spline couplings, in turn."""

    def net(inputs: int, outputs: int) -> nn.Module:
        return nflows.nn.nets.ResidualNet(inputs, outputs, hidden_features=width, num_blocks=1)

    steps: list[nn.Module] = []
    for i in range(layers):
        mask = (torch.arange(features) < features // 2) == bool(i % 2)
        spline = nt.PiecewiseRationalQuadraticCouplingTransform(
            mask.int(), net, num_bins=8, tails="linear", tail_bound=3.0
        )
        steps += [nt.LULinear(features, identity_init=True), spline]
    return steps


def glow(shape: tuple[int, int, int], scales: int, steps: int, width: int) -> nn.Module:
    """normflows' Glow; zuko and nflows have none."""
    c, h, w = shape
    bases, flows, merges = [], [], []
    for i in range(scales):  # from the deepest scale up
        channels, block = c * 2 ** (scales + 1 - i), 2 ** (scales - i)
        flows.append([nf.flows.GlowBlock(channels, width) for _ in range(steps)])
        flows[-1].append(nf.flows.Squeeze())
        merges += [nf.flows.Merge()] if i else []
        own = channels // 2 if i else channels
        bases.append(nf.distributions.GlowBase((own, h // block, w // block)))
    return nf.MultiscaleFlow(bases, flows, merges, class_cond=False)
