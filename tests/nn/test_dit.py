"""The diffusion Transformer: torch's layer where gates are open, nothing where they are shut."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from pushforward.core.spaces import Labels
from pushforward.nn.dit import DiT, DiTBlock, positions


def opened(net: nn.Module) -> nn.Module:
    """Weights that are all alive, drawn under a seed."""
    torch.manual_seed(0)
    for p in net.parameters():
        nn.init.normal_(p, std=0.2)
    return net.double()


def test_a_block_with_open_gates_is_torchs_encoder_layer():
    """Of norms without weights, in the order of GPT-2."""
    block = opened(DiTBlock(16, 4))
    theirs = nn.TransformerEncoderLayer(
        16, 4, 64, 0.0, nn.GELU("tanh"), 1e-6, batch_first=True, norm_first=True
    ).double()
    with torch.no_grad():
        block.modulation.weight.zero_()
        block.modulation.bias.zero_()
        block.modulation.bias[32:48] = block.modulation.bias[80:96] = 1
        for mine, its in (
            (block.enter.weight, theirs.self_attn.in_proj_weight),
            (block.enter.bias, theirs.self_attn.in_proj_bias),
            (block.leave.weight, theirs.self_attn.out_proj.weight),
            (block.leave.bias, theirs.self_attn.out_proj.bias),
            (block.mlp[0].weight, theirs.linear1.weight),
            (block.mlp[0].bias, theirs.linear1.bias),
            (block.mlp[2].weight, theirs.linear2.weight),
            (block.mlp[2].bias, theirs.linear2.bias),
        ):
            its.copy_(mine)
    h = torch.randn(3, 7, 16, dtype=torch.float64)
    torch.testing.assert_close(block(h, torch.randn(3, 16).double()), theirs.train()(h))


def test_shut_gates_leave_what_they_were_given():
    block = DiTBlock(16, 4).double()
    h, e = torch.randn(2, 5, 16).double(), torch.randn(2, 16).double()
    assert torch.equal(block(h, e), h)
    assert not DiT(3)(torch.randn(2, 3, 8, 8), torch.rand(2)).any()


def test_modulation_is_the_papers_formula():
    block, h, e = opened(DiTBlock(8, 2)), torch.randn(2, 5, 8).double(), torch.randn(2, 8).double()
    b1, s1, g1, b2, s2, g2 = block.modulation(e)[:, None].split(8, -1)

    def norm(h):
        centred = h - h.mean(-1, keepdim=True)
        return centred / (centred.square().mean(-1, keepdim=True) + 1e-6).sqrt()

    there = h + g1 * block.attention(norm(h) * (1 + s1) + b1)
    expected = there + g2 * block.mlp(norm(there) * (1 + s2) + b2)
    torch.testing.assert_close(block(h, e), expected)


def test_positions_are_sines_of_row_and_column():
    found = positions(3, 5, 8, torch.zeros((), dtype=torch.float64))
    assert found.shape == (15, 8)
    omega = 1 / 10_000 ** (np.arange(2) / 2)
    for row in range(3):
        for column in range(5):
            parts = [f(place * omega) for place in (row, column) for f in (np.cos, np.sin)]
            np.testing.assert_allclose(found[5 * row + column], np.concatenate(parts), atol=1e-12)


def test_patches_come_back_where_they_were_cut():
    """Blocks that are shut pass nothing between patches, so each answers for its own alone."""
    net = opened(DiT(2, outputs=3, patch=2, width=8, layers=1, heads=2))
    with torch.no_grad():
        net.blocks[0].modulation.weight.zero_()
        net.blocks[0].modulation.bias.zero_()
    x, t = torch.randn(1, 2, 4, 6).double(), torch.rand(1).double()
    base = net(x, t)
    assert base.shape == (1, 3, 4, 6)
    places = net.enter(x).flatten(2).transpose(1, 2) + positions(2, 3, 8, x)
    shift, scale = net.modulation(nn.functional.silu(net.embed(t))).chunk(2, -1)
    said = net.leave(nn.functional.layer_norm(places, (8,), eps=1e-6) * (1 + scale) + shift)
    shuffled = nn.functional.pixel_shuffle(said.mT.unflatten(2, (2, 3)), 2)
    torch.testing.assert_close(base, shuffled)
    for row in range(2):
        for column in range(3):
            moved = x.clone()
            moved[..., 2 * row : 2 * row + 2, 2 * column : 2 * column + 2] += 1
            changed = (net(moved, t) - base).abs().sum((0, 1)) > 1e-12
            expected = torch.zeros(4, 6, dtype=torch.bool)
            expected[2 * row : 2 * row + 2, 2 * column : 2 * column + 2] = True
            assert torch.equal(changed, expected)


def test_time_class_and_places_are_heard_by_all():
    net = opened(DiT(1, patch=2, width=8, layers=2, heads=2, classes=3))
    assert net.given == Labels(3)
    x, t = torch.randn(1, 1, 4, 4).double(), torch.full((1,), 0.3).double()
    y = torch.zeros(1, dtype=torch.long)
    base = net(x, t, y)
    assert (net(x, t + 0.1, y) != base).all()
    assert (net(x, t, y + 1) != base).all()
    moved = x.clone()
    moved[..., 0, 0] += 1
    assert (net(moved, t, y) != base).all()
    assert (net(x.flip(-1), t, y) != base.flip(-1)).any()


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: DiT(1, width=10), "multiple of 4"),
        (lambda: DiT(1, width=8, heads=3), "multiple of 4 and of heads"),
        (lambda: DiT(1, patch=0), "patch"),
        (lambda: DiT(1, layers=0), "layers"),
        (lambda: DiT(1, patch=4)(torch.zeros(1, 1, 6, 8), torch.zeros(1)), "do not divide.*6x8"),
    ],
)
def test_what_cannot_be_is_said(build, said):
    with pytest.raises(ValueError, match=said):
        build()
