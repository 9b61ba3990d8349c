"""The same weights give the same likelihoods as zuko and nflows."""

from __future__ import annotations

import nflows.transforms as nt
import pytest
import torch
import zuko
from nflows.distributions.normal import StandardNormal
from nflows.flows.base import Flow as PeerFlow
from nflows.transforms.linear import NaiveLinear
from torch import nn

from pushforward.models.flow.maf import MAF
from pushforward.models.flow.nsf import NSF
from pushforward.probability.bijections.autoregressive import Autoregressive


def wrapped(net):
    """nflows hands its networks a context, and divides logits by the root of `hidden_features`."""

    class Peer(nn.Module):
        hidden_features = 1

        def __init__(self):
            super().__init__()
            self.net = net

        def forward(self, x, context=None):
            return self.net(x)

    return Peer()


def test_maf_is_zukos():
    torch.manual_seed(0)
    peer = zuko.flows.MAF(5, transforms=3, hidden_features=(32, 32)).double()
    ours = MAF(5, couplings=3, width=32, layers=2).double()
    steps = [b for b in ours.bijection.bijections if isinstance(b, Autoregressive)]
    for i, (step, transform) in enumerate(zip(steps, peer.transform.transforms)):
        step.net.degrees[0] = 1 + torch.arange(32) % 4  # theirs
        theirs = [layer for layer in transform.hyper if isinstance(layer, nn.Linear)]
        for mine, layer in zip([*step.net.hidden, step.net.leave], theirs):
            mine.load_state_dict({"weight": layer.weight, "bias": layer.bias})
        if i % 2:  # they reverse the order of the masks, we the features
            enter, leave = step.net.hidden[0].weight.data, step.net.leave
            enter.copy_(enter.flip(1))
            leave.weight.data = leave.weight.unflatten(0, (5, 2)).flip(0).flatten(0, 1)
            leave.bias.data = leave.bias.unflatten(0, (5, 2)).flip(0).flatten()
    x = torch.randn(16, 5, dtype=torch.float64)
    torch.testing.assert_close(ours.log_prob(x), peer().log_prob(x), atol=1e-10, rtol=1e-10)
    torch.testing.assert_close(
        ours.float().log_prob(x.float()), peer.float()().log_prob(x.float()), atol=1e-5, rtol=1e-5
    )


@pytest.mark.filterwarnings("ignore:torch.qr")
def test_nsf_is_nflows():
    torch.manual_seed(0)
    ours = NSF(4, couplings=2, width=16, bins=5).double()
    transforms: list[nn.Module] = []
    for i, (mixing, coupling) in enumerate(zip(*[iter(ours.bijection.bijections)] * 2)):
        linear = NaiveLinear(4)
        linear._weight.data, linear.bias.data = mixing.matrix(), torch.zeros(4)
        mask = torch.tensor([0, 0, 1, 1] if i % 2 == 0 else [1, 1, 0, 0])

        def build(inputs, outputs, coupling=coupling):
            theirs = nn.Sequential(*coupling.net.net)
            last = nn.Linear(16, outputs)
            last.weight.data = theirs[-1].weight.unflatten(0, (-1, 2)).transpose(0, 1).flatten(0, 1)
            last.bias.data = theirs[-1].bias.unflatten(0, (-1, 2)).t().flatten()
            return wrapped(nn.Sequential(*theirs[:-1], last))

        spline = nt.PiecewiseRationalQuadraticCouplingTransform(
            mask, build, num_bins=5, tails="linear", tail_bound=3.0
        )
        transforms += [linear, spline]
    peer = PeerFlow(nt.CompositeTransform(transforms), StandardNormal([4])).double()
    x = torch.randn(64, 4, dtype=torch.float64) * 1.5  # some beyond the splines' ends
    torch.testing.assert_close(ours.log_prob(x), peer.log_prob(x), atol=1e-9, rtol=1e-9)
    noise = ours.noise(x)
    torch.testing.assert_close(noise, peer.transform_to_noise(x), atol=1e-9, rtol=1e-9)
