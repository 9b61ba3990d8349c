from __future__ import annotations

import math

import pytest
import torch

from pushforward.nn.denoiser import TimeMLP
from pushforward.nn.embedding import sinusoidal
from pushforward.nn.unet import Attention2d, UNet


@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 28, 28), (3, 32, 32), (3, 9, 5)])
def test_one_network_serves_all_sizes(shape):
    net = UNet(shape[0], outputs=2 * shape[0], width=8, multipliers=(1, 2, 2), blocks=1)
    x = torch.randn(2, *shape)
    out = net(x, torch.rand(2))
    assert out.shape == (2, 2 * shape[0], *shape[1:])
    assert out.abs().max() == 0  # the last layer starts at zero


def moved(net: UNet) -> UNet:
    for p in net.parameters():
        torch.nn.init.normal_(p, std=0.1)
    return net


def test_every_weight_is_used_and_time_and_class_matter():
    torch.manual_seed(0)
    net = moved(UNet(1, width=8, multipliers=(1, 2), blocks=2, attention=1, classes=3))
    x, t = torch.randn(2, 1, 8, 8), torch.tensor([0.2, 0.2])
    out = net(x, t, torch.tensor([0, 1]))
    out.square().sum().backward()
    unused = [n for n, p in net.named_parameters() if p.grad is None]
    assert not unused
    same = x[:1].expand(2, -1, -1, -1)
    labelled = net(same, t, torch.tensor([0, 1]))
    assert (labelled[0] - labelled[1]).abs().max() > 1e-4
    timed = net(same, torch.tensor([0.2, 0.7]))
    assert (timed[0] - timed[1]).abs().max() > 1e-4
    torch.testing.assert_close(net(x, t), net(x, t, torch.tensor([3, 3])))  # 3: unknown


def test_attention_is_torchs():
    torch.manual_seed(0)
    ours = Attention2d(8, heads=2)
    torch.nn.init.normal_(ours.leave.weight, std=0.3)
    theirs = torch.nn.MultiheadAttention(8, 2, batch_first=True)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(ours.enter.weight[:, :, 0, 0])
        theirs.in_proj_bias.copy_(ours.enter.bias)
        theirs.out_proj.weight.copy_(ours.leave.weight[:, :, 0, 0])
        theirs.out_proj.bias.copy_(ours.leave.bias)
    x = torch.randn(3, 8, 4, 5)
    tokens = ours.norm(x).flatten(2).transpose(1, 2)
    expected = x + theirs(tokens, tokens, tokens)[0].transpose(1, 2).reshape(x.shape)
    torch.testing.assert_close(ours(x), expected, rtol=1e-4, atol=1e-5)


def test_embedding_is_ddpms():
    features = sinusoidal(torch.tensor([0.5]).double(), 6)[0]  # step 500 of 1000
    angles = [500 / 10_000 ** (i / 3) for i in range(3)]
    expected = [math.cos(a) for a in angles] + [math.sin(a) for a in angles]
    torch.testing.assert_close(features, torch.tensor(expected).double())


def test_refusals():
    with pytest.raises(ValueError, match="even"):
        sinusoidal(torch.zeros(1), 3)
    with pytest.raises(ValueError, match="classes"):
        TimeMLP(2, width=8)(torch.zeros(1, 2), torch.zeros(1), torch.zeros(1, dtype=torch.long))
