"""Networks as homeworks have them: plain modules of torch that know nothing of this library."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm, weight_norm


class Critic(nn.Module):
    """A loop over layers, a function as attribute, a norm, and what forward leaves behind."""

    def __init__(self, features, hidden=(16, 16), slope=0.2):
        super().__init__()
        sizes = [features, *hidden]
        self.hidden = list(hidden)
        self.layers = nn.ModuleList([spectral_norm(nn.Linear(a, b)) for a, b in zip(sizes, hidden)])
        self.last = nn.Linear(hidden[-1], 1)
        self.activation = F.leaky_relu
        self.slope = slope
        self.features = None
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        h = x.flatten(1)
        for layer in self.layers:
            h = self.activation(layer(h), self.slope)
        self.features = h
        return self.last(h)


class Generator(nn.Sequential):
    """A subclass of a container, for images or vectors of any shape."""

    def __init__(self, latent, shape):
        numbers = np.prod(shape)
        super().__init__(
            nn.Linear(latent, 16),
            nn.ReLU(True),
            nn.Linear(16, int(numbers)),
            nn.Unflatten(1, shape),
        )
        self.numbers = numbers


class Denoiser(nn.Module):
    """Frequencies as a plain tensor, another set in a buffer that is not saved, a frozen part."""

    def __init__(self, features, width=16):
        super().__init__()
        self.frequencies = torch.randn(width // 2)
        self.register_buffer("phases", torch.rand(width // 2), persistent=False)
        self.scale = nn.Parameter(torch.full((width,), 0.5), requires_grad=False)
        self.time = nn.Sequential(nn.Linear(width, width), nn.SiLU())
        self.first, self.second = nn.Linear(features, width), nn.Linear(width, features)
        self.act = torch.tanh

    def forward(self, x, t):
        angles = t[:, None] * self.frequencies + self.phases
        embedded = torch.cat([angles.sin(), angles.cos()], 1) * self.scale
        return self.second(self.act(self.first(x) + self.time(embedded)))


class Encoder(nn.Module):
    """Keeps the distribution of its last call, which no file could hold."""

    def __init__(self, dims, outputs):
        super().__init__()
        self.net = nn.Sequential(nn.Flatten(), weight_norm(nn.Linear(dims, 16)), nn.ELU())
        self.norm, self.head = nn.BatchNorm1d(16), nn.Linear(16, outputs)
        self.kl = 0

    def forward(self, x):
        out = self.head(self.norm(self.net(x)))
        mean, scale = out.chunk(2, 1)
        self.q = torch.distributions.Normal(mean, scale.exp())
        self.kl = torch.distributions.kl_divergence(self.q, torch.distributions.Normal(0, 1)).sum(1)
        return out


class Tied(nn.Module):
    """One weight in two layers, one layer at two places, and layers that a list names again."""

    def __init__(self, features, width=16):
        super().__init__()
        self.into, self.out_of = nn.Linear(features, width), nn.Linear(width, features, bias=False)
        self.out_of.weight = nn.Parameter(self.into.weight.detach().T.contiguous())
        self.again = nn.Linear(features, width)
        self.again.weight = self.into.weight
        self.shared = nn.Linear(width, width)
        self.twice = nn.ModuleList([self.shared, self.shared])
        self.order = [self.into, self.shared, self.again]

    def forward(self, x):
        h = self.order[0](x).relu() + self.order[2](x)
        for layer in self.twice:
            h = layer(h).relu()
        return self.out_of(self.order[1](h))


class Normalisation(nn.Module):
    """Moving statistics as plain tensors, put in place anew in each call, as a textbook has it."""

    def __init__(self, features):
        super().__init__()
        self.gamma, self.beta = (
            nn.Parameter(torch.ones(features)),
            nn.Parameter(torch.zeros(features)),
        )
        self.moving_mean, self.moving_var = torch.zeros(features), torch.ones(features)

    def forward(self, x):
        if self.training:
            mean, var = x.mean(0), x.var(0, correction=0)
            self.moving_mean = 0.9 * self.moving_mean + 0.1 * mean.detach()
            self.moving_var = 0.9 * self.moving_var + 0.1 * var.detach()
        else:
            mean, var = self.moving_mean, self.moving_var
        return self.gamma * (x - mean) / (var + 1e-5).sqrt() + self.beta


class Once(nn.Module):
    """Scales itself by its first batch, and remembers that it did in a plain attribute."""

    def __init__(self, features):
        super().__init__()
        self.log_scale = nn.Parameter(torch.zeros(features))
        self.started = False

    def forward(self, x):
        if not self.started:
            self.log_scale.data.copy_(-(x.std(0) + 1e-3).log())
            self.started = True
        return x * self.log_scale.exp()


class Outer:
    class Inner(nn.Module):
        """A class inside a class."""

        def forward(self, x):
            return 2 * x
