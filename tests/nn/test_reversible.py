"""Reversible networks against autograd's own gradients of the same blocks."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pushforward.nn.reversible import ReversibleBlock, ReversibleStack, RevNet


def stack(depth: int, width: int = 6) -> ReversibleStack:
    torch.manual_seed(0)
    nets = [nn.Sequential(nn.Linear(width, width), nn.Tanh()) for _ in range(2 * depth)]
    pairs = zip(nets[::2], nets[1::2])
    return ReversibleStack([ReversibleBlock(f, g) for f, g in pairs]).double()


def test_what_went_in_follows_from_what_came_out():
    blocks, x = stack(8), torch.randn(5, 12, dtype=torch.float64)
    torch.testing.assert_close(blocks.inverse(blocks(x)), x, atol=1e-12, rtol=0)


@pytest.mark.parametrize("tied", [False, True])
def test_gradients_are_autograds(tied):
    blocks = stack(3)
    if tied:
        blocks.blocks[2].f = blocks.blocks[0].g
    blocks.blocks[1].g[0].bias.requires_grad_(False)
    x = torch.randn(5, 12, dtype=torch.float64, requires_grad=True)
    learned = [x, *(p for p in blocks.parameters() if p.requires_grad)]
    mine = torch.autograd.grad(blocks(x).square().sum(), learned)
    y = x
    for block in blocks.blocks:
        y = block(y)
    for a, b in zip(mine, torch.autograd.grad(y.square().sum(), learned)):
        torch.testing.assert_close(a, b, atol=1e-10, rtol=1e-10)


def kept(network: nn.Module, x: torch.Tensor) -> int:
    """Numbers that the graph of a pass keeps."""
    sizes = []

    def pack(t: torch.Tensor) -> torch.Tensor:
        sizes.append(t.numel())
        return t

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        network(x).sum()
    return sum(sizes)


def test_memory_does_not_grow_with_depth():
    x = torch.randn(5, 12, dtype=torch.float64, requires_grad=True)
    assert kept(stack(2), x) == kept(stack(16), x) == x.numel()
    plain = [nn.Sequential(*stack(depth).blocks) for depth in (2, 16)]
    few, many = (kept(network, x) for network in plain)
    assert many > 7 * few


def test_a_network_of_images_learns_in_bfloat16():
    torch.manual_seed(0)
    network = RevNet((1, 8, 8), 3, width=4, blocks=2)
    x = torch.randn(4, 64)
    slopes = []
    for enabled in (False, True):
        network.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled):
            loss = network(x).square().mean()
        loss.backward()
        slopes.append(torch.cat([p.grad.flatten() for p in network.parameters()]))
    exact, rough = slopes
    assert torch.nn.functional.cosine_similarity(exact, rough, dim=0) > 0.98


def test_sizes_that_cannot_be_halved_are_refused():
    with pytest.raises(ValueError, match="width must be even"):
        RevNet((1, 8, 8), 3, width=3)
    with pytest.raises(ValueError, match="multiples of 4"):
        RevNet((1, 6, 6), 3, stages=3)
