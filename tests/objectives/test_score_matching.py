from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal

from pushforward.objectives.score_matching import (
    DenoisingMatching,
    ExplicitMatching,
    SlicedMatching,
)
from pushforward.probability.divergence import divergence, projected_divergence, rademacher

MEANS, STD = torch.tensor([[-1.0, 0.0], [1.0, 0.5]], dtype=torch.float64), 0.6


def mixture(std: float = STD) -> MixtureSameFamily:
    parts = MultivariateNormal(MEANS, std**2 * torch.eye(2, dtype=torch.float64))
    return MixtureSameFamily(Categorical(torch.tensor([0.4, 0.6], dtype=torch.float64)), parts)


def true_score(x: torch.Tensor, std: float = STD) -> torch.Tensor:
    x = x.detach().requires_grad_()
    return torch.autograd.grad(mixture(std).log_prob(x).sum(), x)[0]


class MixtureScore(nn.Module):
    """The score of two Gaussians whose means, common deviation and weights are to be found."""

    def __init__(self):
        super().__init__()
        self.means = nn.Parameter(torch.tensor([[-0.3, -0.3], [0.3, 0.3]], dtype=torch.float64))
        self.logits = nn.Parameter(torch.zeros(2, dtype=torch.float64))
        self.log_std = nn.Parameter(torch.zeros((), dtype=torch.float64))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        apart = (self.means - x[:, None]) * (-2 * self.log_std).exp()
        distance = (apart * (self.means - x[:, None])).sum(-1) / 2
        weights = (self.logits - distance).softmax(1)
        return (weights[:, :, None] * apart).sum(1)


@pytest.mark.parametrize(
    ("matching", "std"),
    [
        (ExplicitMatching(), STD),
        (SlicedMatching(2), STD),
        (SlicedMatching(4, reduced=False), STD),
        (DenoisingMatching(0.3), (STD**2 + 0.3**2) ** 0.5),
    ],
)
def test_each_loss_reaches_the_score_of_a_mixture(matching, std):
    torch.manual_seed(0)
    model, data = MixtureScore(), mixture().sample((4000,))
    optimizer = torch.optim.Adam(model.parameters(), 0.05)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 150)
    for _ in range(150):
        optimizer.zero_grad()
        matching(model, data).mean().backward()
        optimizer.step()
        schedule.step()
    assert model.log_std.exp().item() == pytest.approx(std, abs=0.02)
    x = mixture(std).sample((4000,))
    wrong = (model(x) - true_score(x, std)).square().sum(1).mean()
    error = (wrong / true_score(x, std).square().sum(1).mean()).item()
    assert error < 0.01


def test_explicit_loss_is_the_fisher_divergence_up_to_a_constant():
    torch.manual_seed(0)
    x = mixture().sample((200_000,))
    truth = true_score(x)
    differences = []
    for shift in (0.0, 0.7):
        field = lambda x, shift=shift: -(x - shift)  # noqa: E731
        fisher = (field(x) - truth).square().sum(1).mean() / 2
        differences.append(ExplicitMatching()(field, x).mean() - fisher)
    torch.testing.assert_close(differences[0], differences[1], rtol=0, atol=0.02)


def test_divergence_is_the_trace_of_the_jacobian():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 3)).double()
    x = torch.randn(4, 3, dtype=torch.float64)
    value, trace = divergence(net, x)
    jacobians = torch.stack([torch.func.jacrev(net)(row) for row in x])
    torch.testing.assert_close(value, net(x))
    torch.testing.assert_close(trace, torch.einsum("bii->b", jacobians))
    many = x[:1].expand(20_000, -1)
    _, estimates = projected_divergence(net, many, rademacher(many, 2))
    error = estimates.std().item() / 20_000**0.5
    assert estimates.mean().item() == pytest.approx(trace[0].item(), abs=4 * error + 1e-12)


def test_bad_values_are_refused():
    with pytest.raises(ValueError, match="sigma"):
        DenoisingMatching(0.0)
    with pytest.raises(ValueError, match="projections"):
        SlicedMatching(0)


def test_variance_reduction_changes_the_variance_and_not_the_mean():
    torch.manual_seed(0)
    x = torch.randn(1, 2, dtype=torch.float64).expand(20_000, 2)
    found = [SlicedMatching(reduced=r)(some_score, x) for r in (True, False)]
    for loss in found:
        error = loss.std().item() / 20_000**0.5
        assert loss.mean().item() == pytest.approx(
            ExplicitMatching()(some_score, x[:1]).item(), abs=5 * error + 1e-9
        )
    assert found[0].var() < found[1].var()


def some_score(x: torch.Tensor) -> torch.Tensor:
    return MixtureScore()(x)
