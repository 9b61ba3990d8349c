"""The smallest models that can go wrong in the ways that tests look for."""

import torch
from torch import nn

import pushforward as pf


class Normal(pf.Density):
    """A diagonal Gaussian."""

    def __init__(self, features: int):
        super().__init__(pf.Reals((features,)))
        self.mean = nn.Parameter(torch.zeros(features))
        self.log_scale = nn.Parameter(torch.zeros(features))

    def log_prob(self, x):
        return torch.distributions.Normal(self.mean, self.log_scale.exp()).log_prob(x).sum(-1)

    def sample(self, n):
        return self.mean + self.log_scale.exp() * torch.randn(n, *self.space.shape)


class Duel(pf.Generative):
    """Two players, each with a network that the other's loss runs through."""

    def __init__(self, critic: pf.Component, generator: pf.Component, turns: int = 2):
        super().__init__(pf.Reals((2,)))
        self.critic, self.generator, self.turns = critic, generator, turns

    def sample(self, n):
        return self.generator(torch.randn(n, 2))

    def players(self):
        return (
            pf.Player("critic", self.critic, self.critic_loss, turns=self.turns),
            pf.Player("generator", self.generator, self.generator_loss),
        )

    def fake(self, x):
        return self.generator(torch.randn_like(x))

    def critic_loss(self, x):
        real = x.detach().requires_grad_()
        out = self.critic(real)
        (slope,) = torch.autograd.grad(out.sum(), real, create_graph=True)
        gap = self.critic(self.fake(x)) - out
        return {"gap": gap[:, 0], "penalty": (slope.norm(dim=1) - 1) ** 2}

    def generator_loss(self, x):
        return {"gap": -self.critic(self.fake(x))[:, 0]}


class Tied(pf.Component):
    """Two parts, of which one holds the other."""

    def __init__(self, part: pf.Component, again: pf.Component):
        super().__init__()
        self.part, self.again = part, again


class Twice(pf.Component):
    """Holds a part."""

    def __init__(self, *parts: pf.Component, scale: float = 1.0):
        super().__init__()
        self.parts = nn.ModuleList(parts)


def duel():
    return Duel(pf.MLP(2, 1, width=8), pf.MLP(2, 2, width=8))


def normal_data(n=512, features=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    split = pf.Split((torch.randn(n, features, generator=generator) * 2 + 1,))
    return pf.Dataset("normal", pf.Reals((features,)), split, split.first(128), split)
