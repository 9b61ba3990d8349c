from __future__ import annotations

import pytest
import torch

from pushforward.core.contract import Density
from pushforward.models.flow.distillation import Distillation
from pushforward.models.flow.iaf import IAF
from pushforward.models.flow.maf import MAF
from pushforward.models.flow.planar import PlanarFlow
from pushforward.models.flow.realnvp import VectorRealNVP
from pushforward.probability.energies import PlaneEnergy
from pushforward.probability.gaussian import FixedMixture
from pushforward.theory.flow_kl_duality import data_side, noise_side


def trained(model, loss, steps, lr=5e-3):
    optimizer = torch.optim.Adam(model.parameters(), lr)
    for _ in range(steps):
        optimizer.zero_grad()
        loss().mean().backward()
        optimizer.step()
    return model.eval()


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_energies_are_normalised_and_their_samples_follow(number):
    target = PlaneEnergy(number).double()
    side = torch.linspace(-5.5, 5.5, 300, dtype=torch.float64)
    points = torch.cartesian_prod(side, side)
    log_p = target.log_prob(points)
    cell = (side[1] - side[0]) ** 2
    assert abs(log_p.exp().sum() * cell - 1) < 1e-3
    torch.manual_seed(0)
    entropy = -(log_p.exp() * log_p).sum() * cell
    drawn = -target.log_prob(target.sample(4000))
    assert abs(drawn.mean() - entropy) < 4 * drawn.std() / 4000**0.5 + 1e-2


def test_energies_at_points_worked_by_hand():
    at = torch.tensor([[2.0, 0.0]])
    for number, expected in {1: 0.0, 2: 0.0}.items():
        assert abs(PlaneEnergy(number).energy(at).item() - expected) < 1e-5
    assert abs(PlaneEnergy(2).energy(torch.tensor([[1.0, 1.8]])).item() - 2.0) < 1e-5
    assert abs(PlaneEnergy(3).energy(torch.tensor([[1.0, -2.0]])).item()) < 1e-5
    assert abs(PlaneEnergy(4).energy(torch.tensor([[4.0, -3.0]])).item()) < 1e-3
    with pytest.raises(ValueError, match="there is no 5"):
        PlaneEnergy(5)


def test_more_planar_steps_come_nearer_to_the_energy():
    """KL(q || p) by reverse KL alone, in nats: a Gaussian cannot, planar flows can."""
    target, found = PlaneEnergy(2), []
    for steps in (1, 6):
        torch.manual_seed(0)
        flow = PlanarFlow(2, steps)

        def gap(flow=flow):
            x, log_q = flow.rsample_and_log_prob(128)
            return log_q - target.log_prob(x)

        trained(flow, gap, 250, lr=2e-2)
        with torch.no_grad():
            found.append(torch.cat([gap() for _ in range(10)]).mean().item())
    assert 0 < found[1] < found[0] - 0.3


def test_both_sides_of_the_duality_agree_on_a_trained_flow():
    torch.manual_seed(0)
    target = FixedMixture(((-1.0, 0.0), (1.0, 0.5)), (0.5, 0.7)).double()
    flow = VectorRealNVP(2, couplings=4, width=16, layers=1).double()
    x = target.sample(2000)
    trained(flow, lambda: -flow.log_prob(x[torch.randint(2000, (128,))]), 60)
    one, other = data_side(target, flow), noise_side(target, flow)
    assert abs(one.nats - other.nats) < 3 * (one.stderr**2 + other.stderr**2) ** 0.5
    assert 0 < one.nats < 0.5  # neither perfect nor hopeless
    assert one.stderr < 0.02
    side = torch.linspace(-7, 7, 200, dtype=torch.float64)  # the noise side on a grid of noise
    with torch.no_grad():
        z = torch.cartesian_prod(side, side)
        x, log_det = flow.bijection.inverse(z)
        log_p = target.log_prob(x) + log_det
        exact = (log_p.exp() * (log_p - flow.base.log_prob(z))).sum() * (side[1] - side[0]) ** 2
    assert abs(exact - one.nats) < 4 * one.stderr


@torch.no_grad()
def on_a_grid(p, q, reach=8.0, points=300):
    """KL(p || q) in the plane as a sum over cells."""
    side = torch.linspace(-reach, reach, points)
    x = torch.cartesian_prod(side, side)
    log_p = p.log_prob(x)
    cell = (side[1] - side[0]) ** 2
    assert abs((log_p.exp().sum() * cell).item() - 1) < 1e-2, "the grid holds all of p"
    return ((log_p.exp() * (log_p - q.log_prob(x))).sum() * cell).item()


def test_a_student_comes_to_its_teacher():
    torch.manual_seed(0)
    teacher, student = MAF(2, couplings=2, width=16), IAF(2, couplings=2, width=16)
    for parameter in teacher.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    model = Distillation(teacher, student)

    def kl():
        return sum(model.distil(torch.empty(128, 2)).values())

    with torch.no_grad():
        before = torch.cat([kl() for _ in range(10)]).mean()
    trained(student, kl, 120, lr=1e-2)
    with torch.no_grad():
        after = torch.cat([kl() for _ in range(10)]).mean()
    assert after < 0.25 * before
    with torch.no_grad():
        drawn = torch.cat([kl() for _ in range(40)])
    exact = on_a_grid(student, teacher)
    assert abs(drawn.mean().item() - exact) < 4 * drawn.std().item() / len(drawn) ** 0.5 + 1e-3
    assert 0 < exact < 0.25 * before
    assert [s.name for s in model.stages()] == ["teach", "distil"]
    assert isinstance(model, Density)
    with pytest.raises(ValueError, match="the teacher is over"):
        Distillation(MAF(3), student)
