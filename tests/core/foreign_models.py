"""Models of homework networks, and what makes two of them the same."""

import torch
from homework import Critic, Generator
from torch import nn

import pushforward as pf
from pushforward.core.checkpoint import weights

PLANE, BARS = pf.Reals((2,)), pf.Pixels(1, 4, 4, levels=2)


def mlp(inputs, outputs):
    return nn.Sequential(nn.Linear(inputs, 16), nn.LeakyReLU(0.2), nn.Linear(16, outputs))


def gan(space=PLANE):
    return pf.GAN(space, Generator(4, space.shape), Critic(space.dims), latent=4)


def drawn(model):
    torch.manual_seed(1)
    return model.eval().sample(5)


def same(one, other):
    mine, theirs = weights(one), weights(other)
    assert list(mine) == list(theirs)
    assert [n for n, t in mine.items() if not torch.equal(t, theirs[n])] == []
    assert torch.equal(drawn(one), drawn(other))
