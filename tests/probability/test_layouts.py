"""What must not depend on which dimension lies last in memory."""

import math

import pytest
import torch

from pushforward.core.spaces import Pixels
from pushforward.models.flow.glow import Glow
from pushforward.nn.sums import per_example
from pushforward.probability.bijections.linear import Mixing
from pushforward.probability.bijections.shapes import Squeeze


@pytest.mark.parametrize("shape", [(3,), (3, 5), (2, 3, 4), (2, 3, 4, 5)])
def test_sums_each_example_alone(shape):
    x = torch.randn(shape, dtype=torch.float64)
    expected = [math.fsum(example.flatten().tolist()) for example in x]
    assert torch.allclose(per_example(x), torch.tensor(expected, dtype=torch.float64), atol=1e-12)


def test_takes_channels_that_lie_last():
    x = torch.randn(2, 3, 4, 5, dtype=torch.float64)
    last = x.contiguous(memory_format=torch.channels_last)
    assert torch.allclose(per_example(last), per_example(x), atol=1e-12)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_mixing_is_a_1x1_convolution(layout):
    x = torch.randn(2, 3, 4, 5, dtype=torch.float64).contiguous(memory_format=layout)
    mixing = Mixing(3).double()
    expected = torch.nn.functional.conv2d(x, mixing.weight[:, :, None, None])
    assert torch.allclose(mixing(x)[0], expected, atol=1e-12)


def test_a_flow_gives_what_can_be_viewed():
    model = Glow(Pixels(3, 8, 8), 2, 2, 16)
    x = model.sample(4)
    with torch.no_grad():
        z = model.noise(x)
        assert model.push(z).view(4, -1).shape == x.view(4, -1).shape == z.view(4, -1).shape


def test_squeeze_is_pixel_unshuffle():
    x = torch.randn(2, 3, 4, 6)
    z = Squeeze().there(x)
    assert torch.equal(z, torch.nn.functional.pixel_unshuffle(x, 2))
    assert torch.equal(Squeeze().back(z), x)


def test_an_empty_batch_of_images():
    model = Glow(Pixels(3, 8, 8), 2, 2, 16)
    model.loss(torch.randint(256, (4, 3, 8, 8), dtype=torch.uint8))  # starts from data
    x = torch.empty(0, 3, 8, 8, dtype=torch.uint8)
    assert model.eval().elbo(x).shape == (0,)
