"""The networks of GANs, against their papers' tables and torch's own layers."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from pushforward.nn.conditional_norm import ConditionalBatchNorm
from pushforward.nn.resnet_gan import (
    AveragingCritic,
    DownBlock,
    ResNetCritic,
    ResNetGenerator,
    UpBlock,
)
from pushforward.nn.self_attention import SelfAttention
from pushforward.nn.sngan import SNGANCritic, SNGANGenerator
from pushforward.objectives.adversarial import gradient_norm

GENERATORS = [ResNetGenerator, SNGANGenerator]
CRITICS = [ResNetCritic, AveragingCritic, SNGANCritic]
SHAPES = [(1, 8, 8), (3, 16, 16), (1, 28, 28), (3, 32, 32), (3, 64, 48), (3, 128, 128)]


def count(net):
    return sum(p.numel() for p in net.parameters())


def conv(inputs, outputs, kernel=3):
    return inputs * outputs * kernel**2 + outputs


@pytest.mark.parametrize("shape", [*SHAPES, (3, 256, 256)], ids=str)
def test_one_definition_serves_all_sizes(shape):
    torch.manual_seed(0)
    width, n = 2 if max(shape) > 64 else 8, 2
    c = torch.eye(3)[:n]
    x = torch.randn(n, *shape)
    for kind in GENERATORS:
        assert kind(5, shape, width)(torch.randn(n, 5)).shape == x.shape
        assert kind(5, shape, width, context=3)(torch.randn(n, 5), c).shape == x.shape
    for kind in CRITICS:
        assert kind(shape, width)(x).shape == (n, 1)
        assert kind(shape, width, context=3)(x, c).shape == (n, 1)


def test_the_residual_networks_on_cifar10_are_those_of_the_table():
    """SNGAN, table 4: dense to 4x4x256 and three blocks; blocks of 128, two that halve."""
    up = 2 * conv(256, 256) + conv(256, 256, 1) + 2 * 2 * 256
    generator = 129 * 4 * 4 * 256 + 3 * up + 2 * 256 + conv(256, 3)
    assert count(ResNetGenerator(128, (3, 32, 32), 256)) == generator
    first = conv(3, 128) + conv(128, 128) + conv(3, 128, 1)
    halving = 2 * conv(128, 128) + conv(128, 128, 1)
    critic = first + halving + 2 * 2 * conv(128, 128) + 129
    assert count(ResNetCritic((3, 32, 32), 128)) == critic


def test_the_residual_generator_of_128_pixels_is_that_of_the_table():
    """SNGAN, table 5: 1024 at 4x4; blocks to 1024, 512, 256, 128, 64."""
    widths = [1024, 1024, 512, 256, 128, 64]
    with torch.device("meta"):
        generator = ResNetGenerator(128, (3, 128, 128), 64)
        critic = ResNetCritic((3, 128, 128), 64)
    passed = [(b.grow.in_channels, b.grow.out_channels) for b in generator.net.blocks]
    assert passed == list(pairwise(widths))
    blocks = [m for m in critic.net if isinstance(m, DownBlock)]
    assert [b.mix.out_channels for b in blocks] == [64, 128, 256, 512, 1024, 1024]
    assert [b.halve for b in blocks] == [True] * 5 + [False]


def test_the_plain_networks_on_cifar10_are_those_of_the_table():
    """SNGAN, table 3, row by row."""
    rows = [(3, 64, 3), (64, 64, 4), (64, 128, 3), (128, 128, 4), (128, 256, 3), (256, 256, 4)]
    critic = sum(conv(*row) for row in rows) + conv(256, 512) + 512 * 4 * 4 + 1
    assert count(SNGANCritic((3, 32, 32), 64)) == critic
    up = [(512, 256), (256, 128), (128, 64)]
    generator = 129 * 4 * 4 * 512 + sum(conv(a, b, 4) for a, b in up) + conv(64, 3)
    norms = 2 * (512 + 256 + 128 + 64)
    assert count(SNGANGenerator(128, (3, 32, 32), 64)) == generator + norms


def test_a_block_that_doubles_is_the_papers():
    """There the shortcut is doubled and then convolved: nearest neighbours make it the same."""
    torch.manual_seed(0)
    block, h = UpBlock(4, 6), torch.randn(3, 4, 5, 5)
    norms = nn.BatchNorm2d(4), nn.BatchNorm2d(6)
    inner = block.grow(F.interpolate(norms[0](h).relu(), scale_factor=2))
    inner = block.mix(norms[1](inner).relu())
    written = block.short(F.interpolate(h, scale_factor=2)) + inner
    torch.testing.assert_close(block(h), written, atol=1e-5, rtol=1e-5)


def test_a_block_that_halves_is_the_papers():
    """There the shortcut is convolved and then halved."""
    torch.manual_seed(0)
    h = torch.randn(3, 4, 6, 6)
    for block, entering in ((DownBlock(4, 6), h.relu()), (DownBlock(4, 6, first=True), h)):
        inner = F.avg_pool2d(block.mix(block.look(entering).relu()), 2)
        written = F.avg_pool2d(block.short(h), 2) + inner
        torch.testing.assert_close(block(h), written, atol=1e-5, rtol=1e-5)
    block = DownBlock(4, 4, halve=False)
    torch.testing.assert_close(block(h), h + block.mix(block.look(h.relu()).relu()))


def test_a_normalisation_that_is_told_nothing_is_torchs_own():
    ours, theirs = ConditionalBatchNorm(5), nn.BatchNorm2d(5)
    h = torch.randn(4, 5, 3, 3)
    assert torch.equal(ours(h), theirs(h))
    assert [p.shape for p in ours.parameters()] == [p.shape for p in theirs.parameters()]


def test_a_normalisation_that_is_told_has_gains_and_shifts_of_each_class():
    torch.manual_seed(0)
    ours, h = ConditionalBatchNorm(5, context=3), 2 * torch.randn(30, 5, 3, 3) + 1
    y = torch.arange(30) % 3
    told = ours(h, torch.eye(3)[y])
    gains, shifts = ours.told.weight.detach().split(5)
    for label in range(3):
        theirs = nn.BatchNorm2d(5)
        theirs.weight.data, theirs.bias.data = 1 + gains[:, label], shifts[:, label]
        torch.testing.assert_close(told[y == label], theirs(h)[y == label], atol=1e-5, rtol=1e-5)


def test_attention_starts_as_if_it_were_not_there():
    h = torch.randn(2, 16, 5, 7)
    assert torch.equal(SelfAttention(16)(h), h)


def test_attention_is_torchs_own():
    torch.manual_seed(0)
    net, h = SelfAttention(16).double(), torch.randn(2, 16, 5, 7, dtype=torch.float64)
    net.gamma.data.fill_(0.7)
    query, key, value = (f(h).flatten(2).mT for f in (net.query, net.key, net.value))
    assert query.shape == (2, 35, 2)  # an eighth of the channels
    seen = F.scaled_dot_product_attention(query, key, value, scale=1.0)
    written = h + 0.7 * net.mix(seen.mT.unflatten(2, (5, 7)))
    torch.testing.assert_close(net(h), written)


@pytest.mark.parametrize("kind", CRITICS)
def test_a_critic_is_told_by_a_projection(kind):
    torch.manual_seed(0)
    critic = kind((1, 8, 8), 4, context=3)
    x, c = torch.randn(5, 1, 8, 8), torch.eye(3)[torch.tensor([0, 1, 2, 1, 0])]
    h = critic.net(x)
    h = {
        ResNetCritic: h.sum((2, 3)) if h.dim() == 4 else h,
        AveragingCritic: h.mean((2, 3)) if h.dim() == 4 else h,
    }.get(kind, h)
    weights = critic.leave.weight + c @ critic.told.weight.mT
    torch.testing.assert_close(critic(x, c)[:, 0], (weights * h).sum(1) + critic.leave.bias)


@pytest.mark.parametrize("kind", [ResNetCritic, AveragingCritic])
def test_a_critic_with_attention_has_a_penalised_slope(kind):
    """Differentiated twice, against differences of the slope."""
    torch.manual_seed(0)
    critic = kind((1, 8, 8), 2, attention=4).double()
    critic.net[1].gamma.data.fill_(0.5)
    x = torch.randn(2, 1, 8, 8, dtype=torch.float64)
    slope = gradient_norm(lambda u: critic(u)[:, 0], x).sum()
    (gradient,) = torch.autograd.grad(slope, critic.net[1].gamma)
    ends = []
    for step in (-1e-5, 1e-5):
        critic.net[1].gamma.data.fill_(0.5 + step)
        ends.append(gradient_norm(lambda u: critic(u)[:, 0], x).sum().item())
    assert gradient.item() == pytest.approx((ends[1] - ends[0]) / 2e-5, rel=1e-5, abs=1e-9)


def test_attention_where_there_are_no_features_is_refused():
    with pytest.raises(ValueError, match=r"sides \[16, 8\] of the features"):
        ResNetCritic((3, 32, 32), 4, attention=32)
    with pytest.raises(ValueError, match=r"sides \[7, 14, 28\] of the features"):
        ResNetGenerator(4, (1, 28, 28), 4, attention=5)


@pytest.mark.parametrize("kind", [*GENERATORS, *CRITICS])
def test_sides_that_do_not_halve_evenly_are_refused(kind):
    arguments = ((3, 30, 30), 4) if kind in CRITICS else (5, (3, 30, 30), 4)
    with pytest.raises(ValueError, match="evenly"):
        kind(*arguments)
