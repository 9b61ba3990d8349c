"""Networks that may be told something, against torch's own layers in the same order."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from pushforward.nn.conv import ConvDecoder, ConvEncoder
from pushforward.nn.mlp import MLP, FlatMLP


def test_a_perceptron_that_is_told_nothing_is_torchs_own_layers_draw_for_draw():
    torch.manual_seed(0)
    theirs = nn.Sequential(nn.Linear(3, 8), nn.SiLU(), nn.Linear(8, 8), nn.SiLU(), nn.Linear(8, 2))
    after = torch.rand(())
    torch.manual_seed(0)
    ours = MLP(3, 2, width=8)
    assert torch.equal(torch.rand(()), after)
    x = torch.randn(5, 3)
    assert torch.equal(ours(x), theirs(x))
    assert [p.shape for p in ours.parameters()] == [p.shape for p in theirs.parameters()]


def test_an_encoder_that_is_told_nothing_is_torchs_own_layers_draw_for_draw():
    torch.manual_seed(0)
    layers = [nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 8, 3, 2, 1), nn.Linear(8 * 16, 3)]
    after = torch.rand(())
    torch.manual_seed(0)
    ours = ConvEncoder((1, 8, 8), 3, width=4)
    assert torch.equal(torch.rand(()), after)
    x = torch.randn(5, 1, 8, 8)
    theirs = layers[2](F.silu(layers[1](F.silu(layers[0](x)))).flatten(1))
    assert torch.equal(ours(x), theirs)
    assert len(list(ours.parameters())) == 6


def test_a_decoder_that_is_told_nothing_is_torchs_own_layers_draw_for_draw():
    torch.manual_seed(0)
    layers = [nn.Linear(3, 8 * 16), nn.Conv2d(8, 4, 3, padding=1), nn.Conv2d(4, 1, 3, padding=1)]
    after = torch.rand(())
    torch.manual_seed(0)
    ours = ConvDecoder(3, (1, 8, 8), width=4)
    assert torch.equal(torch.rand(()), after)
    z = torch.randn(5, 3)
    h = F.interpolate(F.silu(layers[0](z).view(5, 8, 4, 4)), (8, 8))
    assert torch.equal(ours(z), layers[2](F.silu(layers[1](h))))
    assert len(list(ours.parameters())) == 6


def test_a_perceptron_joins_what_it_is_told_to_every_place_of_its_input():
    net, c = MLP(3, 2, width=8, context=4), torch.randn(5, 4)
    x = torch.randn(5, 6, 7, 3)
    assert net.net[0][0].in_features == 7
    for i, j in ((0, 0), (5, 6)):
        torch.testing.assert_close(net(x, c)[:, i, j], net.net(torch.cat([x[:, i, j], c], 1)))
    flat = FlatMLP(6, 2, width=8, context=4)
    shaped = torch.randn(5, 2, 3)
    assert torch.equal(flat(shaped, c), flat.net(torch.cat([shaped.flatten(1), c], 1)))


def test_convolutions_add_a_linear_map_of_what_they_are_told_after_every_layer():
    torch.manual_seed(0)
    net, c = ConvEncoder((1, 8, 8), 3, width=4, context=2), torch.randn(5, 2)
    x = torch.randn(5, 1, 8, 8)
    told = [F.linear(c, shift.weight)[:, :, None, None] for shift in net.shifts]
    h = net.down[0](F.silu(net.enter(x) + told[0])) + told[1]
    torch.testing.assert_close(net(x, c), net.leave(F.silu(h).flatten(1)))
    net, z = ConvDecoder(3, (1, 8, 8), width=4, context=2), torch.randn(5, 3)
    told = [F.linear(c, shift.weight)[:, :, None, None] for shift in net.shifts]
    h = F.interpolate(F.silu(net.enter(z).view(5, 8, 4, 4) + told[0]), (8, 8))
    torch.testing.assert_close(net(z, c), net.leave(F.silu(net.up[0](h) + told[1])))


@pytest.mark.parametrize("net", [MLP(3, 2), ConvDecoder(3, (1, 8, 8)), FlatMLP(3, 2)])
def test_who_is_told_nothing_refuses_to_be_told(net):
    with pytest.raises(ValueError, match=r"context=0: expected x alone, and was told a vector"):
        net(torch.randn(5, 3), torch.randn(5, 2))


def test_who_is_told_refuses_another_length_and_nothing():
    net = MLP(3, 2, context=4)
    with pytest.raises(ValueError, match=r"c of shape \(batch, 4\), and was told nothing"):
        net(torch.randn(5, 3))
    with pytest.raises(ValueError, match=r"and was told a vector of length 2"):
        net(torch.randn(5, 3), torch.randn(5, 2))
